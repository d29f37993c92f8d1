"""Which model is the cheapest, fastest or strongest that reliably does a job: what was measured, and nothing else.

Success is a share of tasks, and the share that counts is the lower end of its Wilson score interval at 95 % (two-sided,
z = 1.96): a model that did three of three has shown less than one that did thirty of thirty-one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.money.figures import money
from bursar.domain.money.speed import Percentiles, nearest_rank
from bursar.domain.outcomes import SUCCESSES, Outcome, Verdict
from bursar.domain.routes import ROLES, Role

Prefer = Literal["cheap", "fast", "strong"]
_Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one model did in one role. ``tasks`` are those with a verdict, each counted once whatever its runs.

    A task's verdict is that of its newest run that has one; the money and the time of all its runs by this model are
    its own. ``undecided`` are tasks of which nobody said whether they were done right, with their money.
    """

    role: Role
    model: str
    tasks: int
    verdicts: dict[Verdict, int]
    success_at_least: float
    success_at_most: float
    cost_pico: int
    is_bound: bool
    unpriced: int
    seconds: Percentiles | None
    undecided: int
    undecided_pico: int

    @property
    def successes(self) -> int:
        """Tasks that passed their check, or that the user took as done."""
        return sum(self.verdicts[each] for each in SUCCESSES)

    @property
    def cost_per_success_pico(self) -> int | None:
        """All its money for each task that succeeded, rounded up; None without one, or where a price is missing."""
        return -(-self.cost_pico // self.successes) if self.successes and not self.unpriced else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The model to take in a role, or None; ``why`` says it in words, ``others`` why not each of the rest."""

    role: Role
    model: str | None
    why: str
    others: tuple[tuple[str, str], ...]


def measured(outcomes: Sequence[Outcome]) -> list[Measured]:
    """One row for each model in each role; the outcomes are oldest first."""
    found: dict[tuple[Role, str], dict[str, list[Outcome]]] = {}
    for each in outcomes:
        found.setdefault((each.role, each.model), {}).setdefault(each.task, []).append(each)
    rows = [_measured(role, model, list(tasks.values())) for (role, model), tasks in found.items()]
    return sorted(rows, key=lambda each: (ROLES.index(each.role), each.model))


def advise(rows: Sequence[Measured], *, prefer: Prefer, target: float) -> list[Advice]:
    """For each role with rows: the model that ``prefer`` puts first among those whose bound meets the target."""
    return [
        _advise([each for each in rows if each.role == role], role, prefer, target)
        for role in ROLES
        if any(each.role == role for each in rows)
    ]


def success_bounds(successes: int, tasks: int) -> tuple[float, float]:
    """The Wilson score interval at 95 % of a share; all of it is possible without a task."""
    if not tasks:
        return 0.0, 1.0
    share, square = successes / tasks, _Z * _Z
    middle = (share + square / (2 * tasks)) / (1 + square / tasks)
    half = _Z * math.sqrt(share * (1 - share) / tasks + square / (4 * tasks * tasks)) / (1 + square / tasks)
    return max(0.0, middle - half), min(1.0, middle + half)


def tasks_needed(successes: int, tasks: int, target: float) -> int:
    """How many tasks there must be at least for the lower bound to meet the target, if all from here on succeed."""
    more = 0
    while success_bounds(successes + more, tasks + more)[0] < target:
        more += 1
    return tasks + more


def _measured(role: Role, model: str, tasks: Sequence[Sequence[Outcome]]) -> Measured:
    verdicts: dict[Verdict, int] = {"passed": 0, "accepted": 0, "failed": 0, "escalated": 0}
    decided, undecided = [], []
    for runs in tasks:
        said = [each.verdict for each in runs if each.verdict is not None]
        if said:
            verdicts[said[-1]] += 1
            decided.append(runs)
        else:
            undecided.append(runs)
    successes = sum(verdicts[each] for each in SUCCESSES)
    low, high = success_bounds(successes, len(decided))
    own = [each for runs in decided for each in runs]
    return Measured(
        role=role,
        model=model,
        tasks=len(decided),
        verdicts=verdicts,
        success_at_least=low,
        success_at_most=high,
        cost_pico=sum(each.cost_pico for each in own),
        is_bound=any(each.is_bound for each in own),
        unpriced=sum(each.unpriced for each in own),
        seconds=nearest_rank([sum(each.seconds for each in runs) for runs in decided]),
        undecided=len(undecided),
        undecided_pico=sum(each.cost_pico for runs in undecided for each in runs),
    )


def _advise(rows: Sequence[Measured], role: Role, prefer: Prefer, target: float) -> Advice:
    reliable = [each for each in rows if each.success_at_least >= target]
    if prefer == "cheap":
        reliable = [each for each in reliable if each.cost_per_success_pico is not None]
    best = min(reliable, key=lambda each: _rank(each, prefer), default=None)
    others = tuple((each.model, _why_not(each, best, prefer, target)) for each in rows if each is not best)
    if best is None:
        most = max(rows, key=lambda each: (each.success_at_least, each.tasks))
        return Advice(role=role, model=None, why=_why_not(most, None, prefer, target), others=others)
    first = {"cheap": "the cheapest", "fast": "the fastest", "strong": "the surest"}[prefer]
    why = f"{first} whose success is at least {_percent(target)}: {_figures(best)}"
    return Advice(role=role, model=best.model, why=why, others=others)


def _rank(row: Measured, prefer: Prefer) -> tuple[float, ...]:
    """What is smaller is better; money decides where the rest is alike, and a missing price comes last."""
    cost = math.inf if row.cost_per_success_pico is None else row.cost_per_success_pico
    slow = math.inf if row.seconds is None else row.seconds.p95
    return {
        "cheap": (cost, slow, -row.success_at_least),
        "fast": (slow, cost, -row.success_at_least),
        "strong": (-row.success_at_least, cost, slow),
    }[prefer]


def _why_not(row: Measured, best: Measured | None, prefer: Prefer, target: float) -> str:
    if row.success_at_least < target:
        if row.success_at_most < target:
            done = f"{row.successes} of {row.tasks} tasks succeeded"
            return f"it fails too often: {done}, at most {math.ceil(row.success_at_most * 100)} % at 95 %"
        needed = tasks_needed(row.successes, row.tasks, target)
        return f"too little data: {row.tasks} of {needed} tasks{_with_failures(row)}{_undecided(row)}"
    if prefer == "cheap" and row.cost_per_success_pico is None:
        return f"{row.unpriced} of its requests have no price, so what it costs is not known"
    if best is None:
        return _figures(row)
    worse = _rank(row, prefer)[0] > _rank(best, prefer)[0]
    word = {"cheap": "dearer", "fast": "slower", "strong": "less sure"}[prefer] if worse else "no better"
    return f"it is {word}: {_figures(row)}"


def _with_failures(row: Measured) -> str:
    failed = row.tasks - row.successes
    return f" ({failed} of these failed; the rest must succeed)" if failed else ""


def _undecided(row: Measured) -> str:
    if not row.undecided:
        return ""
    many = f"{row.undecided} more" if row.tasks else f"{row.undecided}"
    return f"; {many} ended without a check, a verdict of yours or one model alone, which says nothing"


def _figures(row: Measured) -> str:
    cost = row.cost_per_success_pico
    each = "its price is not known" if cost is None else f"{'at most ' if row.is_bound else ''}{money(cost)} a success"
    slow = "" if row.seconds is None else f", p95 {row.seconds.p95:.1f} s"
    return f"{row.successes} of {row.tasks} tasks, at least {_percent(row.success_at_least)}, {each}{slow}"


def _percent(share: float) -> str:
    """Rounded down: a bound that is said is never better than the one that was measured."""
    return f"{math.floor(share * 100 + 1e-9)} %"
