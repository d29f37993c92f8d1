"""Forecasts for the open tasks files, made beside the loop when a count or the history has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bursar.domain.errors import BursarError
from bursar.domain.money.forecast import Room, TaskForecast, forecast_task
from bursar.domain.money.forecast_total import forecast_together
from bursar.domain.money.past import Known, PastTask, past_tasks
from bursar.domain.runs import RunSummary, TaskEstimate
from bursar.domain.specs import SpecTask
from bursar.session.faults import tell_faults
from bursar.session.model import Document, SpecForecast, TaskKey
from bursar.session.ports import Adapters, Editor
from bursar.views.forecasts import NO_OUTLOOK, Outlook

HISTORY_RUNS = 300
"""How many runs of the user's are looked at, the newest ones of all workspaces."""
KEPT = 512
"""How many forecasts are kept, of all documents together."""
_ENDED = ("finished", "failed")


@dataclass(slots=True)
class Forecaster:
    """Forecasts from one history; what was asked before is not made again."""

    history: tuple[PastTask, ...]
    _alone: dict[Known, TaskForecast] = field(default_factory=dict)
    _together: dict[tuple[Known, ...], TaskForecast | None] = field(default_factory=dict)

    def alone(self, known: Known) -> TaskForecast:
        """The forecast of one task."""
        found = self._alone.get(known)
        if found is None:
            _make_room(self._alone, KEPT)
            found = self._alone[known] = forecast_task(known, self.history)
        return found

    def together(self, known: tuple[Known, ...]) -> TaskForecast | None:
        """The forecast of several tasks; None without one."""
        if known not in self._together:
            _make_room(self._together, KEPT // 8)
            self._together[known] = forecast_together([self.alone(each) for each in known])
        return self._together[known]


def _make_room(kept: dict[Any, Any], most: int) -> None:
    """Forget the oldest, so that a day of typing does not fill the memory."""
    while len(kept) >= most:
        del kept[next(iter(kept))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be forecast in one document: its estimated tasks, and those that are run for others or for all."""

    document: Document
    estimates: Mapping[TaskKey, TaskEstimate]
    groups: Mapping[TaskKey, tuple[TaskKey, ...]]
    all_open: tuple[TaskKey, ...]


def forecasts_of(work: Work, forecaster: Forecaster) -> SpecForecast:
    """The forecasts of one document; a group has one only where all of it is estimated."""
    known = {
        key: known_of(each, workspace=work.document.workspace, spec=work.document.spec)
        for key, each in work.estimates.items()
    }

    def together(keys: tuple[TaskKey, ...]) -> TaskForecast | None:
        return forecaster.together(tuple(known[key] for key in keys)) if all(key in known for key in keys) else None

    groups = {key: together(keys) for key, keys in work.groups.items()}
    return SpecForecast(
        tasks={key: forecaster.alone(each) for key, each in known.items()},
        groups={key: each for key, each in groups.items() if each is not None},
        total=together(work.all_open),
    )


def outlook_of(
    known: SpecForecast | None,
    tasks: Iterable[tuple[TaskKey, SpecTask]],
    *,
    rooms: Sequence[Room],
    workspace: str,
) -> Outlook:
    """The forecasts of a document by the lines of its tasks; none of them is made here."""
    if known is None:
        return NO_OUTLOOK
    lines = {key: each.line for key, each in tasks}
    return Outlook(
        tasks={lines[key]: each for key, each in known.tasks.items() if key in lines},
        groups={lines[key]: each for key, each in known.groups.items() if key in lines},
        total=known.total,
        rooms=[each for each in rooms if each.workspace in (None, workspace)],
    )


def known_of(estimate: TaskEstimate, *, workspace: str, spec: str) -> Known:
    """What is known of a task before it runs, as a forecast compares it; the same after an edit of a few words."""
    return Known(
        traits=estimate.traits,
        model=estimate.model,
        workspace=workspace,
        spec=spec,
        first_tokens=estimate.counted_tokens,
        first_pico=estimate.first_request_pico,
    ).coarse()


class Forecasts:
    """Keeps the newest forecasts of every annotated tasks file."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        work: Callable[[], Mapping[str, Work]],
        problem: Callable[[str], None],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._work = work
        self._problem = problem
        self._forecaster = Forecaster(())
        self._history_is_stale = True
        self._ended: set[str] = set()
        self._dirty = False
        self._job: asyncio.Task[None] | None = None
        self.known: dict[str, SpecForecast] = {}

    def look_soon(self) -> None:
        """Something that a forecast is made from may have changed."""
        self._dirty = True
        if self._job is None:
            self._job = asyncio.create_task(self._run(), name="forecast")
            tell_faults(self._job, self._editor, "Forecasting the tasks")

    def looked_at(self, summary: RunSummary) -> None:
        """A run was looked at; one that has ended since is a part of the history from now on."""
        record = summary.record
        if record.state in _ENDED and record.run not in self._ended:
            self._ended.add(record.run)
            self._history_is_stale = True
            self.look_soon()

    def close(self) -> None:
        """Make no more."""
        if self._job is not None:
            self._job.cancel()

    async def _run(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                await self._once()
        finally:
            self._job = None

    async def _once(self) -> None:
        work, forecaster = self._work(), self._forecaster
        is_stale, self._history_is_stale = self._history_is_stale, False
        if not work:
            self.known, self._history_is_stale = {}, True
            return
        try:
            journal = self._adapters.journal()

            def make() -> tuple[Forecaster, dict[str, SpecForecast]]:
                made = Forecaster(past_tasks(journal.ended_runs(HISTORY_RUNS))) if is_stale else forecaster
                return made, {uri: forecasts_of(each, made) for uri, each in work.items()}

            self._forecaster, found = await asyncio.to_thread(make)
        except BursarError as error:
            self._history_is_stale = True
            self._problem(str(error))
            return
        if found != self.known:
            self.known = found
            self._editor.annotations_changed()
