"""The status bar's text."""

from dataclasses import replace
from datetime import timedelta, timezone

from bursar.domain.moments import Here
from bursar.domain.money.budget import BudgetState, Scope
from bursar.domain.money.imported import ImportedSpend
from bursar.views.meter import meter_of

HERE = Here(zone=timezone(timedelta(hours=-5)), day="2026-11-21")
DAY = BudgetState(
    scope=Scope(kind="day", key="2026-11-21"),
    unit="usd",
    limit=5 * 10**12,
    spent=42 * 10**10,
    reserved=0,
    level="ok",
    resets_at="2026-11-22T05:00:00.000Z",
)


def test_the_meter_says_spent_and_limit():
    meter = meter_of(day=DAY, spent_pico=DAY.spent, running=[], here=HERE)
    assert meter.text == "$0.42 of $5.00 today"
    assert (meter.level, meter.spent_usd, meter.limit_usd) == ("ok", "0.42", "5")
    assert meter.tooltip == "Charged today: $0.42. Left: $4.58, until 2026-11-22 00:00."


def test_what_is_held_and_running_is_said():
    meter = meter_of(day=replace(DAY, reserved=10**11), spent_pico=DAY.spent, running=["2.1"], here=HERE)
    assert meter.text == "$0.42 of $5.00 today · running 2.1"
    assert "Held for requests in flight: $0.10." in meter.tooltip
    assert meter_of(day=DAY, spent_pico=DAY.spent, running=["1", "2"], here=HERE).text.endswith(" · 2 runs")


def test_without_a_limit_only_what_is_spent_is_said():
    meter = meter_of(day=replace(DAY, limit=None, level="off"), spent_pico=DAY.spent, running=[], here=HERE)
    assert (meter.text, meter.limit_usd) == ("$0.42 today", None)


def test_what_is_only_a_bound_is_said_to_be_one():
    meter = meter_of(day=replace(DAY, not_known=3 * 10**11), spent_pico=DAY.spent, running=[], here=HERE)
    assert "Charged today: $0.42. Of it at most $0.30 for requests whose bill is not known." in meter.tooltip


def test_a_budget_of_tokens_is_shown_in_tokens_with_the_money_behind_it():
    day = replace(DAY, unit="tokens", limit=200_000, spent=12_000, not_known=None)
    meter = meter_of(day=day, spent_pico=42 * 10**10, running=["2.1"], here=HERE)
    assert meter.text == "12,000 of 200,000 tokens today · $0.42 · running 2.1"
    assert (meter.spent_usd, meter.limit_usd) == ("0.42", None)
    assert "Left: 188,000 tokens" in meter.tooltip
    assert "is not among these tokens" in meter.tooltip


def test_what_other_agents_spent_is_said_with_the_time_it_was_imported():
    others = ImportedSpend(
        cost_pico=31 * 10**11, requests=9, unpriced_requests=0, imported_at="2026-11-21T19:02:41.123Z"
    )
    meter = meter_of(day=DAY, spent_pico=DAY.spent, running=[], here=HERE, others=others)
    assert meter.tooltip.endswith(" Other agents today: $3.10 (imported 14:02).")
    assert (meter.text, meter.spent_usd) == ("$0.42 of $5.00 today", "0.42")
    before = replace(others, unpriced_requests=2, imported_at="2026-11-20T19:02:41.123Z")
    meter = meter_of(day=DAY, spent_pico=DAY.spent, running=[], here=HERE, others=before)
    said = " Other agents today: $3.10 and 2 requests without a price (imported 2026-11-20 14:02)."
    counted = meter_of(day=DAY, spent_pico=DAY.spent, running=[], here=HERE, others=replace(others, counted=True))
    assert counted.tooltip.endswith(" (imported 14:02), counted in the budgets.")
    assert meter.tooltip.endswith(said)
