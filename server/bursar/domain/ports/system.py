"""The machine as ports: its clock, fresh ids, and the named places where a test may end the process."""

from __future__ import annotations

from datetime import tzinfo
from typing import Protocol


class Clock(Protocol):
    """The only way to know the time."""

    def now_utc(self) -> str:
        """RFC 3339 UTC with milliseconds and Z: '2026-11-21T08:00:00.000Z'."""

    def local_day(self) -> str:
        """The user's calendar day now, YYYY-MM-DD."""

    def next_local_midnight_utc(self) -> str:
        """When the local day ends, RFC 3339 UTC."""

    def local_midnight_utc(self, day: str) -> str:
        """When this local day (YYYY-MM-DD) begins, RFC 3339 UTC."""

    def zone(self) -> tzinfo:
        """The user's time zone, with its rules for every moment."""

    def utc_in(self, seconds: float) -> str:
        """The moment ``seconds`` from now, RFC 3339 UTC."""

    def seconds_until(self, moment: str) -> float:
        """Seconds from now to an RFC 3339 moment; negative when it has passed."""

    def monotonic_s(self) -> float:
        """Seconds that only grow, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""


class Ids(Protocol):
    """Fresh identifiers."""

    def new(self, prefix: str) -> str:
        """A short unique id such as 'run-k3v9…'; sorts by time of making."""


class Failpoint(Protocol):
    """A named place where a test may end the process; does nothing otherwise."""

    def __call__(self, name: str, /) -> None: ...


def nowhere(_name: str, /) -> None:
    """The failpoint of whoever has none."""
