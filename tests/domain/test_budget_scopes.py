"""The scopes of budgets: their names, their keys, and the periods of the user's calendar."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import BadInput
from bursar.domain.money.bound import Prefix, input_bound
from bursar.domain.money.budget import BUDGET_KINDS, Amount, Limit, RefusedByBudget, Scope, budget_amount, parse_amount
from bursar.domain.money.scopes import (
    chain,
    dated,
    day_after,
    days_of,
    period_key,
    period_scopes,
    scope_kind,
    scopes_of,
)

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 12, 31))


@pytest.mark.parametrize("kind", BUDGET_KINDS)
def test_a_scope_is_known_by_its_name_alone(kind: str) -> None:
    assert scope_kind(kind) == kind
    with pytest.raises(BadInput, match=f"did you mean '{kind}'"):
        scope_kind(kind.upper())


@pytest.mark.parametrize(
    ("wrong", "meant"), [("dya", "day"), ("wek", "week"), ("mounth", "month"), ("workspce", "works")]
)
def test_a_misspelt_scope_is_guessed(wrong: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean '{meant}"):
        scope_kind(wrong)


@pytest.mark.parametrize(
    ("day", "week", "first", "last"),
    [
        ("2026-11-21", "2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-11-22", "2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-11-23", "2026-W48", "2026-11-23", "2026-11-29"),
        # The ISO week belongs to the year that its Thursday is in.
        ("2027-01-01", "2026-W53", "2026-12-28", "2027-01-03"),
        ("2024-12-30", "2025-W01", "2024-12-30", "2025-01-05"),
    ],
)
def test_a_week_is_that_of_iso_8601(day: str, week: str, first: str, last: str) -> None:
    assert period_key("week", day) == week
    assert days_of(Scope(kind="week", key=week)) == (first, last)


@given(day=DAYS)
def test_a_period_holds_its_days_and_ends_where_the_next_begins(day: date) -> None:
    for kind, scope in period_scopes(day.isoformat()).items():
        first, last = days_of(scope)
        assert first <= day.isoformat() <= last
        after = day_after(scope)
        assert date.fromisoformat(after) == date.fromisoformat(last) + timedelta(days=1)
        assert period_key(kind, after) != scope.key
        assert period_key(kind, first) == period_key(kind, last) == scope.key
    month = period_scopes(day.isoformat())["month"]
    assert days_of(month)[1] == f"{month.key}-{calendar.monthrange(day.year, day.month)[1]:02}"


def test_limits_of_periods_go_with_the_day_and_others_stay() -> None:
    scopes = scopes_of(run="r", workspace="/w", spec="s", task="2.1", session="x", day="2026-11-30", keep_warm=True)
    amounts = {kind: Amount(unit="usd", value=number) for number, kind in enumerate(BUDGET_KINDS, 1)}
    limits = chain(scopes, amounts)
    assert [each.scope.kind for each in limits] == list(BUDGET_KINDS), "from the narrowest to the widest"
    later = dated(limits, "2026-12-01")
    periods = ["2026-12-01", "2026-12-01", "2026-W49", "2026-12"]
    assert [each.scope.key for each in later] == ["r", "r", "s#2.1", "x", "/w", *periods]
    assert [each.amount for each in later] == [each.amount for each in limits]
    assert dated([Limit(scope=scopes["week"], amount=amounts["week"])], "2026-12-01") == [limits[7]]


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "inf", "-1usd", "-0", "1e30usd", "10" * 20 + "usd", "0", "0usd", "0.0tok"]
)
def test_what_no_budget_can_be(text: str) -> None:
    with pytest.raises(BadInput):
        budget_amount(text)


def test_the_largest_amount_that_is_kept_exactly() -> None:
    assert parse_amount("9000000usd").value == 9 * 10**18 < 2**63
    with pytest.raises(BadInput, match="more than can be kept exactly"):
        parse_amount("9000000.000000000001usd")


@pytest.mark.parametrize(("held", "may_pass"), [(0, False), (14, False), (15, True)])
def test_a_refusal_that_only_holds_cause_may_pass(held: int, may_pass: bool) -> None:
    scope = Scope(kind="day", key="2026-11-21")
    assert (
        RefusedByBudget(scope=scope, unit="usd", limit=100, spent=70 - held, reserved=held, wanted=45).may_pass
        is may_pass
    )


@given(
    before=st.integers(0, 200_000),
    new=st.integers(0, 100_000),
    old_ratio=st.integers(100, 220),
    new_ratio=st.integers(100, 220),
)
def test_the_bound_of_a_conversation_that_goes_on_holds_and_is_tighter(
    before: int, new: int, old_ratio: int, new_ratio: int
) -> None:
    """Whatever the provider's ratio to our count is, up to the factor: what it will count is within the bound."""
    reported = before * old_ratio // 100
    will_count = reported + new * new_ratio // 100
    size = {"counted_tokens": before + new, "body_bytes": (before + new) * 4, "model": "claude-sonnet-5-5"}
    alone, known = (
        input_bound(**size),
        input_bound(**size, prefix=Prefix(counted_tokens=before, reported_tokens=reported)),
    )
    assert will_count <= known.tokens <= alone.tokens
    if before > 10_000 and new < before // 10 and old_ratio <= 130:
        assert known.tokens < alone.tokens * 8 // 10
        assert f"{reported} reported" in known.provenance


def test_a_prefix_that_is_none_is_not_used() -> None:
    size = {"counted_tokens": 1_000, "body_bytes": 9_000, "model": "claude-x"}
    alone = input_bound(**size)
    assert alone.provenance == "our count times 2.2"
    assert input_bound(**size, prefix=Prefix(counted_tokens=1_001, reported_tokens=900)) == alone
    assert input_bound(**size, prefix=Prefix(counted_tokens=900, reported_tokens=0)) == alone
