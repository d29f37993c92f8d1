"""What will have been spent by the end of the month if it goes on as it does: a line through the last days, exact.

The line is fitted by least squares to the money of up to the last 28 whole days, days without spend as 0. The
interval is the prediction interval of the sum of the days to come (80 % by Student's t), so it holds the scatter of
single days and what is not known about the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

LEAST_DAYS = 7
MOST_DAYS = 28
INTERVAL_PERCENT = 80

# Student's t with a tenth above it, for 5 to 26 degrees of freedom.
_T_THOUSANDTHS = (
    *(1476, 1440, 1415, 1397, 1383, 1372, 1363, 1356, 1350, 1345, 1341),
    *(1337, 1333, 1330, 1328, 1325, 1323, 1321, 1319, 1318, 1316, 1315),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """By the end of the month (``last_day``): ``pico`` in all, between ``low_pico`` and ``high_pico``.

    ``spent_pico`` is the month up to now; ``days`` is over how many whole days the line goes, and ``slope_pico`` by
    how much each day costs more than the one before. ``pico`` is None where there are too few days.
    """

    last_day: str
    spent_pico: int
    days: int
    slope_pico: int = 0
    pico: int | None = None
    low_pico: int = 0
    high_pico: int = 0


def project(by_day: Mapping[str, int], *, today: str) -> Projection:
    """The month's end from the money of each day (YYYY-MM-DD, days without spend may be missing)."""
    now = date.fromisoformat(today)
    last = _last_of_month(now)
    first = min((date.fromisoformat(each) for each in by_day), default=now)
    days = min((now - first).days, MOST_DAYS)
    month = [pico for day, pico in by_day.items() if day[:7] == today[:7] and day <= today]
    spent = sum(month)
    if days < LEAST_DAYS:
        return Projection(last_day=last.isoformat(), spent_pico=spent, days=max(days, 0))
    past = [by_day.get((now - timedelta(days=each)).isoformat(), 0) for each in range(days, 0, -1)]
    # The first whole day is 0, today is ``days``.
    coming = range(days, days + (last - now).days + 1)
    middle, mean = Fraction(days - 1, 2), Fraction(sum(past), days)
    squares = sum(((each - middle) ** 2 for each in range(days)), Fraction(0))
    slope = sum(((each - middle) * pico for each, pico in enumerate(past)), Fraction(0)) / squares
    off = sum((each - middle for each in coming), Fraction(0))
    total = max(mean * len(coming) + slope * off, Fraction(0))
    rest = sum(((pico - mean - slope * (each - middle)) ** 2 for each, pico in enumerate(past)), Fraction(0)) / (
        days - 2
    )
    variance = rest * (len(coming) + Fraction(len(coming) ** 2, days) + off**2 / squares)
    margin = _T_THOUSANDTHS[days - LEAST_DAYS] * (Decimal(variance.numerator) / variance.denominator).sqrt() / 1_000
    before_today = spent - by_day.get(today, 0)
    return Projection(
        last_day=last.isoformat(),
        spent_pico=spent,
        days=days,
        slope_pico=round(slope),
        pico=max(spent, before_today + round(total)),
        low_pico=max(spent, before_today + round(total) - int(margin)),
        high_pico=max(spent, before_today + round(total) + int(margin)),
    )


def _last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
