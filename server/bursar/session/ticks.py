"""Marks that wait: of runs that finished, in tasks files that do not say so on the disk yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bursar.domain.runs import RunRecord
from bursar.session.jobs import RunJobs
from bursar.session.ports import Adapters
from bursar.session.records import Records

_SETTLE_AFTER_S = 1.0


class Ticks:
    """Sets the marks that an earlier process left to be set, and forgets those that were saved."""

    def __init__(self, *, adapters: Adapters, records: Records, jobs: RunJobs, may_write: Callable[[], bool]) -> None:
        self._adapters = adapters
        self._records = records
        self._jobs = jobs
        self._may_write = may_write
        self._settled: set[str] = set()

    async def settle(self) -> None:
        """Once for each workspace: set the marks of runs that finished before a process ended.

        Documents with unsaved text from the last session arrive a moment after the start; they come first.
        """
        await self._adapters.clock.sleep(_SETTLE_AFTER_S)
        for workspace in list(self._records.runs):
            if not self._may_write() or workspace in self._settled:
                continue
            self._settled.add(workspace)
            for record in self._adapters.journal().runs(workspace):
                if record.tick_pending and record.run not in self._jobs.mine and not record.owner_alive:
                    await self._jobs.settle(record)

    async def forget_saved(self, path: str | None) -> None:
        """The file at this path was written: a mark that it has now waits no longer."""
        for summary in self._records.summaries():
            record = summary.record
            waits = record.tick_pending and str(Path(record.workspace) / record.spec) == path
            if waits and await asyncio.to_thread(self._is_saved, record):
                await self._adapters.journal().clear_tick_pending(record.run)
                self._records.look_soon()

    def _is_saved(self, record: RunRecord) -> bool:
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.task_on_disk import task_on_disk

        task = task_on_disk(self._adapters.files(Path(record.workspace)), record)
        return task is not None and task.state == "done"
