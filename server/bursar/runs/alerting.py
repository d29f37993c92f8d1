"""The alerts of a day, from what the journal has of it."""

from __future__ import annotations

from bursar.domain.money.alerts import Alert, AlertLimits, alerts_of
from bursar.domain.ports import Journal


def alerts_today(journal: Journal, limits: AlertLimits, day: str) -> list[Alert]:
    """What of Bursar's own requests of this day is above its limit; nothing is read where none is set."""
    if not limits.any:
        return []
    spending = journal.spending("model", since=day)
    return alerts_of(limits, day=spending.own, timed=spending.timed)
