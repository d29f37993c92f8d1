"""The runs that this process drives: each is a job of the session, whatever becomes of the command that began it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bursar.domain.errors import BursarError, Fenced, OwnedElsewhere
from bursar.domain.moments import in_local_time
from bursar.domain.ports import Asker, EditorBuffers
from bursar.domain.runs import RunRecord
from bursar.domain.tasks import goes_on_by_itself
from bursar.runs.deferring import is_parked_until
from bursar.runs.here import here_of
from bursar.runs.world import Finished, Outcome, Paused, Ways, World
from bursar.session.faults import tell_faults
from bursar.session.fetching import Fetcher
from bursar.session.model import UsageUpdate
from bursar.session.ports import Adapters, Editor
from bursar.views.progress import countdown, event_line

_GRACE_S = 1.2
_QUIET = frozenset({"request_progress", "request_accepted", "request_first_token"})
_SAID_AT_THE_END = frozenset({"run_paused", "run_finished"})
"""The end of the progress report says it, and a message where the user is needed: once more would be a second box."""


@dataclass(slots=True)
class _Job:
    record: RunRecord
    world: World
    work: asyncio.Task[None]
    shown: bool = False


class RunJobs:
    """Drives runs, one job each, and goes on with one that waits for a moment when that has come."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        asker: Asker,
        buffers: EditorBuffers,
        changed: Callable[[], None],
        may_run: Callable[[], bool],
        trusted: Callable[[], bool],
        wanted: Callable[[RunRecord], Awaitable[bool]],
        ended: Callable[[RunRecord, Outcome | None], None],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._asker = asker
        self._buffers = buffers
        self._changed = changed
        self._may_run = may_run
        self._trusted = trusted
        self._wanted = wanted
        self._ended = ended
        self._fetcher = Fetcher(adapters=adapters, editor=editor, world=self.world, may_write=may_run, changed=changed)
        self._jobs: dict[str, _Job] = {}
        self._alarms: dict[str, asyncio.Task[None]] = {}
        self._warming: dict[str, asyncio.Task[None]] = {}
        self._remembered: set[tuple[str, str]] = set()

    @property
    def mine(self) -> frozenset[str]:
        """The runs that are driven here now."""
        return frozenset(self._jobs)

    @property
    def running(self) -> tuple[str, ...]:
        """The tasks of those runs, in the order they began."""
        return tuple(each.record.task_address for each in self._jobs.values())

    def remember(self, record: RunRecord) -> None:
        """Go on with a run that waits for a moment, parked by whomever, when that comes; once for each moment."""
        if record.kind != "task":
            self._fetcher.remember(record)
            return
        if record.resume_at is None or record.owner_alive or not goes_on_by_itself(record) or not self._may_run():
            return
        if (record.run, record.resume_at) not in self._remembered:
            self._remembered.add((record.run, record.resume_at))
            self._set_alarm(record, record.resume_at)

    def start(self, record: RunRecord, *, parked_until: str | None = None) -> None:
        """Drive a run from now on; with ``parked_until`` only if it still waits for that moment.

        Raises BadInput and StorageError where it cannot even begin.
        """
        self._forget_alarm(record.run)
        if (warming := self._warming.pop(record.run, None)) is not None:
            warming.cancel()
        world = self.world(record)
        work = asyncio.create_task(self._drive(record, world, parked_until), name=record.run)
        tell_faults(work, self._editor, f"Run {record.task_address}")
        self._jobs[record.run] = _Job(record=record, world=world, work=work)
        if parked_until is None:
            self._show(record.run)
        self._changed()

    async def settle(self, record: RunRecord) -> None:
        """Tick the task of a run that finished before its mark was saved."""
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.driver import settle_tick
        from bursar.runs.events import Events

        world = self.world(record)
        await settle_tick(world, record, Events(world, record.run))
        self._changed()

    async def pause_all(self) -> None:
        """Ask every run that is driven here to pause between steps."""
        for run in self.mine:
            await self._adapters.journal().request_pause(run)

    def end_commands(self) -> None:
        """End every command that is running; its run hears how it ended."""
        for each in self._jobs.values():
            each.world.commands.kill_all()

    async def close(self, hopeless: frozenset[str]) -> None:
        """End all jobs: between two steps where that comes soon, else, as for the ``hopeless``, by cancelling."""
        self._fetcher.close()
        for alarm in (*self._alarms.values(), *self._warming.values()):
            alarm.cancel()
        jobs = list(self._jobs.values())
        if not jobs:
            return
        waited_for = [each for each in jobs if each.record.run not in hopeless]
        try:
            for each in waited_for:
                await self._adapters.journal().request_pause(each.record.run)
            if waited_for:
                await asyncio.wait([each.work for each in waited_for], timeout=_GRACE_S)
        finally:
            for each in jobs:
                each.work.cancel()
                each.world.commands.kill_all()
        await asyncio.wait([each.work for each in jobs], timeout=_GRACE_S)

    async def _drive(self, record: RunRecord, world: World, parked_until: str | None) -> None:
        from bursar.runs.driver import drive

        run = record.run
        end = "ended"
        outcome: Outcome | None = None
        try:
            outcome = await drive(world, run, parked_until=parked_until)
            end = "done" if isinstance(outcome, Finished) else self._in_local_time(outcome.detail)
        except Fenced:
            end = f"{run} was taken over by another window"
        except BursarError as error:
            end = str(error)
            # Two windows wake up at the same moment: the one that comes second has nothing to tell.
            if not (isinstance(error, OwnedElsewhere) and parked_until is not None):
                self._editor.say("error", f"Run {record.task_address}: {error}")
        finally:
            world.commands.kill_all()
            if self._jobs.pop(run).shown:
                self._editor.progress_end(run, end)
            self._changed()
        # One that waits for its moment says so in its lens, and needs nobody.
        needs_nobody = isinstance(outcome, Paused) and outcome.reason == "limit" and outcome.resume_at is not None
        if isinstance(outcome, Paused) and outcome.reason != "asked" and not needs_nobody:
            self._editor.say("warning", f"Paused {record.task_address}: {self._in_local_time(outcome.detail)}")
        if isinstance(outcome, Paused) and world.keep_warm != "off":
            self._keep_warm(record, world)
        self._ended(record, outcome)

    def _keep_warm(self, record: RunRecord, world: World) -> None:
        """Keep the prompt of a run in its provider's cache that waits for its user now, where that was chosen."""
        from bursar.runs.events import Events
        from bursar.runs.keeping_warm import KeepWarm

        keeper = KeepWarm(world, record, Events(world, record.run))
        work = asyncio.create_task(keeper.after_pause(), name=f"keep warm {record.run}")
        tell_faults(work, self._editor, f"Keeping the prompt of {record.task_address} warm")
        self._warming[record.run] = work
        work.add_done_callback(lambda _: self._warming.pop(record.run, None))

    def _set_alarm(self, record: RunRecord, at: str) -> None:
        self._forget_alarm(record.run)
        alarm = asyncio.create_task(self._wake(record, at), name=f"wake {record.run}")
        tell_faults(alarm, self._editor, f"The wait of {record.task_address} for its moment")
        self._alarms[record.run] = alarm

    async def _wake(self, record: RunRecord, at: str) -> None:
        """Go on with this run at its moment, unless somebody has decided about it meanwhile."""
        clock = self._adapters.clock
        while (left_s := clock.seconds_until(at)) > 0:
            await clock.sleep(min(left_s, 30.0))
        self._alarms.pop(record.run, None)
        try:
            wanted = await self._wanted(record)
            now = self._adapters.journal().run(record.run)
            waits = now is not None and is_parked_until(now, at) and not now.owner_alive and now.run not in self._jobs
            if now is not None and waits and wanted and self._may_run():
                self.start(now, parked_until=at)
        except BursarError as error:
            self._editor.say("error", f"Run {record.task_address} could not go on: {error}")

    def _forget_alarm(self, run: str) -> None:
        alarm = self._alarms.pop(run, None)
        if alarm is not None and alarm is not asyncio.current_task():
            alarm.cancel()

    def world(self, record: RunRecord) -> World:
        """What this run works with."""
        return self.world_in(record.workspace, self._adapters.ways_of(self._adapters.settings(), record))

    def world_in(self, workspace: str, ways: Ways) -> World:
        """What work in this workspace is done with that may ask these."""
        settings = self._adapters.settings()
        world = self._adapters.world(
            root=Path(workspace),
            settings=settings,
            ways=ways,
            on_event=self._on_event,
            asker=self._asker,
            buffers=self._buffers,
        )
        return replace(world, trusted=self._trusted)

    def _show(self, run: str) -> None:
        """Tell that a run goes on here; of one that goes on by itself only once it does, and not another window's."""
        job = self._jobs.get(run)
        if job is not None and not job.shown:
            job.shown = True
            self._editor.progress_begin(run, f"Bursar: {job.record.task_address} {job.record.task_title}")

    def _on_event(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
        if kind in _QUIET:
            return
        self._show(run)
        if kind == "still_waiting":
            if run in self._jobs:
                self._editor.progress_report(run, countdown(data["seconds"]))
            return
        line = event_line(kind, data, here_of(self._adapters.clock))
        if line is not None and run in self._jobs and kind not in _SAID_AT_THE_END:
            self._editor.progress_report(run, line.strip())
        if kind == "request_finished":
            self._tell_usage(run, data)
        if kind == "budget_warning":
            self._editor.say("info", f"Bursar: {data['message']}.")
        self._changed()

    def _in_local_time(self, text: str) -> str:
        return in_local_time(text, here_of(self._adapters.clock))

    def _tell_usage(self, run: str, data: dict[str, Any]) -> None:
        summary = self._adapters.journal().summary(run)
        if summary is None:
            return
        used = sum(value for key, value in data["usage"].items() if key != "reasoning")
        record = summary.record
        prices = self._adapters.prices(self._adapters.settings())
        size = prices.window_tokens(provider=record.provider, model=record.model)
        self._editor.usage_changed(UsageUpdate(run=run, used=used, size=size, cost_pico=summary.cost_pico))
