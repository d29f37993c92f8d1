"""Whose turn it is among tasks that could be run: dependencies first, then what the user prefers, then the file."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from bursar.domain.specs.grammar import Priority
from bursar.domain.specs.model import Spec, SpecTask
from bursar.domain.specs.waves import ranks

_WEIGHTS: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}


def priority_of(spec: Spec, task: SpecTask) -> Priority:
    """The task's own priority, else that of the nearest task above it that has one."""
    at: SpecTask | None = task
    while at is not None:
        if at.priority is not None:
            return at.priority
        at = None if at.parent is None else spec.tasks[at.parent]
    return "normal"


def in_turn(spec: Spec, tasks: Iterable[SpecTask], *, first: AbstractSet[int] = frozenset()) -> tuple[SpecTask, ...]:
    """These tasks in the order in which they are run.

    Required ones before optional ones; among them a wave of the file's Task Dependency Graph is done before the next
    one begins; in a wave (without a graph all tasks are one) those in ``first`` (indices; a task stands for all below
    it), then by priority, then as in the file.
    """
    turn = ranks(spec.tasks, spec.waves)
    return tuple(
        sorted(
            tasks,
            key=lambda task: (
                task.optional,
                turn[task.index],
                not _is_below(spec, task, first),
                _WEIGHTS[priority_of(spec, task)],
                task.index,
            ),
        )
    )


def _is_below(spec: Spec, task: SpecTask, above: AbstractSet[int]) -> bool:
    at: SpecTask | None = task
    while at is not None:
        if at.index in above:
            return True
        at = None if at.parent is None else spec.tasks[at.parent]
    return False
