"""The simulator's own clock, which tests replace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the simulator shares nothing with the rest, so it has its own clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """When something happens (`wall`, UTC) and how long it lasts (`monotonic`, seconds)."""

    wall: Callable[[], datetime] = _wall
    monotonic: Callable[[], float] = time.monotonic  # noqa: TID251 - see above
