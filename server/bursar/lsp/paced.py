"""Doing one thing no more often than the client can follow, however often it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bursar.domain.ports import Clock


class Paced:
    """Does it soon after it is asked for, and not again within ``apart_s``; what is asked for until then is one asking.

    After the last asking it is done once more, so what it tells is never old.
    """

    def __init__(self, do: Callable[[], None], clock: Clock, *, soon_s: float, apart_s: float) -> None:
        self._do = do
        self._clock = clock
        self._soon_s = soon_s
        self._apart_s = apart_s
        self._not_before_s = 0.0
        self._job: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """It should be done."""
        if self._job is None:
            self._job = asyncio.create_task(self._later())

    async def _later(self) -> None:
        left_s = self._not_before_s - self._clock.monotonic_s()
        await self._clock.sleep(max(self._soon_s, left_s))
        self._not_before_s = self._clock.monotonic_s() + self._apart_s
        self._job = None
        self._do()
