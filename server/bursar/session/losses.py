"""Where the newest runs lost the prompt cache, found out beside the loop: each pair of requests is looked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bursar.domain.context.losses import LostCache
from bursar.domain.runs import RunSummary
from bursar.runs.cache_losses import Pair, by_run, lost_cache, newest_rows, pairs_of
from bursar.session.faults import tell_faults
from bursar.session.ports import Adapters, Editor


class Losses:
    """Keeps what was lost, by run."""

    def __init__(self, *, adapters: Adapters, editor: Editor) -> None:
        self._adapters = adapters
        self._editor = editor
        self._seen: set[tuple[str, str, int]] = set()
        self._open: list[Pair] = []
        self._job: asyncio.Task[None] | None = None
        self._found: list[LostCache] = []
        self.known: dict[str, tuple[LostCache, ...]] = {}

    def look(self, summaries: Sequence[RunSummary]) -> None:
        """These are the runs of a workspace now: what is new among them is looked at soon."""
        erased = {each.record.run for each in summaries if each.record.erased_at is not None}
        if erased & self.known.keys():
            # What was erased is named nowhere any more.
            self._found = [each for each in self._found if each.row.run not in erased]
            self.known = by_run(self._found)
        for each in pairs_of(newest_rows(summaries)):
            key = (each.later.run, each.later.step, each.later.attempt)
            if key not in self._seen:
                self._seen.add(key)
                self._open.append(each)
        if self._open and (self._job is None or self._job.done()):
            self._job = asyncio.create_task(self._work(), name="look for lost prompt caches")
            tell_faults(self._job, self._editor, "Looking for lost prompt caches")

    def close(self) -> None:
        """Look no more."""
        if self._job is not None:
            self._job.cancel()

    async def _work(self) -> None:
        journal = self._adapters.journal()
        while self._open:
            found = await asyncio.to_thread(lost_cache, journal, self._open.pop(0))
            if found is not None:
                self._found.append(found)
                self.known = by_run(self._found)
                self._editor.annotations_changed()
