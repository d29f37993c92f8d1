"""The user's own rate of use: what was booked in a folder, over the days that count."""

from __future__ import annotations

import pytest

from bursar.domain.money.use_rate import DayRequests, UseRate, first_day_looked_at, use_rate

TODAY = "2026-11-21"


def day(local_day: str, requests: int, workspace: str = "/w") -> DayRequests:
    return DayRequests(local_day=local_day, workspace=workspace, requests=requests)


@pytest.mark.parametrize(
    ("rows", "rate"),
    [
        ([], None),
        ([day("2026-11-21", 0)], None),
        ([day("2026-11-21", 6)], UseRate(requests=6, days=1)),
        ([day("2026-11-20", 2), day("2026-11-21", 6)], UseRate(requests=8, days=2)),
        ([day("2026-11-08", 7)], UseRate(requests=7, days=14)),
        ([day("2026-11-07", 7)], None),
        ([day("2026-11-07", 7), day("2026-11-20", 3)], UseRate(requests=3, days=14)),
        ([day("2026-11-21", 5, "/other"), day("2026-11-21", 1, "/w2")], None),
        ([day("2026-11-21", 5, "/w/packages/a"), day("2026-11-21", 1)], UseRate(requests=6, days=1)),
        ([day("2026-11-22", 5)], None),
    ],
)
def test_the_rate_is_of_this_folder_and_of_days_that_ended_today(rows: list[DayRequests], rate: UseRate | None) -> None:
    assert use_rate(rows, workspace="/w", today=TODAY) == rate


def test_the_first_day_that_is_looked_at_lies_before_those_that_count() -> None:
    assert first_day_looked_at(TODAY) == "2026-08-23"
