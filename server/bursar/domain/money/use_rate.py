"""How many requests a day the user makes, from what was booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

USE_DAYS = 14
LOOK_BACK_DAYS = 90
"""Where the first request is older than the days that are averaged over, all of these count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRequests:
    """The requests of one local day in one folder, an absolute path; other agents' imported ones among them."""

    local_day: str
    workspace: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRate:
    """So many requests in so many days that end today; ``days`` is at least 1."""

    requests: int
    days: int


def first_day_looked_at(today: str) -> str:
    """The day from which on requests say something about the user's rate."""
    return _before(today, LOOK_BACK_DAYS)


def use_rate(rows: Iterable[DayRequests], *, workspace: str, today: str) -> UseRate | None:
    """The rate in a folder and those below it over the last 14 days, or since its first request where that is later.

    None where no request was booked there in these days: nothing can be said of days to come.
    """
    first = _before(today, USE_DAYS - 1)
    here = [
        each
        for each in rows
        if each.requests
        and each.local_day <= today
        and (each.workspace == workspace or each.workspace.startswith(workspace.rstrip("/") + "/"))
    ]
    recent = [each for each in here if each.local_day >= first]
    if not recent:
        return None
    began = max(first, min(each.local_day for each in here))
    days = (date.fromisoformat(today) - date.fromisoformat(began)).days + 1
    return UseRate(requests=sum(each.requests for each in recent), days=days)


def _before(today: str, days: int) -> str:
    return (date.fromisoformat(today) - timedelta(days=days)).isoformat()
