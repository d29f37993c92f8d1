"""What became worse from one task on, and why, as far as it can be told from what is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.money.history import RunFigures, TaskDone, tasks_done
from bursar.domain.money.watch import median, standing
from bursar.domain.prefix import Break

Metric = Literal["cost", "steps", "uncached", "errors", "p95"]
METRICS: tuple[Metric, ...] = ("cost", "steps", "uncached", "errors", "p95")
WATCHED_RUNS = 500
"""So many of the newest runs are looked at."""
_PER_MILLE = 1_000
_GREW_PERCENT = 5
_GREW_TOKENS = 50
_MOST_PATHS = 3
Documents = Callable[[str], Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Between two requests of a run the prompt cache was lost: the bytes broke, or it had expired by then."""

    run: str
    step: str
    broken: Break | None
    expired_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that changed at the same time. ``was`` and ``now`` are models, or tokens as text."""

    kind: Literal["model", "prompt", "cache_break", "cache_expired"]
    was: str = ""
    now: str = ""
    paths: tuple[str, ...] = ()
    gap: Gap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A metric of a workspace that became worse with ``first`` (a run) and still is; certain since ``found`` (a run).

    ``before`` and ``after`` are medians over so many tasks or runs: pico-dollars, steps, or per mille of the input not
    read from the cache, per mille of the attempts without an answer, milliseconds. ``kind`` is the kind of the tasks
    for cost and steps, else empty. ``last`` are the newest runs since the change, the newest first.
    """

    metric: Metric
    workspace: str
    kind: str
    first: str
    found: str
    began_at: str
    found_at: str
    before: int
    after: int
    count_before: int
    count_after: int
    last: tuple[str, ...]
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    figure: int
    run: RunFigures


def findings(runs: Sequence[RunFigures], documents: Documents) -> tuple[Finding, ...]:
    """Everything that became worse and still is, the costliest metric first; causes in the cache are added later."""
    found = []
    for (metric, workspace, kind), points in _series(runs).items():
        shift = standing([each.figure for each in points])
        if shift is None:
            continue
        before, after = points[shift.regime : shift.began], points[shift.began : shift.end]
        found.append(
            Finding(
                metric=metric,
                workspace=workspace,
                kind=kind,
                first=after[0].run.run,
                found=points[shift.found].run.run,
                began_at=after[0].run.ended_at,
                found_at=points[shift.found].run.ended_at,
                before=shift.before,
                after=shift.after,
                count_before=len(before),
                count_after=len(after),
                last=tuple(each.run.run for each in reversed(after)),
                causes=tuple(_causes([each.run for each in before], [each.run for each in after], documents)),
            )
        )
    return tuple(sorted(found, key=lambda each: (METRICS.index(each.metric), each.workspace, each.kind)))


def _series(runs: Sequence[RunFigures]) -> Mapping[tuple[Metric, str, str], list[_Point]]:
    series: dict[tuple[Metric, str, str], list[_Point]] = {}

    def add(metric: Metric, run: RunFigures, kind: str, figure: int) -> None:
        series.setdefault((metric, run.workspace, kind), []).append(_Point(figure=figure, run=run))

    for task in tasks_done(runs):
        _add_task(task, add)
    for each in sorted(runs, key=lambda run: (run.ended_at, run.run)):
        # One request reads nothing from a cache that nobody has written, so it says nothing about the cache.
        if each.requests > 1 and each.usage.input:
            share = (each.usage.input - each.usage.cache_read) * _PER_MILLE // each.usage.input
            add("uncached", each, "", share)
        if each.attempts:
            add("errors", each, "", each.failed * _PER_MILLE // each.attempts)
        if each.p95_ms is not None:
            add("p95", each, "", each.p95_ms)
    return series


def _add_task(task: TaskDone, add: Callable[[Metric, RunFigures, str, int], None]) -> None:
    if task.cost_pico is not None and task.last.requests:
        add("cost", task.last, task.last.kind, task.cost_pico)
    add("steps", task.last, task.last.kind, task.steps)


def _causes(before: Sequence[RunFigures], after: Sequence[RunFigures], documents: Documents) -> Iterable[Cause]:
    was, now = _usual(each.model for each in before), _usual(each.model for each in after)
    if was != now:
        yield Cause(kind="model", was=was, now=now)
    small, large = (median([each.first_tokens for each in side]) for side in (before, after))
    if large - small >= _GREW_TOKENS and large * 100 >= small * (100 + _GREW_PERCENT):
        old, new = (_usual(each.prompt_version for each in side) for side in (before, after))
        paths = _changed(old, new, documents)
        yield Cause(kind="prompt", was=str(small), now=str(large), paths=paths)


def _changed(before: str, after: str, documents: Documents) -> tuple[str, ...]:
    """The texts that are new or other than before; none where one of the versions is not known."""
    if not before or not after or before == after:
        return ()
    known = set(documents(before))
    changed = [path for path, sha256 in documents(after) if (path, sha256) not in known]
    return tuple(changed[:_MOST_PATHS])


def _usual(models: Iterable[str]) -> str:
    return Counter(models).most_common(1)[0][0]
