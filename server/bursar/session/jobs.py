"""The runs that this process drives: each is a job of the session, whatever becomes of the command that began it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bursar.domain.errors import BursarError, Fenced, OwnedElsewhere
from bursar.domain.ports import Asker, EditorBuffers
from bursar.domain.runs import RunRecord
from bursar.domain.tasks import OPEN_RUN
from bursar.runs.driver import drive, settle_tick
from bursar.runs.events import Events
from bursar.runs.world import Finished, Outcome, Paused, Ways, World
from bursar.session.faults import tell_faults
from bursar.session.model import UsageUpdate
from bursar.session.ports import Adapters, Editor
from bursar.views.progress import countdown, event_line

_GRACE_S = 1.2
_QUIET = frozenset({"request_progress", "request_accepted", "request_first_token"})


@dataclass(slots=True)
class _Job:
    record: RunRecord
    world: World
    work: asyncio.Task[None]


class RunJobs:
    """Drives runs, one job each, and resumes one that a usage limit paused when the limit has reset."""

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
        ended: Callable[[RunRecord, Outcome | None], None],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._asker = asker
        self._buffers = buffers
        self._changed = changed
        self._may_run = may_run
        self._trusted = trusted
        self._ended = ended
        self._jobs: dict[str, _Job] = {}
        self._alarms: dict[str, asyncio.Task[None]] = {}
        # Runs that went on by themselves, with the steps that they had done by then.
        self._steps_at_wake: dict[str, int] = {}
        self._deferred: set[tuple[str, str | None]] = set()
        self._woken: set[str] = set()

    @property
    def mine(self) -> frozenset[str]:
        """The runs that are driven here now."""
        return frozenset(self._jobs)

    @property
    def running(self) -> tuple[str, ...]:
        """The tasks of those runs, in the order they began."""
        return tuple(each.record.task_address for each in self._jobs.values())

    def remember(self, record: RunRecord) -> None:
        """Go on with a run that was deferred, by whomever, when its moment comes; once for each moment."""
        deferred = (record.run, record.resume_at)
        if record.resume_at is None or record.reason != "deferred" or deferred in self._deferred:
            return
        if record.state in OPEN_RUN and not record.owner_alive and self._may_run():
            self._deferred.add(deferred)
            self._set_alarm(record, record.resume_at)

    def start(self, record: RunRecord) -> None:
        """Drive a run from now on. Raises BadInput and StorageError where it cannot even begin."""
        self._forget_alarm(record.run)
        self._steps_at_wake.pop(record.run, None)
        world = self.world(record)
        work = asyncio.create_task(self._drive(record, world), name=record.run)
        tell_faults(work, self._editor, f"Run {record.task_address}")
        self._jobs[record.run] = _Job(record=record, world=world, work=work)
        self._editor.progress_begin(record.run, f"Bursar: {record.task_address} {record.task_title}")
        self._changed()

    async def settle(self, record: RunRecord) -> None:
        """Tick the task of a run that finished before its mark was saved."""
        world = self.world(record)
        await settle_tick(world, record, Events(world, record.run))
        self._changed()

    def end_commands(self) -> None:
        """End every command that is running; its run hears how it ended."""
        for each in self._jobs.values():
            each.world.commands.kill_all()

    async def close(self, hopeless: frozenset[str]) -> None:
        """End all jobs: between two steps where that comes soon, else, as for the ``hopeless``, by cancelling."""
        for alarm in list(self._alarms.values()):
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

    async def _drive(self, record: RunRecord, world: World) -> None:
        run = record.run
        end = "ended"
        outcome: Outcome | None = None
        try:
            outcome = await drive(world, run)
            end = "done" if isinstance(outcome, Finished) else outcome.detail
        except Fenced:
            end = f"{run} was taken over by another window"
        except BursarError as error:
            end = str(error)
            # Two windows wake up at the same moment: the one that comes second has nothing to tell.
            if not (isinstance(error, OwnedElsewhere) and run in self._woken):
                self._editor.say("error", f"Run {record.task_address}: {error}")
        finally:
            self._woken.discard(run)
            world.commands.kill_all()
            del self._jobs[run]
            self._editor.progress_end(run, end)
            self._changed()
        if isinstance(outcome, Paused):
            self._paused(record, outcome)
        self._ended(record, outcome)

    def _paused(self, record: RunRecord, outcome: Paused) -> None:
        parked = outcome.reason == "limit" and outcome.resume_at is not None
        if parked and self._steps_at_wake.get(record.run) == self._steps_done(record.run):
            self._editor.say(
                "warning",
                f"Paused {record.task_address}: {outcome.detail} It went on by itself once and got nowhere: "
                "Resume goes on when you say so.",
            )
        elif parked and outcome.resume_at is not None:
            self._set_alarm(replace(record, reason="limit"), outcome.resume_at)
        elif outcome.reason != "asked":
            self._editor.say("warning", f"Paused {record.task_address}: {outcome.detail}")

    def _set_alarm(self, record: RunRecord, at: str) -> None:
        self._forget_alarm(record.run)
        alarm = asyncio.create_task(self._wake(record, at), name=f"wake {record.run}")
        tell_faults(alarm, self._editor, f"The wait of {record.task_address} for its moment")
        self._alarms[record.run] = alarm

    async def _wake(self, record: RunRecord, at: str) -> None:
        """Go on with this pause's run when its limit has reset, unless somebody else decided about it meanwhile."""
        clock = self._adapters.clock
        while (left_s := clock.seconds_until(at)) > 0:
            await clock.sleep(min(left_s, 30.0))
        self._alarms.pop(record.run, None)
        now = self._adapters.journal().run(record.run)
        untouched = now is not None and now.state in OPEN_RUN and (now.reason, now.resume_at) == (record.reason, at)
        if now is None or not untouched or now.owner_alive or now.stop_requested or not self._may_run():
            return
        self._woken.add(record.run)
        try:
            self.start(now)
            if record.reason == "limit":
                self._steps_at_wake[record.run] = self._steps_done(record.run)
        except BursarError as error:
            self._editor.say("error", f"Run {record.task_address} could not go on: {error}")

    def _steps_done(self, run: str) -> int:
        summary = self._adapters.journal().summary(run)
        return 0 if summary is None else summary.steps_done

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

    def _on_event(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
        if kind in _QUIET:
            return
        if kind == "still_waiting":
            if run in self._jobs:
                self._editor.progress_report(run, countdown(data["seconds"]))
            return
        line = event_line(kind, data)
        if line is not None and run in self._jobs:
            self._editor.progress_report(run, line.strip())
        if kind == "request_finished":
            self._tell_usage(run, data)
        self._changed()

    def _tell_usage(self, run: str, data: dict[str, Any]) -> None:
        summary = self._adapters.journal().summary(run)
        if summary is None:
            return
        used = sum(value for key, value in data["usage"].items() if key != "reasoning")
        record = summary.record
        prices = self._adapters.prices(self._adapters.settings())
        size = prices.window_tokens(provider=record.provider, model=record.model)
        self._editor.usage_changed(UsageUpdate(run=run, used=used, size=size, cost_pico=summary.cost_pico))
