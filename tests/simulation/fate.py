"""Death of a process at any call of a port: what it had in memory is gone, what it wrote is there."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

from .seeded import Chance

_PER_POINT = 0.25
"""Most of the calls are of the journal; a wait now and then lets others come between."""


class Crash(BaseException):
    """Nothing may handle this: it stands for the end of the process."""


class Fate:
    """When one process dies; after that nothing that it still tries is done."""

    def __init__(self, chance: Chance, *, died: Callable[[str], None], seen: Counter[str]) -> None:
        self._chance = chance
        self._died = died
        self._seen = seen
        self._left: int | None = None
        self._where: str | None = None
        self.dead = False

    def doom(self, points: int, *, where: str | None = None) -> None:
        """Let it die when so many more points have been passed: all count, or those of one name."""
        self._left = points
        self._where = where

    def spare(self) -> None:
        """Let it live after all."""
        self._left = None

    def die(self, where: str) -> None:
        """The end, here and now."""
        if not self.dead:
            self.dead = True
            self._died(where)

    def point(self, name: str) -> None:
        """Pass a place where the process may die. Raises Crash."""
        if self.dead:
            raise Crash(name)
        self._seen[name] += 1
        if self._left is None or self._where not in (None, name):
            return
        self._left -= 1
        if self._left <= 0:
            self.die(name)
            raise Crash(name)

    async def pause(self) -> None:
        """Take a moment, so that others come between."""
        if self._chance.happens(_PER_POINT):
            await asyncio.sleep(self._chance.choice((0.0, 0.001, 0.004, 0.02)))


class Mortal:
    """A port of a process that may die before and after each call; what is no call is passed through."""

    def __init__(self, port: Any, fate: Fate, name: str) -> None:
        self._port = port
        self._fate = fate
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        where = f"{self._name}.{name}"
        return self._later(found, where) if inspect.iscoroutinefunction(found) else self._now(found, where)

    def _now(self, found: Callable[..., Any], where: str) -> Callable[..., Any]:
        def call(*args: Any, **given: Any) -> Any:
            self._fate.point(f"before {where}")
            result = found(*args, **given)
            self._fate.point(f"after {where}")
            return result

        return call

    def _later(self, found: Callable[..., Any], where: str) -> Callable[..., Any]:
        async def call(*args: Any, **given: Any) -> Any:
            self._fate.point(f"before {where}")
            await self._fate.pause()
            self._fate.point(f"before {where}")
            result = await found(*args, **given)
            self._fate.point(f"after {where}")
            await self._fate.pause()
            self._fate.point(f"after {where}")
            return result

        return call
