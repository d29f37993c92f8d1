"""Reviews that went through a batch API: an open editor looks for their answers, so that nobody has to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from bursar.domain.errors import BursarError
from bursar.domain.moments import Here, in_local_time
from bursar.domain.runs import RunRecord
from bursar.runs.here import here_of
from bursar.runs.world import World
from bursar.session.faults import tell_faults
from bursar.session.ports import Adapters, Editor

if TYPE_CHECKING:
    from bursar.runs.batching import Ended, Pending
    from bursar.runs.operations import Answered

_SHOW = "Show Review"
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
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.batching import Pending

        run = record.run
        try:
            while self._may_write():
                found = await self._once(run)
                if not isinstance(found, Pending | None):
                    self._changed()
                    await self._tell(record, found)
                    return
                await self._adapters.clock.sleep(_APART_S)
        finally:
            del self._looking[run]

    async def _once(self, run: str) -> Answered | Pending | Ended | None:
        """One look; None where it was not possible now: another window looks, the provider or the store is away."""
        from bursar.runs.batching import Ended, fetch_batch

        record = self._adapters.journal().run(run)
        if record is None or record.erased_at is not None:
            return Ended(run=run, outcome="gone", detail="its texts were erased")
        try:
            return await fetch_batch(self._world(record), run)
        except BursarError:
            return None

    async def _tell(self, record: RunRecord, found: Answered | Ended) -> None:
        from bursar.runs.batching import Ended

        about = record.about
        if isinstance(found, Ended):
            self._editor.say("warning", f"The review of {about}: {in_local_time(found.detail, self._here())}")
            return
        told = f"The review of {about} is there: 'bursar review {about}' prints it, too, and pays nothing again."
        if await self._editor.choose(told, (_SHOW,)) != _SHOW:
            return
        path = await asyncio.to_thread(self._write, record.run, found.text)
        if not await self._editor.show_file(path):
            said = f"This editor cannot show a document: 'bursar review {about}' prints the review in a terminal."
            self._editor.say("info", said)

    def _write(self, review: str, text: str) -> str:
        """A document for the user alone; ``erase`` removes it with the review's other texts."""
        folder = self._adapters.home / "questions"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        path = folder / f"{review}.review.md"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write((text.strip() or "(the model said nothing)") + "\n")
        return str(path)

    def _here(self) -> Here:
        return here_of(self._adapters.clock)
