"""Trims in words, and as the last line of a replay."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.domain.context.savings import Asked, Realised, RunSaving, expected_pico, further_requests, realised
from bursar.domain.money.price import Rates
from bursar.domain.money.usage import Usage
from bursar.views.progress import event_line
from bursar.views.trims import saving_text

RATES = Rates(
    input=Decimal(2),
    output=Decimal(10),
    cache_read=Decimal("0.2"),
    cache_write_5m=Decimal("2.5"),
    cache_write_1h=Decimal(4),
)
M = 10**6


def test_a_trim_says_what_it_leaves_out_and_what_that_saves() -> None:
    data = {
        "n": 7,
        "tokens": 12_345,
        "items": {"t1.0": {}, "t2.0": {}},
        "expected_usd": "0.0123",
        "expected_from": "why",
    }
    said = "before request 7: 12,345 tokens of 2 results left out, saves about $0.012 (why)"
    assert (event_line("context_trimmed", data, None) or "").strip() == said
    dear = event_line("context_trimmed", {**data, "expected_usd": "-0.0123"}, None)
    assert dear is not None
    assert "costs about $0.012" in dear
    unpriced = event_line("context_trimmed", {**data, "expected_usd": None}, None)
    assert unpriced is not None
    assert unpriced.endswith("left out (why)")


def test_what_came_of_it() -> None:
    made = Realised(saved_pico=3 * 10**10, lost_pico=10**10, requests=14)
    saving = RunSaving(run="r", trims=1, tokens=41_200, recalls=2, realised=made)
    assert saving_text(saving) == (
        "1 trim left 41,200 tokens out and saved $0.02 in 14 requests so far, by what was billed"
        " ($0.03 less, $0.01 more for what was written anew); 2 recalls"
    )


@pytest.mark.parametrize(
    ("given", "pico"),
    [
        # Never written (2.5), and not read ten times (0.2 each).
        ({"new_tokens": 1_000}, int(1_000 * (2.5 + 10 * 0.2) * M)),
        # Not written anew with all the rest, and not read ten times.
        ({"old_tokens": 1_000, "rewritten_tokens": 9_000, "is_cold": True}, int(1_000 * (2.5 + 10 * 0.2) * M)),
        # Not read eleven times; 9,000 others are written and not read.
        ({"old_tokens": 1_000, "rewritten_tokens": 9_000}, int((1_000 * 11 * 0.2 - 9_000 * 2.3) * M)),
    ],
)
def test_what_is_expected_is_arithmetic(given: dict[str, int], pico: int) -> None:
    values = {"new_tokens": 0, "old_tokens": 0, "rewritten_tokens": 0, "is_cold": False, **given}
    assert expected_pico(requests=10, rates=RATES, writes=True, **values) == pico  # type: ignore[arg-type]


def test_what_was_realised_goes_by_each_bill() -> None:
    warm = Usage(cache_read=50_000, cache_write_5m=1_000)
    cold = Usage(cache_write_5m=60_000)
    asked = [
        Asked(usage=warm, rates=RATES, left_tokens=0, new_tokens=2_000),
        Asked(usage=warm, rates=RATES, left_tokens=2_000),
        Asked(usage=cold, rates=RATES, left_tokens=2_000),
    ]
    assert realised(asked) == Realised(
        saved_pico=int((2_000 * 2.5 + 2_000 * 0.2 + 2_000 * 2.5) * M), lost_pico=0, requests=3
    )


def test_a_prefix_that_a_trim_broke_is_counted_against_it() -> None:
    broke = Asked(
        usage=Usage(cache_read=10_000, cache_write_5m=31_000),
        rates=RATES,
        left_tokens=5_000,
        kept_tokens=45_000,
        changed_tokens=5_000,
    )
    assert realised([broke]) == Realised(saved_pico=int(5_000 * 0.2 * M), lost_pico=int(30_000 * 2.3 * M), requests=1)


def test_nobody_expects_more_requests_than_a_run_has_made() -> None:
    assert [further_requests(n) for n in (1, 5, 20, 500)] == [5, 5, 20, 60]
