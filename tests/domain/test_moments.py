"""Moments as the user's own clock shows them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from bursar.domain.moments import Here, in_local_time, moment_words

BERLIN = Here(zone=ZoneInfo("Europe/Berlin"), day="2026-10-25")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-10-25T13:30:00.000Z", "14:30"),
        ("2026-10-25T13:30:09.999Z", "14:30:09"),
        # The night in which the clocks change: summer time before, two hours ahead.
        ("2026-10-24T22:30:00.000Z", "00:30"),
        ("2026-10-24T21:30:00.000Z", "2026-10-24 23:30"),
        ("2026-10-25T23:00:00Z", "2026-10-26 00:00"),
        ("9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59.000Z"),
        ("2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z"),
        (None, ""),
    ],
)
def test_the_day_is_said_where_it_is_not_today(at, says):
    assert moment_words(at, BERLIN) == says


def test_a_sentence_keeps_all_but_its_moments():
    told = (
        "Slow down. It resets at 2026-10-25T13:30:00.000Z. Then, or at 2026-10-26T01:00:00Z, use 'bursar resume r-1'."
    )
    assert in_local_time(told, BERLIN) == (
        "Slow down. It resets at 14:30. Then, or at 2026-10-26 02:00, use 'bursar resume r-1'."
    )
    assert in_local_time(told, None) == told
    other = "version 2026-10-25, 2026-10-25T13:30:00+02:00, x2026-10-25T13:30:00Z"
    assert in_local_time(other, Here(zone=UTC, day="2026-10-25")) == other
