"""Setting the mark of a task, byte-exact around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from bursar.domain.specs.model import Spec, SpecEditRefused, SpecTask, TaskState
from bursar.domain.specs.parse import decode_spec, parse_spec
from bursar.domain.text import split_lines_keeping_ends

_OTHER_MARKS: dict[TaskState, str] = {"todo": " ", "queued": "~", "in_progress": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEdit:
    """New text for one span of one line; characters, end exclusive."""

    line: int
    start_character: int
    end_character: int
    new_text: str


def tick_edit(text: str, task: SpecTask, state: TaskState = "done", *, path_hint: str = "") -> MarkEdit:
    """The edit that sets the mark of `task` in `text` to `state`.

    `task` may come from an earlier parse: it is looked up by line and title, and SpecEditRefused is raised if that
    line no longer holds it, or if the format of the file has no mark for `state`. A task that is in `state` already
    keeps its mark; else done is written as the file writes it.
    """
    spec = parse_spec(text, path_hint=path_hint)
    current = same_task(spec, task)
    mark = current.mark if current.state == state else _mark_for(spec, state)
    return MarkEdit(
        line=current.line, start_character=current.mark_start, end_character=current.mark_end, new_text=mark
    )


@overload
def tick(data: str, task: SpecTask, state: TaskState = "done", *, path_hint: str = "") -> str: ...
@overload
def tick(data: bytes, task: SpecTask, state: TaskState = "done", *, path_hint: str = "") -> bytes: ...
def tick(data: str | bytes, task: SpecTask, state: TaskState = "done", *, path_hint: str = "") -> str | bytes:
    """`data` with the mark of `task` set to `state` and every other byte as it was.

    Raises SpecEditRefused as `tick_edit` does, and SpecUnreadable for bytes that are not a text in UTF-8.
    """
    text = decode_spec(data) if isinstance(data, bytes) else data
    edit = tick_edit(text, task, state, path_hint=path_hint)
    line_start = sum(map(len, split_lines_keeping_ends(text)[: edit.line]))
    before = text[: line_start + edit.start_character]
    after = text[line_start + edit.end_character :]
    if isinstance(data, str):
        return before + edit.new_text + after
    start = len(before.encode())
    return data[:start] + edit.new_text.encode() + data[len(data) - len(after.encode()) :]


def same_task(spec: Spec, task: SpecTask) -> SpecTask:
    """The same task in a later parse, by line, id and title. Raises SpecEditRefused where the line holds another."""
    for current in spec.tasks:
        if current.line == task.line and (current.id, current.title) == (task.id, task.title):
            return current
    raise SpecEditRefused(
        f"Line {task.line + 1} no longer holds the task '{_short(task.title)}'; nothing was changed. "
        "Read the file again and repeat the command."
    )


def _mark_for(spec: Spec, state: TaskState) -> str:
    if state == "done":
        return spec.done_mark
    if state == "todo" or (spec.format == "kiro" and state in _OTHER_MARKS):
        return _OTHER_MARKS[state]
    known = "todo, queued, in_progress or done" if spec.format == "kiro" else "todo or done"
    name = "Kiro" if spec.format == "kiro" else "spec-kit"
    raise SpecEditRefused(f"A {name} spec has no mark for the state '{state}'; nothing was changed. Use {known}.")


def _short(title: str) -> str:
    return title if len(title) <= 60 else title[:59] + "…"
