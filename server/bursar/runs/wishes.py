"""The user's wish to stop, heard in the middle of what takes long: an answer, a command, a question."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from bursar.domain.errors import StorageError
from bursar.runs.world import World

LOOK_EVERY_S = 0.25

T = TypeVar("T")


class StopAsked(Exception):
    """Unwinds to the loop of the run, which ends it."""


def stop_is_asked(world: World, run: str) -> bool:
    """Whether the user wants this run to end for good."""
    record = world.journal.run(run)
    return record is None or record.stop_requested


async def unless_stopped(world: World, run: str, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to; a wish to stop breaks it off at once and raises StopAsked when it has let go.

    The wish may come from another process, so it is looked for. Whoever cancels this cancels the work.
    """
    job = asyncio.ensure_future(work)
    try:
        while not job.done():
            await asyncio.wait({job}, timeout=LOOK_EVERY_S)
            # A store that cannot be read now says so at the next write, which comes with the end of the work.
            with suppress(StorageError):
                if not job.done() and stop_is_asked(world, run):
                    raise StopAsked
        return job.result()
    finally:
        if not job.done():
            job.cancel()
            await asyncio.wait({job})
        if not job.cancelled():
            job.exception()
