"""Brings the tasks files and the journal together: marks that wait to be saved, and ticks by hand on open runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bursar.domain.errors import BursarError
from bursar.session.hand_ticks import HandTicks
from bursar.session.jobs import RunJobs
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records
from bursar.session.ticks import Ticks


class Reconciling:
    """Looks when a workspace becomes known or trusted, and when a file was written."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        records: Records,
        jobs: RunJobs,
        may_write: Callable[[], bool],
        resume: Callable[[str], Awaitable[str]],
        stop: Callable[[str], Awaitable[str]],
        problem: Callable[[str], None],
    ) -> None:
        self._records = records
        self._problem = problem
        self._ticks = Ticks(adapters=adapters, records=records, jobs=jobs, may_write=may_write)
        self._hand_ticks = HandTicks(
            adapters=adapters,
            editor=editor,
            records=records,
            mine=lambda: jobs.mine,
            may_ask=may_write,
            resume=resume,
            stop=stop,
        )

    async def all(self) -> None:
        """Bring all of them together, as far as they are known."""
        try:
            await self._ticks.settle()
            await self._hand_ticks.look()
            self._records.look_soon()
        except BursarError as error:
            self._problem(str(error))  # what watches the records says the same

    async def written(self, path: str | None) -> None:
        """The file at this path was written, by the editor or from outside."""
        await self._ticks.forget_saved(path)
        if path is not None:
            await self._hand_ticks.look(path)
