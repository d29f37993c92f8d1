"""What going on with a paused run would ask for and cost, and which budget would not allow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.money.budget import BudgetKind, BudgetState
from bursar.domain.runs import RunSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRequest:
    """The first request that a paused run makes when it goes on, counted and priced before anything is sent.

    ``counted_tokens`` are exact for its body under our encoding; with ``is_least`` a call has to be made before it,
    whose result comes on top. ``warm_pico`` is what that input costs where the provider still has the prompt cache of
    the request before, ``cold_pico`` where not; both are None without a price. ``hold_pico`` must be free in every
    budget, or it is not sent. ``rate_card`` names where the price comes from. Zero tokens: nothing more is asked.
    """

    counted_tokens: int
    is_least: bool
    warm_pico: int | None
    cold_pico: int | None
    hold_pico: int
    model: str
    rate_card: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TooSmall:
    """A budget that does not allow the next request: its limit, and what it must be at least."""

    scope: BudgetKind
    limit_pico: int
    needed_pico: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """What is known of going on with a run; ``too_small`` is the first budget that has to be raised for it."""

    next: NextRequest
    too_small: TooSmall | None = None


def budget_in_the_way(
    summary: RunSummary,
    hold_pico: int,
    *,
    run_limit_pico: int | None,
    raised_pico: int = 0,
    wide: Sequence[BudgetState],
) -> TooSmall | None:
    """The first budget in money that has no room for this hold, the run's own before the wider ones.

    A run that its ceiling stopped takes a higher limit that the user has set since (``run_limit_pico``). By
    ``raised_pico`` the user has raised the ceiling for this run alone, whichever it is.
    """
    ceiling = summary.record.ceiling_pico
    if ceiling is not None and summary.record.reason == "budget":
        ceiling = None if run_limit_pico is None else max(ceiling, run_limit_pico)
    if ceiling is not None:
        ceiling += raised_pico
    needed = summary.cost_pico + summary.held_pico + hold_pico
    if ceiling is not None and needed > ceiling:
        return TooSmall(scope="run", limit_pico=ceiling, needed_pico=needed)
    for each in wide:
        needed = each.spent + each.reserved + hold_pico
        if each.limit is not None and each.unit == "usd" and needed > each.limit:
            return TooSmall(scope=each.scope.kind, limit_pico=each.limit, needed_pico=needed)
    return None


def higher_limits(at_least_pico: int, number: int = 3) -> tuple[int, ...]:
    """The next round amounts, 1, 2 or 5 times a power of ten, that are not below this one: what a user may choose."""
    found: list[int] = []
    power = 10**9
    while len(found) < number:
        found += [each * power for each in (1, 2, 5) if each * power >= at_least_pico]
        power *= 10
    return tuple(found[:number])
