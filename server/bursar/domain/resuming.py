"""What going on with a paused run would ask for and cost, and which budget would not allow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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

    scope: Literal["run", "day"]
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
    day_limit_pico: int | None,
    day_taken_pico: int,
) -> TooSmall | None:
    """The first budget that has no room for this hold, the run's own before the day's.

    A run that its ceiling stopped takes a higher limit that the user has set since (``run_limit_pico``).
    """
    ceiling = summary.record.ceiling_pico
    if ceiling is not None and summary.record.reason == "budget":
        ceiling = None if run_limit_pico is None else max(ceiling, run_limit_pico)
    needed = summary.cost_pico + summary.held_pico + hold_pico
    if ceiling is not None and needed > ceiling:
        return TooSmall(scope="run", limit_pico=ceiling, needed_pico=needed)
    if day_limit_pico is not None and day_taken_pico + hold_pico > day_limit_pico:
        return TooSmall(scope="day", limit_pico=day_limit_pico, needed_pico=day_taken_pico + hold_pico)
    return None


def higher_limits(at_least_pico: int, number: int = 3) -> tuple[int, ...]:
    """The next round amounts, 1, 2 or 5 times a power of ten, that are not below this one: what a user may choose."""
    found: list[int] = []
    power = 10**9
    while len(found) < number:
        found += [each * power for each in (1, 2, 5) if each * power >= at_least_pico]
        power *= 10
    return tuple(found[:number])
