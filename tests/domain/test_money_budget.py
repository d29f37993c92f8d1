"""Amounts as users write them, levels as they are shown, refusals that say how much is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import BadInput
from bursar.domain.money.bound import input_bound_tokens
from bursar.domain.money.budget import Amount, RefusedByBudget, Scope, level_of, parse_amount


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5usd", "usd", 5 * 10**12),
        ("$5", "usd", 5 * 10**12),
        (" 0.25 USD ", "usd", 25 * 10**10),
        ("0.000000000001", "usd", 1),
        ("0", "usd", 0),
        ("200ktok", "tokens", 200_000),
        ("1.5mtok", "tokens", 1_500_000),
        ("7tok", "tokens", 7),
        ("300req", "requests", 300),
    ],
)
def test_amounts(text, unit, value):
    assert parse_amount(text) == Amount(unit=unit, value=value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-5usd", "5 eur", "1e3usd", "1,5usd", ".5", "NaN", "inf", "0.0000000000001", "1.5req", "5usd5", "٥usd"],
)
def test_what_is_no_amount_is_bad_input_that_names_it(text):
    with pytest.raises(BadInput) as caught:
        parse_amount(text)
    assert f"'{text}'" in str(caught.value)


@pytest.mark.parametrize(
    ("taken", "limit", "level"),
    [
        (5, None, "off"),
        (0, 100, "ok"),
        (49, 100, "ok"),
        (50, 100, "notice"),
        (79, 100, "notice"),
        (80, 100, "warning"),
        (95, 100, "critical"),
        (99, 100, "critical"),
        (100, 100, "over"),
        (101, 100, "over"),
        (0, 0, "over"),
        # Whole numbers, not rounded percent: 94.99 % is not 95 %.
        (9_499, 10_000, "warning"),
    ],
)
def test_levels(taken, limit, level):
    assert level_of(taken=taken, limit=limit) == level


def test_a_refusal_says_how_much_is_missing():
    scope = Scope(kind="day", key="2026-11-21")
    refused = RefusedByBudget(scope=scope, unit="usd", limit=100, spent=50, reserved=20, wanted=45)
    assert refused.shortfall == 15


@given(counted=st.integers(0, 10**6), extra_bytes=st.integers(0, 10**6))
def test_the_bound_of_the_input_is_above_the_count_and_below_what_bytes_allow(counted, extra_bytes):
    body_bytes = counted + extra_bytes
    exact = input_bound_tokens(counted_tokens=counted, body_bytes=body_bytes, model="openai/gpt-6-sol")
    other = input_bound_tokens(counted_tokens=counted, body_bytes=body_bytes, model="claude-sonnet-5-5")
    assert counted < exact <= other <= body_bytes + 512


@pytest.mark.parametrize(("model", "bound"), [("gpt-4o", 1612), ("claude-x", 2712), ("some/o3", 1612), ("llama", 2712)])
def test_the_bound_of_a_thousand_counted_tokens(model, bound):
    assert input_bound_tokens(counted_tokens=1000, body_bytes=9000, model=model) == bound
