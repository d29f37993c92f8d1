"""The status bar's text."""

from dataclasses import replace

from bursar.domain.money.budget import BudgetState, Scope
from bursar.views.meter import meter_of

DAY = BudgetState(
    scope=Scope(kind="day", key="2026-11-21"),
    unit="usd",
    limit=5 * 10**12,
    spent=42 * 10**10,
    reserved=0,
    level="ok",
    resets_at="2026-11-22T00:00:00.000Z",
)


def test_the_meter_says_spent_and_limit():
    meter = meter_of(day=DAY, running=[])
    assert meter.text == "$0.42 of $5.00 today"
    assert (meter.level, meter.spent_usd, meter.limit_usd) == ("ok", "0.42", "5")
    assert meter.tooltip == "Charged today: $0.42. Left: $4.58, until 2026-11-22T00:00:00.000Z."


def test_what_is_held_and_running_is_said():
    meter = meter_of(day=replace(DAY, reserved=10**11), running=["2.1"])
    assert meter.text == "$0.42 of $5.00 today · running 2.1"
    assert "Held for requests in flight: $0.10." in meter.tooltip
    assert meter_of(day=DAY, running=["1", "2"]).text.endswith(" · 2 runs")


def test_without_a_limit_only_what_is_spent_is_said():
    meter = meter_of(day=replace(DAY, limit=None, level="off"), running=[])
    assert (meter.text, meter.limit_usd) == ("$0.42 today", None)
