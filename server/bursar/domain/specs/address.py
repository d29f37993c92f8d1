"""How a user names a task, and which tasks are to be run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from bursar.domain.specs.model import Spec, SpecTask
from bursar.domain.specs.order import in_turn

_AT_LINE = re.compile(r"@(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNotFound:
    """No task has that address."""

    address: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAmbiguous:
    """Several tasks have that id."""

    address: str
    choices: tuple[str, ...]
    """The addresses that tell them apart, such as `@12`."""
    message: str


def find_task(spec: Spec, address: str) -> SpecTask | TaskNotFound | TaskAmbiguous:
    """The task at `address`: an id, or `@N` for the task on line N, counted from 1."""
    address = address.strip()
    if at_line := _AT_LINE.fullmatch(address):
        number = int(at_line[1])
        found = [task for task in spec.tasks if task.line + 1 == number]
        if not found:
            return TaskNotFound(address=address, message=f"Line {number} holds no task; {_what_is_there(spec)}")
        # Two tasks on one line ("- [ ] - [ ] x") cannot be: the text of an item begins on its first line only once.
        return found[0]
    found = [task for task in spec.tasks if task.id is not None and task.id == address]
    if not found:
        return TaskNotFound(address=address, message=f"There is no task '{address}'; {_what_is_there(spec)}")
    if len(found) > 1:
        choices = tuple(_at_line(task) for task in found)
        message = f"The id {address} stands for {len(found)} tasks; choose one of {', '.join(choices)}."
        return TaskAmbiguous(address=address, choices=choices, message=message)
    return found[0]


def address_of(spec: Spec, task: SpecTask) -> str:
    """The shortest address that finds `task` in `spec`: its id, or `@N` where that is missing or not unique."""
    if task.id is not None and sum(other.id == task.id for other in spec.tasks) == 1:
        return task.id
    return _at_line(task)


def title_sha256(task: SpecTask) -> str:
    """The SHA-256 of the title in UTF-8, in hexadecimal: what a journal keeps to know the task again."""
    return hashlib.sha256(task.title.encode("utf-8", "surrogatepass")).hexdigest()


def open_tasks(spec: Spec) -> tuple[SpecTask, ...]:
    """The tasks that an agent can be given now, in their turn (see ``in_turn``).

    A task that is open (to do, queued or in progress) and has an open required task below it, at any depth, is left
    out: the work is in the tasks below, and its turn comes when they are done. Open optional tasks below do not
    hold it back. A done task holds back nothing, and neither does one with a mark of unknown meaning.
    """
    waiting: set[int] = set()
    for task in spec.tasks:
        if not task.is_open or task.optional:
            continue
        above = task.parent
        while above is not None and above not in waiting:
            waiting.add(above)
            above = spec.tasks[above].parent
    runnable = [task for task in spec.tasks if task.is_open and task.index not in waiting]
    return in_turn(spec, runnable)


def _at_line(task: SpecTask) -> str:
    return f"@{task.line + 1}"


def _what_is_there(spec: Spec) -> str:
    if not spec.tasks:
        return "the file has no tasks at all."
    first = [address_of(spec, task) for task in spec.tasks[:5]]
    more = "" if len(spec.tasks) <= len(first) else f" and {len(spec.tasks) - len(first)} more"
    return f"the file has {', '.join(first)}{more}. Use an id, or @N for the task on line N."
