"""Where and when something is said to the user."""

from __future__ import annotations

from bursar.domain.moments import Here
from bursar.domain.ports import Clock


def here_of(clock: Clock) -> Here:
    """The user's zone and day now."""
    return Here(zone=clock.zone(), day=clock.local_day())
