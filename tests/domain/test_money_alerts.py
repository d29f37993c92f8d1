"""An alert names a figure that is above its limit, and is silent where there is too little to say so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bursar.domain.errors import BadInput
from bursar.domain.money.alerts import AlertLimits, alert_limits, alerts_of
from bursar.domain.money.rolls import Sums
from bursar.domain.money.speed import Timed

_USD = 10**12
LIMITS = alert_limits(cost_day="5usd", error_share="20%", p95_s="60")


def kinds(limits: AlertLimits = LIMITS, *, seconds: tuple[int, ...] = (), **day: Any) -> list[str]:
    timed = [Timed(key="m", ttft_ms=None, duration_ms=1_000 * each, output_tokens=1) for each in seconds]
    return [each.kind for each in alerts_of(limits, day=Sums(**day), timed=timed)]


def test_each_figure_has_its_limit() -> None:
    assert AlertLimits(cost_day_pico=5 * _USD, error_share_percent=Decimal(20), p95_s=Decimal(60)) == LIMITS
    assert kinds(cost_pico=5 * _USD) == []
    assert kinds(cost_pico=5 * _USD + 1) == ["cost_day"]
    # What is not known may have been spent.
    assert kinds(cost_pico=3 * _USD, at_most_pico=3 * _USD) == ["cost_day"]
    assert kinds(attempts=10, failed=2) == []
    assert kinds(attempts=10, failed=3) == ["error_share"]
    assert kinds(seconds=(60,) * 20) == []
    assert kinds(seconds=(*(1,) * 18, 61, 61)) == ["p95_s"]
    assert kinds(seconds=(*(1,) * 19, 61)) == []
    assert kinds(cost_pico=6 * _USD, attempts=20, failed=20, seconds=(99,) * 20) == ["cost_day", "error_share", "p95_s"]


def test_too_few_say_nothing() -> None:
    assert kinds(attempts=9, failed=9, seconds=(99,) * 19) == []
    assert kinds() == []


def test_what_is_not_set_is_not_told() -> None:
    off = alert_limits(cost_day="off", error_share="", p95_s=" ")
    assert (off, off.any, LIMITS.any) == (AlertLimits(), False, True)
    assert kinds(off, cost_pico=10**20, attempts=99, failed=99, seconds=(999,) * 99) == []


def test_the_message_says_the_figure_its_limit_and_what_it_was_taken_over() -> None:
    day = Sums(cost_pico=6 * _USD, at_most_pico=_USD, attempts=12, failed=3)
    cost, share = (each.message for each in alerts_of(LIMITS, day=day, timed=()))
    assert cost.startswith("today cost $7.00, of it at most $1.00 not known; the alert is set at $5.00. ")
    assert share.startswith("25.0% of today's attempts failed (3 of 12); the alert is set at 20%. ")
    assert "bursar usage --by model --since today" in share


@pytest.mark.parametrize(
    "wrong",
    [
        {"cost_day": "much"},
        {"cost_day": "300req"},
        {"cost_day": "-1usd"},
        {"cost_day": "0"},
        {"error_share": "101%"},
        {"error_share": "0"},
        {"error_share": "NaN"},
        {"p95_s": "-3"},
        {"p95_s": "1e99"},
        {"p95_s": "soon"},
    ],
)
def test_what_cannot_be_names_the_setting(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(BadInput, match=rf"^alerts\.{name}: "):
        alert_limits(**wrong)
