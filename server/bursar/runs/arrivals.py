"""What each request of a run carried first, as turns of a recorded session: from the journal's steps. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bursar.domain.context.session import TurnKind
from bursar.domain.conversation import Block, BrokenToolCall, Text, ToolCall
from bursar.domain.runs import StepRecord
from bursar.runs.assemble import FirstRequest
from bursar.runs.codec import block_from_json
from bursar.runs.fold import NUDGE, answer_blocks, kept_parts, request_key, tool_key

_MOST_ABOUT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One turn and the name of its item. ``text`` is what the policy reads, of a result all of it.

    ``about`` says in a few words what it is: the tool and its path, pattern or command.
    """

    item: str
    kind: TurnKind
    text: str
    tool: str = ""
    call: str = ""
    about: str = ""
    is_error: bool = False


def arrivals(n: int, by_key: Mapping[str, StepRecord], first: FirstRequest) -> tuple[Part, ...]:
    """What request ``n`` carries that none before it did: the task, or the answer before it and what came of it."""
    if n == 1:
        return (Part(item="task", kind="user", text=first.task),)
    step = by_key.get(request_key(n - 1))
    if step is None:
        return ()
    return tuple(_parts(n - 1, step, by_key))


def _parts(n: int, step: StepRecord, by_key: Mapping[str, StepRecord]) -> Iterator[Part]:
    item = request_key(n)
    for broken in kept_parts(step):
        for block in map(block_from_json, broken):
            yield _said(item, block)
    blocks = answer_blocks(step) if step.status == "done" else ()
    for block in blocks:
        yield _said(item, block)
    calls = [each for each in blocks if isinstance(each, ToolCall | BrokenToolCall)]
    for index, call in enumerate(calls):
        result = _result(tool_key(n, index), call, by_key)
        if result is not None:
            yield result
    if not calls:
        yield Part(item=item, kind="user", text=NUDGE)


def _said(item: str, block: Block) -> Part:
    match block:
        case ToolCall():
            text = json.dumps(_for_the_policy(block.name, block.input), ensure_ascii=False)
            return Part(item=item, kind="tool_call", text=text, tool=block.name, call=block.id, about=about_call(block))
        case BrokenToolCall():
            return Part(item=item, kind="tool_call", text=block.raw_input, tool=block.name, call=block.id)
        case Text():
            return Part(item=item, kind="assistant", text=block.text)
        case _:
            return Part(item=item, kind="assistant", text="")


def _result(item: str, call: ToolCall | BrokenToolCall, by_key: Mapping[str, StepRecord]) -> Part | None:
    done = by_key.get(item)
    if done is None or done.result is None:
        return None
    return Part(
        item=item,
        kind="tool_result",
        text=str(done.result.get("content", "")),
        tool=call.name,
        call=call.id,
        about=about_call(call) if isinstance(call, ToolCall) else call.name,
        # What finish says stands for a check's word, which is put together when it is sent.
        is_error=bool(done.result.get("error")) or call.name == "finish",
    )


def about_call(call: ToolCall) -> str:
    """The tool and what it was asked for, in a few words and one line."""
    given = call.input
    argv = given.get("argv")
    named = " ".join(map(str, argv)) if isinstance(argv, list) else given.get("path") or given.get("pattern") or ""
    about = " ".join(f"{call.name} {named or given.get('item') or ''}".split())
    return about if len(about) <= _MOST_ABOUT else f"{about[: _MOST_ABOUT - 1]}…"


def _for_the_policy(tool: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments under the names that say to it what a result is: agents call these things differently."""
    argv = given.get("argv")
    if tool == "run_command" and isinstance(argv, list):
        return {"command": shlex.join(map(str, argv))}
    if tool == "read_file" and ("first_line" in given or "last_line" in given):
        lines = {"start_line": given.get("first_line"), "end_line": given.get("last_line")}
        return {**{key: value for key, value in given.items() if key not in ("first_line", "last_line")}, **lines}
    return given
