"""Moments as the user's own clock shows them; programs are told RFC 3339 in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where and when something is said: the user's zone, and their calendar day as YYYY-MM-DD."""

    zone: tzinfo
    day: str


def moment_words(at: str | None, here: Here) -> str:
    """``14:30`` or ``14:30:09``, and ``2026-11-22 00:00`` on another day than today; what is no moment as it is."""
    if at is None:
        return ""
    try:
        local = datetime.fromisoformat(at).astimezone(here.zone)
    except (ValueError, OverflowError):
        return at
    day = local.date().isoformat()
    time = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    return time if day == here.day else f"{day} {time}"


def in_local_time(text: str, here: Here | None) -> str:
    """A sentence of ours with each moment in it, RFC 3339 in UTC, as the user's clock shows it; without it as it is."""
    if here is None:
        return text
    return _MOMENT.sub(lambda found: moment_words(found[0], here), text)
