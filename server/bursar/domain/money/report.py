"""Everything a report about spending shows, gathered; what it says about each version of the user's texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bursar.domain.context.losses import LostCache
from bursar.domain.moments import Here
from bursar.domain.money.budget import BudgetState
from bursar.domain.money.history import RunFigures, tasks_done
from bursar.domain.money.projection import Projection
from bursar.domain.money.regressions import Finding
from bursar.domain.money.rolls import Sums
from bursar.domain.money.spending import SpendLine
from bursar.domain.money.waste import Waste
from bursar.domain.money.watch import median
from bursar.domain.runs import RequestRow


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpent:
    """One calendar day: Bursar's own, and what was imported of other agents."""

    day: str
    own: Sums
    others: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpent:
    """What one agent spent on one model."""

    agent: str
    model: str
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVersion:
    """One version (a hash) of a steering file or of a document of a spec, and the runs whose requests had it.

    ``median_pico`` is over the finished tasks whose whole cost is known, None without any.
    """

    path: str
    sha256: str
    runs: int
    finished: int
    median_pico: int | None
    last_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``since`` is the first day, None for all; ``days`` are without gaps, the last is today. ``month`` is the
    money of each day of this month up to today, of all agents.

    ``requests_looked_at`` and ``runs_looked_at`` say over how many of the newest the lists go.
    """

    made_at: str
    here: Here
    since: str | None
    own: Sums
    others: Sums
    held_pico: int
    days: Sequence[DaySpent]
    month: Sequence[int]
    projection: Projection
    models: Sequence[ModelSpent]
    tasks: Sequence[SpendLine]
    dearest: Sequence[RequestRow]
    slowest: Sequence[RequestRow]
    requests_looked_at: int
    wastes: Sequence[Waste]
    runs_looked_at: int
    texts: Sequence[TextVersion]
    findings: Sequence[Finding]
    budgets: Sequence[BudgetState]
    cache_losses: Sequence[LostCache] = ()
    """Of the runs that were looked at, in the order of their requests."""


def text_versions(
    runs: Sequence[RunFigures], documents: Callable[[str], Sequence[tuple[str, str]]]
) -> tuple[TextVersion, ...]:
    """Each version of each text that there are several versions of, by path, the newest first."""
    having: dict[tuple[str, str, str], list[RunFigures]] = {}
    known = {each.prompt_version: documents(each.prompt_version) for each in runs if each.prompt_version}
    for each in runs:
        for path, sha256 in known.get(each.prompt_version, ()):
            having.setdefault((each.workspace, path, sha256), []).append(each)
    versions: dict[tuple[str, str], int] = {}
    for workspace, path, _ in having:
        versions[workspace, path] = versions.get((workspace, path), 0) + 1
    costs = {each.last.run: each.cost_pico for each in tasks_done(runs)}
    found = [
        _version(path, sha256, group, costs)
        for (workspace, path, sha256), group in having.items()
        if versions[workspace, path] > 1
    ]
    newest_first = sorted(found, key=lambda each: each.last_at, reverse=True)
    return tuple(sorted(newest_first, key=lambda each: each.path))


def _version(path: str, sha256: str, runs: Sequence[RunFigures], costs: dict[str, int | None]) -> TextVersion:
    known = [pico for each in runs if (pico := costs.get(each.run)) is not None]
    return TextVersion(
        path=path,
        sha256=sha256,
        runs=len(runs),
        finished=sum(each.finished for each in runs),
        median_pico=median(known) if known else None,
        last_at=max(each.ended_at for each in runs),
    )
