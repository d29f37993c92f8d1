"""The month's end: exact where the days are alike, honest where they scatter, silent where there are too few."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from bursar.domain.money.projection import INTERVAL_PERCENT, LEAST_DAYS, project

DOLLAR = 10**12


def days(amounts: list[int], *, before: str) -> dict[str, int]:
    """These amounts on the days before a day."""
    last = date.fromisoformat(before)
    return {(last - timedelta(days=len(amounts) - n)).isoformat(): each for n, each in enumerate(amounts)}


def test_days_that_are_alike_go_on() -> None:
    found = project(days([DOLLAR] * 15, before="2026-11-16"), today="2026-11-16")
    # Fifteen days of a dollar up to the 15th, and fifteen more with today.
    assert (found.pico, found.low_pico, found.high_pico) == (30 * DOLLAR, 30 * DOLLAR, 30 * DOLLAR)
    assert (found.spent_pico, found.days, found.slope_pico, found.last_day) == (15 * DOLLAR, 15, 0, "2026-11-30")


def test_growth_goes_on() -> None:
    found = project(days([n * DOLLAR for n in range(1, 11)], before="2026-11-11"), today="2026-11-11")
    # 1 to 10 dollars up to the 10th, then 11 to 30.
    assert (found.pico, found.slope_pico) == (sum(range(1, 31)) * DOLLAR, DOLLAR)


def test_what_falls_ends_at_nothing_and_not_below_what_was_spent() -> None:
    found = project(days([n * DOLLAR for n in range(10, 0, -1)], before="2026-11-11"), today="2026-11-11")
    assert found.pico == found.low_pico == found.spent_pico == 55 * DOLLAR


def test_today_counts_as_expected_unless_it_is_dearer_already() -> None:
    past = days([DOLLAR] * 9, before="2026-11-30")
    assert project({**past, "2026-11-30": DOLLAR // 2}, today="2026-11-30").pico == 10 * DOLLAR
    assert project({**past, "2026-11-30": 5 * DOLLAR}, today="2026-11-30").pico == 14 * DOLLAR


def test_days_without_spend_are_zero() -> None:
    past = days([2 * DOLLAR, 0] * 5, before="2026-11-11")
    with_gaps = {day: pico for day, pico in past.items() if pico}
    assert project(with_gaps, today="2026-11-11") == project(past, today="2026-11-11")


@pytest.mark.parametrize("number", range(LEAST_DAYS))
def test_too_few_days_say_so(number: int) -> None:
    found = project(days([DOLLAR] * number, before="2026-11-21"), today="2026-11-21")
    assert (found.pico, found.days, found.spent_pico) == (None, number, number * DOLLAR)


@pytest.mark.parametrize(
    ("today", "last"), [("2026-12-31", "2026-12-31"), ("2028-02-10", "2028-02-29"), ("2027-02-28", "2027-02-28")]
)
def test_months_end_where_they_end(today: str, last: str) -> None:
    assert project({}, today=today).last_day == last


@pytest.mark.parametrize(("slope", "length"), [(0.0, 28), (0.03, 28), (0.0, 10)])
def test_the_interval_holds_as_many_as_it_says(slope: float, length: int) -> None:
    """Days that scatter evenly about a line: the share of histories whose true sum lies within, over 400 seeds."""
    hits, seeds = 0, 400
    for seed in range(seeds):
        chance = random.Random(seed)
        every = [int(DOLLAR * (3 + slope * n + chance.gauss(0, 0.5))) for n in range(length + 20)]
        past = days(every[:length], before="2026-11-11")
        month = sum(pico for day, pico in past.items() if day >= "2026-11-01")
        found = project(past, today="2026-11-11")
        hits += found.low_pico <= month + sum(every[length:]) <= found.high_pico
    assert INTERVAL_PERCENT - 6 <= 100 * hits / seeds <= INTERVAL_PERCENT + 6
