"""Chance, time, ids and jitter, each from the seed and from nothing else."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta, tzinfo

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Chance(random.Random):
    """A stream of chance with a name: more draws from one do not move another."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.name = seed

    def of(self, name: str) -> Chance:
        """Another stream, from the same seed and this name."""
        return Chance(f"{self.name}/{name}")

    def happens(self, share: float) -> bool:
        """Whether something does that happens so often."""
        return self.random() < share


class SeededClock:
    """The loop's time as the machine's clock; the wall clock may be moved, the other never goes back."""

    def __init__(self) -> None:
        self.moved = timedelta()

    def _now(self) -> datetime:
        return START + self.moved + timedelta(seconds=asyncio.get_running_loop().time())

    def now_utc(self) -> str:
        return _text(self._now())

    def local_day(self) -> str:
        return self._now().date().isoformat()

    def next_local_midnight_utc(self) -> str:
        return _text(datetime.combine(self._now().date() + timedelta(days=1), datetime.min.time(), UTC))

    def local_midnight_utc(self, day: str) -> str:
        return f"{day}T00:00:00.000Z"

    def zone(self) -> tzinfo:
        return UTC

    def utc_in(self, seconds: float) -> str:
        return _text(self._now() + timedelta(seconds=seconds))

    def seconds_until(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - self._now()).total_seconds()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SeededIds:
    """Ids that sort by their making and end in what the seed gives."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        tail = "".join(self._chance.choice(_ALPHABET) for _ in range(4))
        return f"{prefix}-{next(self._numbers):05d}{tail}"


class SeededJitter:
    """Shares from the seed."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def share(self) -> float:
        return self._chance.random()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
