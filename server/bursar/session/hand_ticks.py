"""Tasks that the user ticked while their run is open: only the user knows whether the run is still wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bursar.domain.runs import RunRecord, RunSummary
from bursar.domain.tasks import (
    KEEP_GOING,
    OPEN_RUN,
    STOP_THE_RUN,
    TICKED_CHOICES,
    ticked_question,
)
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records


class HandTicks:
    """Asks once for each tick; whoever closes the question has decided nothing, and the lens still offers both."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        records: Records,
        mine: Callable[[], frozenset[str]],
        may_ask: Callable[[], bool],
        resume: Callable[[str], Awaitable[str]],
        stop: Callable[[str], Awaitable[str]],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._records = records
        self._mine = mine
        self._may_ask = may_ask
        self._resume = resume
        self._stop = stop
        self._asked: set[str] = set()

    async def look(self, path: str | None = None) -> None:
        """Compare the tasks files on the disk with the open runs: all of them, or those of the file at this path."""
        open_runs = [
            each
            for workspace in list(self._records.runs)
            for each in self._adapters.journal().summaries(workspace)
            if each.record.state in OPEN_RUN and (path is None or _file(each.record) == path)
        ]
        for summary in open_runs:
            run = summary.record.run
            elsewhere = summary.record.owner_alive and run not in self._mine()
            if elsewhere or not await asyncio.to_thread(_is_ticked, self._adapters, summary.record):
                self._asked.discard(run)
            elif run not in self._asked and self._may_ask():
                self._asked.add(run)
                await self._ask(summary)

    async def _ask(self, summary: RunSummary) -> None:
        run = summary.record.run
        answer = await self._editor.choose(ticked_question(summary.record), TICKED_CHOICES)
        now = self._adapters.journal().run(run)
        if not self._may_ask() or now is None or now.state not in OPEN_RUN:
            return
        if answer == STOP_THE_RUN:
            await self._stop(run)
        elif answer == KEEP_GOING and not now.owner_alive:
            await self._resume(run)


def _file(record: RunRecord) -> str:
    return str(Path(record.workspace) / record.spec)


def is_wanted(adapters: Adapters) -> Callable[[RunRecord], Awaitable[bool]]:
    """Tells whether a run may go on by itself: not one whose task was ticked by hand, about which the user is asked."""

    async def told(record: RunRecord) -> bool:
        return not await asyncio.to_thread(_is_ticked, adapters, record)

    return told


def _is_ticked(adapters: Adapters, record: RunRecord) -> bool:
    # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
    from bursar.runs.task_on_disk import is_ticked_by_hand

    return is_ticked_by_hand(adapters.files(Path(record.workspace)), record)
