"""Fakes of the ports that many tests need."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta, tzinfo


class FakeClock:
    """A clock that stands still until it is moved; sleeping moves it."""

    def __init__(self, start: str = "2026-11-21T08:00:00.000Z") -> None:
        self.now = datetime.fromisoformat(start)
        self._zero = self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def now_utc(self) -> str:
        return _text(self.now)

    def local_day(self) -> str:
        return self.now.date().isoformat()

    def next_local_midnight_utc(self) -> str:
        return _text(datetime.combine(self.now.date() + timedelta(days=1), datetime.min.time(), UTC))

    def local_midnight_utc(self, day: str) -> str:
        return f"{day}T00:00:00.000Z"

    def zone(self) -> tzinfo:
        return UTC

    def utc_in(self, seconds: float) -> str:
        return _text(self.now + timedelta(seconds=seconds))

    def seconds_until(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - self.now).total_seconds()

    def monotonic_s(self) -> float:
        return (self.now - self._zero).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


class ToldJitter:
    """The shares that it was told, in order, and ``usual`` after them; remembers how often it was asked."""

    def __init__(self, *shares: float, usual: float = 0.0) -> None:
        self.shares = list(shares)
        self.usual = usual
        self.asked = 0

    def share(self) -> float:
        self.asked += 1
        return self.shares.pop(0) if self.shares else self.usual


class CountingIds:
    """prefix-000001, prefix-000002, ...; ``tag`` keeps two processes apart."""

    def __init__(self, tag: str = "") -> None:
        self._tag = tag
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}-{self._tag}{next(self._numbers):06d}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
