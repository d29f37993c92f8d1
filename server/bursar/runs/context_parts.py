"""A run's window as its next request would carry it, folded from the journal's records. Pure but for counting."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from bursar.domain.context.last_use import Said
from bursar.domain.context.parts import Answered, Origin, Piece, SessionContext, session_context
from bursar.domain.context.rules import rules_for
from bursar.domain.context.session import texts_in
from bursar.domain.conversation import Block, BrokenToolCall, Message, Text, ToolCall, ToolResult
from bursar.domain.ports import PriceBook, TokenCounter
from bursar.domain.routes import Target
from bursar.domain.runs import RequestRow, RunEvent, RunRecord, StepRecord
from bursar.runs.assemble import BETWEEN, FirstRequest, opening
from bursar.runs.booking import target_of_step
from bursar.runs.fold import AskModel, UseTool, kept_parts, next_act, request_key, tool_key, tool_order
from bursar.runs.gather import origin_of
from bursar.runs.modes import Modes, modes_of
from bursar.runs.resuming import asked_target
from bursar.runs.shapes import FULL, STUB, Shapes, shapes_of
from bursar.runs.tools import TOOLS
from bursar.runs.warming import warmed_at

_DOCUMENT = re.compile(r'^<document path="([^"\n]*)">$', re.MULTILINE)
_TITLE_CHARS = 80
_NEVER = 2**31


def context_of(
    run: RunRecord,
    steps: Sequence[StepRecord],
    events: Sequence[RunEvent],
    requests: Sequence[RequestRow],
    *,
    counter: TokenCounter,
    prices: PriceBook,
    wire_of: Callable[[str], str | None],
    at: str,
) -> SessionContext:
    """The window of a run with its whole first request, at a moment; counts, so beside the loop.

    ``requests`` are the run's, oldest first. ``wire_of`` is the wire format of a provider by its name; None for one
    that no setting has any more.
    """
    first = FirstRequest.from_json(run.first_request)
    modes = modes_of(events, began_terse=first.terse)
    target = asked_target(run, modes)
    answered = _answered(run, steps, events, requests, target, at)
    then = FULL if answered is None else shapes_of(_before_request(events, answered.n))
    window = Window(first, steps, modes, shapes_of(events), then)
    return session_context(
        window.pieces(run),
        window.said(),
        run=run.run,
        model=str(target),
        next_request=window.next_request,
        counter=counter,
        price=prices.price(provider=target.provider, model=target.model, at=at),
        writes=wire_of(target.provider) == "anthropic",
        rules=rules_for(target.model),
        answered=answered,
        window_tokens=prices.window_tokens(provider=target.provider, model=target.model),
    )


class Window:
    """The turns of a run up to its next request, each block with the name of its part.

    A call whose result is not there yet stands without one; a run that is over is shown as if it went on. ``then`` is
    how results stood in the newest request that was sent.
    """

    def __init__(
        self,
        first: FirstRequest,
        steps: Sequence[StepRecord],
        modes: Modes,
        shapes: Shapes = FULL,
        then: Shapes | None = None,
    ) -> None:
        self._first = first
        self._shapes = shapes
        self._then = shapes if then is None else then
        self._by_key = {each.key: each for each in steps}
        self._pending: set[str] = set()
        self.later = self._asked(list(steps), modes)
        self.next_request = self.later.n

    def pieces(self, run: RunRecord) -> list[Piece]:
        """The parts in the order of the prompt."""
        pieces = []
        if self._first.tools:
            pieces.append(_fixed("tools", "tools", f"{len(TOOLS)} tools", _tools_text()))
        pieces.append(_fixed("system", "system", "Bursar's rules for the agent", self._first.system))
        for item, title, text in _documents(self._first):
            pieces.append(_fixed(item, _origin(item), title, text))
        task, *words = opening(self._first).blocks[1:]
        texts = [each.text for each in (task, *words) if isinstance(each, Text)]
        turns = {each.item: each for each in self._turns()}
        if "task" in turns:
            texts.append(turns.pop("task").text)
        pieces.append(_fixed("task", "task", f"Task {run.task_address} {run.task_title}", "\n".join(texts)))
        return [*pieces, *self._summary(), *turns.values()]

    def _summary(self) -> list[Piece]:
        compacted = self._shapes.compacted
        if compacted is None:
            return []
        return [
            Piece(
                item="summary",
                origin="conversation",
                title=f"Summary of answers 1-{compacted.up_to}",
                text="\n".join(_text_of(block) for turn in compacted.turns() for block in turn.blocks),
                first_request=compacted.n,
                changed_after=self._then.compacted != compacted,
                blocks=2,
            )
        ]

    def said(self) -> list[Said]:
        """What each answer says."""
        return [
            Said(request=n, texts=tuple(_said(message.blocks)))
            for n, message, is_answer in self._messages()
            if is_answer
        ]

    def _turns(self) -> list[Piece]:
        texts: dict[str, list[str]] = {}
        titles: dict[str, list[str]] = {}
        calls: list[ToolCall | BrokenToolCall] = []
        for n, message, is_answer in self._messages():
            results = 0
            if message.role == "assistant":
                calls = [each for each in message.blocks if is_answer and isinstance(each, ToolCall | BrokenToolCall)]
                titles.setdefault(request_key(n), []).extend(_said_title(message.blocks))
            for block in message.blocks:
                item = request_key(n) if n else "task"
                if isinstance(block, ToolResult) and results < len(calls):
                    item = tool_key(n, results)
                    titles[item] = [_call_title(calls[results])]
                    results += 1
                if item not in self._pending:
                    texts.setdefault(item, []).append(_text_of(block))
        return [self._piece(item, ", ".join(titles.get(item, ())), own) for item, own in texts.items()]

    def _piece(self, item: str, title: str, texts: Sequence[str]) -> Piece:
        text = "\n".join(texts)
        if item == "task":
            return _fixed(item, "task", title, text)
        n = int(item[1:].partition(".")[0])
        pinned = item in self._shapes.pinned
        if item.startswith("m"):
            named = f"Answer {n}: {title or 'text'}"
            return Piece(
                item=item,
                origin="conversation",
                title=named,
                text=text,
                first_request=n + 1,
                pinned=pinned,
                blocks=len(texts),
            )
        content = str((self._by_key[item].result or {}).get("content", ""))
        shape = self._shapes.cut.get(item)
        return Piece(
            item=item,
            origin="result",
            title=title,
            text=text,
            first_request=n + 1,
            whole=None if shape is None else content,
            shape="full" if shape is None else "stub" if shape == STUB else "excerpt",
            pinned=pinned,
            changed_after=self._shapes.text(item, content) != self._then.text(item, content),
        )

    def _messages(self) -> Iterator[tuple[int, Message, bool]]:
        """Each turn behind the opening with the request that it belongs to, and whether it is its whole answer."""
        compacted = self._shapes.compacted
        n, broken = (1 if compacted is None else compacted.up_to + 1), 0
        for message in self.later.later[0 if compacted is None else 2 :]:
            if message.role == "user":
                yield (n if broken else n - 1), message, False
                continue
            step = self._by_key.get(request_key(n))
            if step is not None and broken < len(kept_parts(step)):
                broken += 1
                yield n, message, False
            else:
                broken = 0
                yield n, message, True
                n += 1

    def _asked(self, steps: list[StepRecord], modes: Modes) -> AskModel:
        """The next request; what it waits for is put in as if it were there, and is in ``_pending``."""
        while True:
            act = next_act(
                steps,
                idle_limit=_NEVER,
                check=self._first.check,
                terse_from=modes.terse_from,
                terse_after=modes.terse_after,
                shapes=self._shapes,
            )
            if isinstance(act, AskModel):
                return act
            if isinstance(act, UseTool):
                key = tool_key(act.n, act.index)
                self._pending.add(key)
                steps = [each for each in steps if each.key != key]
                steps.append(_awaited(self._by_key[request_key(act.n)], key, act.n, act.index))
            else:
                steps = _not_finished(steps)


def _not_finished(steps: Sequence[StepRecord]) -> list[StepRecord]:
    """The steps as if the newest finish call had been refused: so a run that is over, or due for its check, goes on."""
    accepted = [
        each for each in steps if each.intent.get("tool") == "finish" and each.result and not each.result.get("error")
    ]
    newest = max(accepted, key=lambda each: each.n)
    refused = replace(newest, result={**(newest.result or {}), "error": True})
    return [refused if each is newest else each for each in steps]


def _awaited(like: StepRecord, key: str, n: int, index: int) -> StepRecord:
    result = {"content": "", "error": True}
    return replace(like, key=key, n=tool_order(n, index), kind="look", status="done", intent={}, result=result)


def _before_request(events: Sequence[RunEvent], n: int) -> Sequence[RunEvent]:
    """The events before the newest attempt at this request was sent."""
    sent = [at for at, each in enumerate(events) if each.kind == "request_started" and each.data.get("n") == n]
    return events[: sent[-1]] if sent else events


def _answered(
    run: RunRecord,
    steps: Sequence[StepRecord],
    events: Sequence[RunEvent],
    requests: Sequence[RequestRow],
    target: Target,
    at: str,
) -> Answered | None:
    """The newest answered request; its usage as far as its provider told it."""
    done = [each for each in steps if each.kind == "model" and each.status == "done"]
    newest = max(done, key=lambda each: each.n, default=None)
    if newest is None:
        return None
    rows = [each for each in requests if (each.step, each.attempt) == (newest.key, newest.attempt)]
    billed = rows[-1] if rows and rows[-1].certainty == "billed" else None
    n = int(newest.key[1:])
    return Answered(
        n=n,
        counted_tokens=int(newest.intent.get("counted_tokens", 0)),
        usage=None if billed is None else billed.usage,
        ago_s=_seconds_between(warmed_at(events, n) or newest.ended_at or newest.started_at, at),
        same_model=target_of_step(newest, run) == target,
    )


def _seconds_between(earlier: str, later: str) -> float:
    try:
        return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
    except ValueError:
        return 0.0


def _fixed(item: str, origin: Origin, title: str, text: str) -> Piece:
    return Piece(item=item, origin=origin, title=title, text=text, first_request=1)


def _tools_text() -> str:
    return "\n".join(
        _json({"name": each.name, "description": each.description, "input_schema": each.input_schema}) for each in TOOLS
    )


def _documents(first: FirstRequest) -> Iterator[tuple[str, str, str]]:
    """Item, title and text of each document, the blank line behind it included."""
    if not first.documents:
        # A run from before its documents were listed, or one without any.
        starts = [each.start() for each in _DOCUMENT.finditer(first.shared)]
        head = first.shared[: starts[0]] if starts else first.shared
        if head:
            yield "documents", "what stands in the place of documents", head
        for start, end in pairwise([*starts, len(first.shared)]):
            found = _DOCUMENT.match(first.shared, start)
            path = "" if found is None else found[1]
            yield f"{origin_of(path)}:{path}", path, first.shared[start:end]
        return
    at = 0
    for item, characters in first.documents:
        end = at + characters + len(BETWEEN)
        yield item, item.partition(":")[2], first.shared[at:end]
        at = end


def _origin(item: str) -> Origin:
    name = item.partition(":")[0]
    return "steering" if name == "steering" else "pinned" if name == "pinned" else "spec"


def _said(blocks: Sequence[Block]) -> Iterator[str]:
    for each in blocks:
        if isinstance(each, Text):
            yield each.text
        elif isinstance(each, ToolCall):
            yield from texts_in(each.input)
        elif isinstance(each, BrokenToolCall):
            yield each.raw_input


def _said_title(blocks: Sequence[Block]) -> list[str]:
    calls = [each.name for each in blocks if isinstance(each, ToolCall | BrokenToolCall)]
    if calls:
        return [name if calls.count(name) == 1 else f"{name} x{calls.count(name)}" for name in dict.fromkeys(calls)]
    return [_short(" ".join(each.text for each in blocks if isinstance(each, Text)))]


def _call_title(call: ToolCall | BrokenToolCall) -> str:
    if isinstance(call, BrokenToolCall):
        return f"{call.name} (broken)"
    about = (
        call.input.get("path") or call.input.get("pattern") or call.input.get("item") or call.input.get("argv") or ""
    )
    words = " ".join(str(each) for each in about) if isinstance(about, list) else str(about)
    return _short(f"{call.name} {words}")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _TITLE_CHARS else f"{words[: _TITLE_CHARS - 1]}…"


def _text_of(block: Block) -> str:
    """The block as the model reads it."""
    match block:
        case Text():
            return block.text
        case ToolCall():
            return f"{block.name}\n{_json(block.input)}"
        case BrokenToolCall():
            # What could not be read is not sent back: the formats want an object.
            return f"{block.name}\n{{}}"
        case ToolResult():
            return block.content


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
