"""Which budget or window stops the next request first, and what the meter says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bursar.domain.money.binding import ProviderWindow, binds_first, still_told, window_level
from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, BudgetState, Scope, marks_passed
from bursar.domain.pacing import Window
from bursar.views.meter import meter_of
from views.test_meter import DAY, HERE

WEEK = replace(
    DAY,
    scope=Scope(kind="week", key="2026-W47"),
    limit=20 * 10**12,
    spent=184 * 10**11,
    level="warning",
    resets_at="2026-11-23T00:00:00.000Z",
)


def window(remaining: int, limit: int = 40_000, **changed: object) -> ProviderWindow:
    values = {"kind": "input_tokens", "remaining": remaining, "limit": limit, "resets_at": "2026-11-21T12:00:00.000Z"}
    found = Window(**{**values, **changed})  # type: ignore[arg-type]
    return ProviderWindow(provider="acme", model="m-1", window=found, at="2026-11-21T08:00:00.000Z")


@pytest.mark.parametrize(
    ("budgets", "windows", "found"),
    [
        ([DAY], [], 0),
        ([DAY, WEEK], [], 1),
        ([DAY, replace(WEEK, spent=16 * 10**11, reserved=0)], [], 0),
        # What is held counts: it may be spent.
        ([DAY, replace(WEEK, spent=16 * 10**11, reserved=2 * 10**12)], [], 1),
        ([replace(DAY, limit=None), WEEK], [], 1),
        # Shares are compared, not amounts, whatever the unit.
        ([DAY, replace(WEEK, unit="tokens", limit=100, spent=50)], [], 1),
        ([DAY, WEEK], [window(100)], 2),
        ([DAY, WEEK], [window(39_000)], 1),
        # Equal: a budget before a window, the first before the next.
        ([DAY, replace(DAY)], [window(458, 500)], 0),
    ],
)
def test_the_least_free_share_binds_first(
    budgets: list[BudgetState], windows: list[ProviderWindow], found: int
) -> None:
    assert binds_first(budgets, windows) is [*budgets, *windows][found]


def test_nothing_binds_without_a_limit() -> None:
    assert binds_first([replace(DAY, limit=None)]) is None


def test_a_window_that_was_reset_or_soon_will_be_stops_nothing() -> None:
    told = [window(1), window(2, resets_at="2026-11-21T09:00:00.000Z"), window(0, 1, kind="quota", resets_at="")]
    left_s = {"2026-11-21T12:00:00.000Z": 400.0, "2026-11-21T09:00:00.000Z": -1.0}
    assert still_told(told, seconds_until=left_s.__getitem__) == [told[0], told[2]]
    assert still_told(told, seconds_until=left_s.__getitem__, longer_than_s=500) == [told[2]]


def test_the_meter_shows_what_binds_first_with_its_reset_and_says_the_rule() -> None:
    meter = meter_of(day=DAY, spent_pico=DAY.spent, running=[], here=HERE, budgets=[DAY, WEEK], first=WEEK)
    assert meter.text == "$18.40 of $20.00 this week · $0.42 of $5.00 today"
    assert (meter.level, meter.resets_at) == ("warning", WEEK.resets_at)
    assert (meter.spent_usd, meter.limit_usd) == ("18.4", "20")
    assert "It is shown first because the least share of it is free" in meter.tooltip
    assert "Charged this week: $18.40. Left: $1.60, until " in meter.tooltip
    assert "Charged today: $0.42." in meter.tooltip


def test_the_meter_shows_a_window_that_binds_first() -> None:
    tight = window(1_200)
    meter = meter_of(
        day=DAY, spent_pico=DAY.spent, running=["2.1"], here=HERE, budgets=[DAY], first=tight, window_level="critical"
    )
    assert meter.text == "38,800 of 40,000 input tokens of acme · $0.42 of $5.00 today · running 2.1"
    assert (meter.level, meter.resets_at) == ("critical", "2026-11-21T12:00:00.000Z")
    assert (meter.spent_usd, meter.limit_usd) == ("0.42", None)
    assert "the provider's own limit, as it was told" in meter.tooltip
    used_up = window(0, 1, kind="quota", resets_at="")
    meter = meter_of(day=DAY, spent_pico=0, running=[], here=HERE, budgets=[DAY], first=used_up, window_level="over")
    assert meter.text.startswith("acme's quota is used up · ")
    assert meter.resets_at is None


@pytest.mark.parametrize(("remaining", "level"), [(20_001, "ok"), (20_000, "notice"), (2_000, "critical"), (0, "over")])
def test_the_level_of_a_window(remaining: int, level: str) -> None:
    assert window_level(window(remaining), DEFAULT_WARN_PERCENT) == level


@pytest.mark.parametrize(
    ("spent", "limit", "mark"),
    [(0, 100, None), (0, 0, None), (49, 100, None), (50, 100, 50), (79, 100, 50), (95, 100, 95), (300, 100, 95)],
)
def test_the_highest_mark_is_told(spent: int, limit: int, mark: int | None) -> None:
    assert marks_passed(spent=spent, limit=limit) == mark
