"""Reviews that went through a batch API: an open editor looks for their answers, so that nobody has to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bursar.domain.errors import BursarError
from bursar.domain.runs import RunRecord
from bursar.runs.batching import Ended, Pending, fetch_batch
from bursar.runs.operations import Answered
from bursar.runs.world import World
from bursar.session.faults import tell_faults
from bursar.session.ports import Adapters, Editor

_APART_S = 120.0
"""The provider takes up to a day: a look every two minutes is early enough."""


class Fetcher:
    """Looks after each batch that is waited for, with a job of its own."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        world: Callable[[RunRecord], World],
        may_write: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._world = world
        self._may_write = may_write
        self._changed = changed
        self._looking: dict[str, asyncio.Task[None]] = {}

    def remember(self, record: RunRecord) -> None:
        """Look for this operation's answer from now on, if it waits for a batch."""
        if record.reason != "batch" or record.state != "paused" or record.run in self._looking:
            return
        if not self._may_write():
            return
        job = asyncio.create_task(self._look(record), name=f"fetch {record.run}")
        tell_faults(job, self._editor, f"The review of {record.about}")
        self._looking[record.run] = job

    def close(self) -> None:
        """Look no more; the next editor, or 'bursar review --fetch', goes on."""
        for job in list(self._looking.values()):
            job.cancel()

    async def _look(self, record: RunRecord) -> None:
        run = record.run
        try:
            while self._may_write():
                found = await self._once(run)
                if not isinstance(found, Pending | None):
                    self._tell(record, found)
                    self._changed()
                    return
                await self._adapters.clock.sleep(_APART_S)
        finally:
            del self._looking[run]

    async def _once(self, run: str) -> Answered | Pending | Ended | None:
        """One look; None where it was not possible now: another window looks, the provider or the store is away."""
        record = self._adapters.journal().run(run)
        if record is None or record.erased_at is not None:
            return Ended(run=run, outcome="gone", detail="its texts were erased")
        try:
            return await fetch_batch(self._world(record), run)
        except BursarError:
            return None

    def _tell(self, record: RunRecord, found: Answered | Ended) -> None:
        about = record.about
        if isinstance(found, Answered):
            self._editor.say("info", f"The review of {about} is there: 'bursar review {about}' prints it.")
        else:
            self._editor.say("warning", f"The review of {about}: {found.detail}")
