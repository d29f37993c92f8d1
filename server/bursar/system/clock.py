"""The Clock port on the machine's clocks."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime, timedelta, tzinfo


class SystemClock:
    """Wall clock for records, monotonic clock for durations, the local time zone for the user's day."""

    def now_utc(self) -> str:
        """RFC 3339 UTC with milliseconds."""
        return _text(datetime.now(UTC))  # noqa: TID251 - this is the Clock adapter

    def local_day(self) -> str:
        """The user's calendar day."""
        return datetime.now().astimezone().date().isoformat()  # noqa: TID251 - this is the Clock adapter

    def local_day_of(self, moment: str) -> str:
        """The user's calendar day of an RFC 3339 moment."""
        return datetime.fromisoformat(moment).astimezone().date().isoformat()

    def next_local_midnight_utc(self) -> str:
        """When the user's day ends."""
        return self.local_midnight_utc((date.fromisoformat(self.local_day()) + timedelta(days=1)).isoformat())

    def local_midnight_utc(self, day: str) -> str:
        """When that day begins; where the clocks skip its midnight, the first moment after."""
        # Not astimezone(): of a midnight that is skipped it makes a moment of the day before.
        midnight = datetime.combine(date.fromisoformat(day), datetime.min.time())
        return _text(datetime.fromtimestamp(midnight.timestamp(), UTC))

    def zone(self) -> tzinfo:
        """The zone of this process."""
        return _LOCAL

    def utc_in(self, seconds: float) -> str:
        """The moment that many seconds from now."""
        return _text(datetime.now(UTC) + timedelta(seconds=seconds))  # noqa: TID251 - this is the Clock adapter

    def seconds_until(self, moment: str) -> float:
        """Seconds until an RFC 3339 moment, negative once it has passed."""
        then = datetime.fromisoformat(moment)
        return (then - datetime.now(UTC)).total_seconds()  # noqa: TID251 - this is the Clock adapter

    def monotonic_s(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()  # noqa: TID251 - this is the Clock adapter

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class _Local(tzinfo):
    """The zone that this process is set to, whose name Python does not tell: the system is asked at each moment."""

    def fromutc(self, moment: datetime, /) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None, /) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()


_LOCAL = _Local()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
