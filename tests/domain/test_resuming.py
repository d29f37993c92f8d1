"""Which budget stands in the way of going on, and which amounts are offered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bursar.domain.resuming import budget_in_the_way, higher_limits
from bursar.domain.runs import RunSummary
from views.test_meter import DAY
from views.test_spec_annotations import record, row, summary

MILLI = 10**9


def paused(reason: str, **changes: object) -> RunSummary:
    return summary(record(reason=reason, ceiling_pico=50 * MILLI), row(1, cost_pico=30 * MILLI), **changes)


@pytest.mark.parametrize(
    ("reason", "held", "hold", "run_limit", "day_limit", "found"),
    [
        ("asked", 0, 20, 50, None, None),
        ("asked", 0, 21, 50, None, ("run", 50, 51)),
        ("asked", 5, 16, 50, None, ("run", 50, 51)),
        # A limit that was raised since holds for a run that its ceiling stopped, and for no other.
        ("asked", 0, 21, 100, None, ("run", 50, 51)),
        ("budget", 0, 21, 100, None, None),
        ("budget", 0, 21, None, None, None),
        ("budget", 0, 21, 40, None, ("run", 50, 51)),
        ("asked", 0, 20, 50, 90, None),
        ("asked", 0, 20, 50, 89, ("day", 89, 90)),
        # The run's own comes first.
        ("asked", 0, 21, 50, 80, ("run", 50, 51)),
    ],
)
def test_the_first_budget_without_room_is_found(
    reason: str,
    held: int,
    hold: int,
    run_limit: int | None,
    day_limit: int | None,
    found: tuple[str, int, int] | None,
) -> None:
    said = budget_in_the_way(
        paused(reason, held_pico=held * MILLI),
        hold * MILLI,
        run_limit_pico=None if run_limit is None else run_limit * MILLI,
        wide=[replace(DAY, limit=None if day_limit is None else day_limit * MILLI, spent=70 * MILLI)],
    )
    shown = None if said is None else (said.scope, said.limit_pico // MILLI, said.needed_pico // MILLI)
    assert shown == found


@pytest.mark.parametrize(
    ("reason", "run_limit", "raised", "found"),
    [
        ("budget", 50, 0, 50),
        ("budget", 50, 1, None),
        ("asked", 50, 1, None),
        # On top of a higher limit that the user has set since.
        ("budget", 45, 0, 50),
        ("budget", 45, 1, None),
    ],
)
def test_a_ceiling_that_was_raised_once_has_that_much_more_room(
    reason: str, run_limit: int, raised: int, found: int | None
) -> None:
    said = budget_in_the_way(
        paused(reason), 21 * MILLI, run_limit_pico=run_limit * MILLI, raised_pico=raised * MILLI, wide=[]
    )
    assert (None if said is None else said.limit_pico // MILLI) == found


@pytest.mark.parametrize(
    ("at_least", "offered"),
    [(1, (1, 2, 5)), (51, (100, 200, 500)), (500, (500, 1_000, 2_000)), (501, (1_000, 2_000, 5_000))],
)
def test_round_amounts_are_offered(at_least: int, offered: tuple[int, ...]) -> None:
    assert higher_limits(at_least * MILLI) == tuple(each * MILLI for each in offered)
