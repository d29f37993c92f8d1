"""What a run's steps add up to: the conversation so far and the next act. Pure: the same steps, the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bursar.domain.conversation import Block, BrokenToolCall, Message, Text, ToolCall, ToolResult
from bursar.domain.runs import StepRecord
from bursar.domain.specs import TaskCheck
from bursar.runs.assemble import TERSE_WORDS
from bursar.runs.codec import block_from_json
from bursar.runs.shapes import FULL, Shapes

NUDGE = "Go on with the task, or call finish when it is done."
_STRIDE = 1_000
_CHECK_INDEX = 900
# One way for every format: the newer models of one vendor refuse a request that ends with the assistant's turn
# (platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6, "Prefill removal"), and the others begin a new
# answer after such a turn instead of going on with it.
_GO_ON = "Your answer broke off here. What arrived of it stands above: go on from there and repeat nothing of it."
_NOT_RUN = "This call was not run: the answer that it is in broke off before its end. Call again what is still needed."


@dataclass(frozen=True, slots=True, kw_only=True)
class AskModel:
    """The next act is request number ``n`` with these turns after the opening; ``step`` is there if it was begun.

    ``kept`` is, as the journal has it, what arrived of answers to it that broke off; ``later`` says it to the model.
    """

    n: int
    later: tuple[Message, ...]
    step: StepRecord | None
    kept: tuple[list[dict[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTool:
    """The next act is the ``index``-th call of answer ``n``; ``step`` is there if it was begun."""

    n: int
    index: int
    call: ToolCall | BrokenToolCall
    step: StepRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllDone:
    """The model has called finish: the task is done."""

    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """The model has answered without a tool call several times in a row: somebody must look."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """The model says in ``call`` that the task is done: the next act is the task's check, kept as a step of its own."""

    n: int
    index: int
    call: ToolCall
    check: TaskCheck
    step: StepRecord | None


NextAct = AskModel | UseTool | RunCheck | AllDone | Idle


def request_key(n: int) -> str:
    """The step key of request ``n``."""
    return f"m{n}"


def tool_key(n: int, index: int) -> str:
    """The step key of the ``index``-th call of answer ``n``."""
    return f"t{n}.{index}"


def request_order(n: int) -> int:
    """Where request ``n`` stands in the order of steps."""
    return n * _STRIDE


def tool_order(n: int, index: int) -> int:
    """Where a tool step stands in the order of steps."""
    return n * _STRIDE + 1 + index


def check_key(n: int) -> str:
    """The step key of the check that follows answer ``n``."""
    return tool_key(n, _CHECK_INDEX)


def failed_checks(steps: Sequence[StepRecord], *, since: int = 1) -> int:
    """How many times the check behind answer ``since``, or a later one, has said that the task is not done."""
    first, ends = request_order(since), f".{_CHECK_INDEX}"
    checks = (each for each in steps if each.n >= first and each.key.endswith(ends))
    return sum(1 for each in checks if each.result and each.result.get("error"))


def next_act(
    steps: Sequence[StepRecord],
    *,
    idle_limit: int = 3,
    check: TaskCheck | None = None,
    terse_from: int | None = None,
    terse_after: int = 0,
    shapes: Shapes = FULL,
) -> NextAct:
    """The first act that has no recorded outcome. With a ``check`` nothing is done before that has succeeded.

    Of a result the conversation has what its shape leaves of it.
    Before answer ``terse_from`` stand the words that ask for short answers, behind the first ``terse_after`` parts of
    it that broke off: behind all that a cache knows by then.
    """
    by_key = {each.key: each for each in steps}
    later: list[Message] = []
    idle = 0
    n = 1
    while True:
        step = by_key.get(request_key(n))
        kept = kept_parts(step) if step is not None else ()
        if n == terse_from:
            later += _broken_off(kept[:terse_after])
            later[-1:] = [_with_terse_words(*later[-1:])]
            later += _broken_off(kept[terse_after:])
        else:
            later += _broken_off(kept)
        if step is None or step.status != "done":
            return AskModel(n=n, later=tuple(later), step=step, kept=kept)
        blocks = answer_blocks(step)
        later.append(Message(role="assistant", blocks=blocks))
        calls = [each for each in blocks if isinstance(each, ToolCall | BrokenToolCall)]
        results: list[Block] = []
        for index, call in enumerate(calls):
            done = by_key.get(tool_key(n, index))
            if done is None or done.status != "done" or done.result is None:
                return UseTool(n=n, index=index, call=call, step=done)
            if isinstance(call, ToolCall) and call.name == "finish" and not done.result.get("error"):
                checked = by_key.get(check_key(n))
                if check is not None and (checked is None or checked.status != "done" or checked.result is None):
                    return RunCheck(n=n, index=_CHECK_INDEX, call=call, check=check, step=checked)
                if check is None or checked is None or checked.result is None or not checked.result.get("error"):
                    return AllDone(summary=str(done.result.get("content", "")))
                said = f"The task is not done: its check failed.\n{checked.result['content']}"
                results.append(ToolResult(call_id=call.id, content=said, is_error=True))
                continue
            shown = shapes.text(tool_key(n, index), str(done.result["content"]))
            results.append(ToolResult(call_id=call.id, content=shown, is_error=bool(done.result.get("error"))))
        if calls:
            idle = 0
            later.append(Message(role="user", blocks=tuple(results)))
        else:
            idle += 1
            if idle >= idle_limit:
                return Idle(text=" ".join(each.text for each in blocks if isinstance(each, Text))[:300])
            later.append(Message(role="user", blocks=(Text(text=NUDGE),)))
        if shapes.compacted is not None and n == shapes.compacted.up_to:
            later = shapes.compacted.turns()
            if terse_from is not None and terse_from <= n:
                later[-1:] = [_with_terse_words(*later[-1:])]
        n += 1


def answer_blocks(step: StepRecord) -> tuple[Block, ...]:
    """The blocks of a finished request step; an empty answer counts as an empty text."""
    raw = (step.result or {}).get("blocks", [])
    return tuple(block_from_json(each) for each in raw) or (Text(text="(no answer)"),)


def kept_parts(step: StepRecord) -> tuple[list[dict[str, Any]], ...]:
    """What arrived of each answer to this request that broke off, oldest first, as the journal has it."""
    parts = list(step.intent.get("kept") or [])
    if step.status == "failed" and step.result and step.result.get("kept"):
        parts.append(step.result["kept"])
    return tuple(parts)


def _with_terse_words(turn: Message | None = None) -> Message:
    """The user's newest turn with the words behind it; before the first answer they are a turn of their own."""
    return Message(role="user", blocks=(*(turn.blocks if turn else ()), Text(text=TERSE_WORDS)))


def _broken_off(parts: Sequence[list[dict[str, Any]]]) -> list[Message]:
    """The turns that stand for answers that broke off: what arrived, and that no call of it was run."""
    turns: list[Message] = []
    for part in parts:
        blocks = tuple(block_from_json(each) for each in part)
        answers: list[Block] = [
            ToolResult(call_id=each.id, content=_NOT_RUN, is_error=True)
            for each in blocks
            if isinstance(each, ToolCall)
        ]
        turns.append(Message(role="assistant", blocks=blocks))
        turns.append(Message(role="user", blocks=(*answers, Text(text=_GO_ON))))
    return turns


def repeats(steps: Sequence[StepRecord]) -> int:
    """How many times in a row, up to now, the same tool call gave the same result."""
    done = sorted(
        (each for each in steps if each.kind in ("look", "edit", "command") and each.status == "done"),
        key=lambda each: each.n,
    )
    if not done:
        return 0
    last = _signature(done[-1])
    count = 0
    for step in reversed(done):
        if _signature(step) != last:
            break
        count += 1
    return count


def _signature(step: StepRecord) -> tuple[str, str, str]:
    result = step.result or {}
    return str(step.intent.get("tool")), str(step.intent.get("input")), str(result.get("content"))
