"""The state machine of a streamed OpenAI response: what was said and called, and what can be fetched again."""

from __future__ import annotations

import re
from typing import Any

from bursar.domain.conversation import Block, Text
from bursar.domain.money.usage import Owed
from bursar.providers.canonical import reported_text
from bursar.providers.growing import GrowingAnswer, code_in, object_in, text_in
from bursar.providers.sse import SseEvent, SseParser
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Reported, responses_usage
from bursar.providers.wire import (
    CUT_BY_LIMIT,
    NOT_CLOSED,
    NOT_UTF8,
    BadStream,
    Reading,
    StreamError,
    call_block,
    text_block,
    whole_blocks,
)

# The id goes into an address that a key is sent to: nothing but what the vendors' ids are made of.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)

_AT_WORK = ("queued", "in_progress")
_INCOMPLETE = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}
_TEXT_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_THOUGHT_DELTAS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class ResponsesReader(GrowingAnswer):
    """Reads one streamed response: created, items with their deltas, completed or incomplete.

    Events are numbered: a repeated one is passed over and a missing one ends the answer, because it can be fetched.
    With ``mending``, as kept bytes are read, what is torn or out of its order is passed over too: what was missing
    follows further on. ``failed`` says that the provider gave the answer up, so that there is nothing to fetch.
    """

    parser = SseParser

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        super().__init__(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)
        self.failed = False
        self.mending = False
        self.sequence: int | None = None
        self._in_background = False
        self._started = False
        self._items: dict[int, _Item] = {}
        self._final: dict[str, Any] = {}
        self._given_up: dict[str, Any] = {}

    @property
    def may_end(self) -> bool:
        """Never: what comes with the end mark, the usage, comes with nothing else."""
        return False

    @property
    def fetchable(self) -> str | None:
        """The id under which the provider keeps this answer; None where it does not."""
        found = self.request_id if self._in_background and self.sequence is not None else None
        return found if found is not None and _PLAIN_ID.fullmatch(found) else None

    def take(self, event: SseEvent, /) -> None:
        """Read one event; raises StreamError and BadStream."""
        data = json_object(event.data)
        if data is None:
            if event.data.strip() == "[DONE]" or (self.mending and self.sequence is not None):
                return
            raise BadStream(f"the event {event.name[:40]!r} is not a JSON object")
        kind = str(data.get("type", event.name))
        if kind == "error" or (data.get("error") and not kind.startswith("response.")):
            if self.mending:
                # The stream broke off with it, the answer did not: that would have been response.failed.
                return
            raise _error(data)
        if not self._is_next(data.get("sequence_number")):
            return
        self._note_damage(event)
        if isinstance(data.get("response"), dict):
            self._start(data["response"])
        elif kind.startswith("response.") and not self._started:
            raise BadStream(f"{kind[:40]} came before response.created")
        if kind in ("response.completed", "response.incomplete"):
            self._finish(object_in(data.get("response")))
        elif kind in ("response.failed", "response.cancelled"):
            self._fail(object_in(data.get("response")))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._item_event(data, done=kind.endswith("done"))
        elif kind in _TEXT_DELTAS:
            self._hear(self._item(data, "message").parts, text_in(data.get("delta")))
        elif kind == "response.function_call_arguments.delta":
            self._hear(self._item(data, "function_call").parts, text_in(data.get("delta")))
        elif kind == "response.function_call_arguments.done":
            self._whole_arguments(data)
        elif kind in _THOUGHT_DELTAS:
            # Thoughts are billed as output and show that the model is at work; they are not part of the answer.
            self._think(text_in(data.get("delta")))

    def take_whole(self, response: dict[str, Any]) -> bool:
        """Read the answer as it stands; False while it is being made. Raises StreamError where it was given up."""
        status = response.get("status")
        if status in _AT_WORK:
            return False
        self._start(response)
        if status not in ("completed", "incomplete"):
            self._fail(response)
        # The whole of it is here: what was streamed before is the beginning of the same.
        self._items = {}
        self._finish(response)
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        reason = text_in(object_in(self._final.get("incomplete_details")).get("reason"))
        if self._final.get("status") == "incomplete" or reason:
            stop_reason = _INCOMPLETE.get(reason, reason or "max_tokens")
        else:
            stop_reason = "end_turn"
        blocks = self._blocks(stop_reason)
        if stop_reason == "end_turn" and any(not isinstance(each, Text) for each in blocks):
            stop_reason = "tool_use"
        reported, raw = self._reported(self._final)
        return Reading(
            request_id=self.request_id,
            model=self._model,
            blocks=tuple(blocks),
            stop_reason=stop_reason,
            reported=reported,
            usage_raw=raw,
            said="".join([*self._thoughts, *(part for each in self._items.values() for part in each.said)]),
            tier=text_in(self._final.get("service_tier")) or None,
        )

    def so_far(self) -> Reported | None:
        """What an answer that was given up reports: this format has usage in its last event alone."""
        return self._reported(self._given_up)[0]

    def kept(self) -> tuple[Block, ...]:
        """The texts so far and the calls whose items were closed."""
        return whole_blocks(self._blocks(""))

    def _reported(self, response: dict[str, Any]) -> tuple[Reported | None, str | None]:
        """What a response reports, None where it reports nothing, and its raw text."""
        reported = response.get("usage")
        if not isinstance(reported, dict) or not reported:
            return None, None
        found = responses_usage(
            reported,
            most_input_tokens=self._most_input_tokens,
            most_output_tokens=self._most_output_tokens,
            content_seen=self.chars > 0,
        )
        return found, reported_text(reported)

    def _is_next(self, number: Any) -> bool:
        if not isinstance(number, int) or isinstance(number, bool):
            return True
        if self.sequence is not None:
            if number <= self.sequence:
                return False
            if number > self.sequence + 1:
                if self.mending:
                    return False
                raise BadStream(f"the events after number {self.sequence} are missing")
        self.sequence = number
        return True

    def _start(self, response: dict[str, Any]) -> None:
        self._started = True
        self.request_id = self.request_id or text_in(response.get("id")) or None
        self._model = self._model or text_in(response.get("model")) or None
        self._in_background = self._in_background or response.get("background") is True

    def _finish(self, response: dict[str, Any]) -> None:
        self._final = response
        if not self._items:
            output = response.get("output")
            for index, item in enumerate(output if isinstance(output, list) else []):
                self._item_event({"output_index": index, "item": item}, done=True)
        self.ended = True

    def _fail(self, response: dict[str, Any]) -> None:
        self.failed = True
        self._given_up = response
        error = object_in(response.get("error"))
        status = text_in(response.get("status")) or "failed"
        raise StreamError(
            kind="",
            code=code_in(error) or status,
            message=text_in(error.get("message")) or f"the answer was {status}",
            owed=self._owed(response),
        )

    def _owed(self, response: dict[str, Any]) -> Owed | None:
        """What is billed for an answer that was given up; None where nothing is reported, or nothing at all."""
        reported, raw = self._reported(response)
        if reported is None or raw is None:
            return None
        usage = reported.usage
        if not (usage.input or usage.output or reported.clamped):
            return None
        return Owed(
            usage=usage,
            raw=raw,
            clamped=reported.clamped,
            model=self._model,
            service=text_in(response.get("service_tier")) or None,
        )

    def _item(self, data: dict[str, Any], kind: str) -> _Item:
        index = data.get("output_index")
        if not isinstance(index, int) or isinstance(index, bool):
            raise BadStream("an event names no output item")
        return self._items.setdefault(index, _Item(kind=kind))

    def _item_event(self, data: dict[str, Any], *, done: bool) -> None:
        given = object_in(data.get("item"))
        item = self._item(data, text_in(given.get("type")))
        if not item.name and (name := text_in(given.get("name"))):
            item.name = name
            self.chars += len(name)
        item.kind = text_in(given.get("type")) or item.kind
        item.call_id = text_in(given.get("call_id")) or item.call_id
        if not done:
            return
        item.closed = given.get("status") != "incomplete"
        if item.kind == "message":
            self._replace(item, _spoken(given))
        elif item.kind == "function_call":
            arguments = given.get("arguments")
            # Some servers send the arguments as an object instead of its text.
            text = reported_text(arguments) if isinstance(arguments, dict) else text_in(arguments)
            self._replace(item, [text] if text else [])

    def _whole_arguments(self, data: dict[str, Any]) -> None:
        text = text_in(data.get("arguments"))
        self._replace(self._item(data, "function_call"), [text] if text else [])

    def _replace(self, item: _Item, parts: list[str]) -> None:
        """Take the whole of an item for its pieces; a server that sends no whole leaves the pieces."""
        if parts:
            self.chars += max(0, sum(map(len, parts)) - sum(map(len, item.parts)))
            item.parts = parts

    def _blocks(self, stop_reason: str) -> list[Block]:
        blocks: list[Block] = []
        order = sorted(self._items)
        for index in order:
            item = self._items[index]
            if item.kind == "message":
                text = text_block(item.parts)
                blocks += [] if text is None else [text]
            elif item.kind == "function_call":
                damage = None
                if self._damaged:
                    damage = NOT_UTF8
                elif stop_reason == "max_tokens" and (index == order[-1] or not item.closed):
                    damage = CUT_BY_LIMIT
                elif not item.closed:
                    damage = NOT_CLOSED
                call_id = item.call_id or f"call_{index}"
                blocks.append(call_block(call_id=call_id, name=item.name, raw="".join(item.parts), damage=damage))
        return blocks


class _Item:
    """An output item as it grows."""

    __slots__ = ("call_id", "closed", "kind", "name", "parts")

    def __init__(self, *, kind: str) -> None:
        self.kind = kind
        self.call_id = ""
        self.name = ""
        self.parts: list[str] = []
        self.closed = False

    @property
    def said(self) -> list[str]:
        """Everything of it that the model generated."""
        return [self.name, *self.parts]


def _spoken(item: dict[str, Any]) -> list[str]:
    content = item.get("content")
    parts = [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    return [text for each in parts if (text := text_in(each.get("text")) or text_in(each.get("refusal")))]


def _error(data: dict[str, Any]) -> StreamError:
    """The error in an event: flat as this format has it, or below `error` as others send it."""
    error = data.get("error")
    if isinstance(error, dict):
        return StreamError(kind=text_in(error.get("type")), code=code_in(error), message=text_in(error.get("message")))
    return StreamError(kind="", code=code_in(data), message=text_in(data.get("message")) or text_in(error))
