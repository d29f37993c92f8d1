"""What each run of a task took, as reports and the regression watch read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bursar.domain.money.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """A run of a task that is over. ``kind`` is that of the task, ``model`` the one that most of its requests went to.

    ``requests`` are booked, ``attempts`` are these and those that nobody took, ``failed`` those without a whole answer.
    ``p95_ms`` is by nearest rank over the durations that were measured. ``first_tokens`` is our count of its first
    request.
    """

    run: str
    workspace: str
    spec: str
    task: str
    title: str
    kind: str
    finished: bool
    ended_at: str
    model: str
    prompt_version: str
    first_tokens: int
    steps: int
    requests: int
    attempts: int
    failed: int
    unpriced: int
    unknown: int
    usage: Usage
    cost_pico: int
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDone:
    """A task that was finished, with what all its runs took together; ``last`` is the run that finished it.

    ``cost_pico`` is None where a part of it has no price or is not known.
    """

    last: RunFigures
    runs: int
    steps: int
    cost_pico: int | None


def tasks_done(runs: Iterable[RunFigures]) -> tuple[TaskDone, ...]:
    """The tasks that these runs finished, in the order in which they were; what failed attempts took is part of it."""
    open_: dict[tuple[str, str, str, str], list[RunFigures]] = {}
    done = []
    for each in sorted(runs, key=lambda run: (run.ended_at, run.run)):
        key = (each.workspace, each.spec, each.task, each.title)
        together = open_.setdefault(key, [])
        together.append(each)
        if each.finished:
            done.append(_done(together))
            del open_[key]
    return tuple(done)


def _done(runs: Sequence[RunFigures]) -> TaskDone:
    certain = not any(each.unpriced or each.unknown for each in runs)
    return TaskDone(
        last=runs[-1],
        runs=len(runs),
        steps=sum(each.steps for each in runs),
        cost_pico=sum(each.cost_pico for each in runs) if certain else None,
    )
