"""Days as people name them."""

from __future__ import annotations

import pytest

from bursar.domain.days import since_day
from bursar.domain.errors import BadInput


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-03-01"),
        ("1d", "2026-03-01"),
        ("2d", "2026-02-28"),
        ("99999d", "1970-01-01"),
        ("2025-12-31", "2025-12-31"),
        ("2027-01-01", "2027-01-01"),
    ],
)
def test_a_day(text: str, day: str) -> None:
    assert since_day(text, today="2026-03-01") == day


@pytest.mark.parametrize("text", ["", "0d", "-1d", "7", "d", "2026-2-1", "2026-02-30", "20260228", "٧d", "100000d"])
def test_no_day(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no day: give a date like 2026-03-01, a number of days like 7d, or today"):
        since_day(text, today="2026-03-01")
