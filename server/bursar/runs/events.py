"""Tells everybody what happens in a run: the journal keeps it, listeners see it at once."""

from __future__ import annotations

from typing import Any

from bursar.runs.world import World


class Events:
    """The voice of one run."""

    def __init__(self, world: World, run: str) -> None:
        self._world = world
        self._run = run

    async def tell(self, kind: str, **data: Any) -> None:
        """Keep the event in the journal, then pass it on."""
        event = await self._world.journal.append_event(run=self._run, kind=kind, data=data)
        self._world.on_event(run=self._run, kind=kind, at=event.at, seq=event.seq, data=data)

    def pass_on(self, kind: str, **data: Any) -> None:
        """Pass a sign of life on without keeping it."""
        self._world.on_event(run=self._run, kind=kind, at=self._world.clock.now_utc(), seq=None, data=data)
