"""What the user decides about a task beside running it: skip it, try it again, put it off, accept it."""

from __future__ import annotations

import contextlib
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.runs import RunSummary
from bursar.domain.specs import Spec, SpecTask, address_of
from bursar.domain.tasks import OPEN_RUN, SKIPS, newest_run, skip_event
from bursar.runs.deferring import hold, moment_of, park
from bursar.session.jobs import RunJobs
from bursar.session.money import run_ceiling_pico
from bursar.session.ports import Adapters, Editor
from bursar.session.rewinds import refuse_unless_idle, rewind_in_editor
from bursar.session.starting import Starter

_WHENS = {"When the limit resets": "reset", "In the cheaper hours": "cheap"}


class Control:
    """Each raises BadInput, OwnedElsewhere and StorageError with a sentence."""

    def __init__(self, *, adapters: Adapters, editor: Editor, starter: Starter, jobs: RunJobs) -> None:
        self._adapters = adapters
        self._editor = editor
        self._starter = starter
        self._jobs = jobs

    async def skip(self, *, workspace: str, path: str, line: int, title: str) -> str | None:
        """Leave the task out of what runs several, and stop its run, whose id is returned."""
        spec, spec_path, task = self._starter.task_at(workspace=workspace, path=path, line=line, title=title)
        journal = self._adapters.journal()
        newest = self._newest(workspace, spec, spec_path, task)
        stopped = newest.record.run if newest is not None and newest.record.state in OPEN_RUN else None
        if stopped is not None:
            await journal.request_stop(stopped)
        kind, data = skip_event(workspace, spec_path, task)
        await journal.append_event(run=SKIPS, kind=kind, data=data)
        return stopped

    async def pause(self, run: str) -> None:
        """Leave the wish with whoever drives the run, or take its moment from one that would go on by itself."""
        if not await hold(self._adapters.journal(), run):
            raise BadInput(f"{run} does not run: there is nothing to pause")

    async def stop(self, run: str) -> None:
        """Leave the wish with whoever drives the run, or end it here, and first what it has in flight."""
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.batching import cancel_batch, stopped_words, waits_for_batch
        from bursar.runs.stopping import end_in_flight

        journal = self._adapters.journal()
        record = journal.run(run)
        if record is not None and record.state in OPEN_RUN and not record.owner_alive:
            if waits_for_batch(journal, run):
                found = await cancel_batch(self._jobs.world(record), run)
                self._editor.say("info", f"{run}: {stopped_words(found)}")
                return
            with contextlib.suppress(BadInput):
                # Without its provider the stop books what is held for it.
                await end_in_flight(self._jobs.world(record), run)
        if not await journal.request_stop(run):
            raise BadInput(f"{run} is over: there is nothing to stop")

    async def rewind(self, run: str, step: str, *, may_write: bool) -> dict[str, Any]:
        """Bring a run back to just before a step, after showing the diff and asking; what came of it."""
        refuse_unless_idle(run, self._jobs.mine, may_write=may_write)
        record = self._adapters.journal().run(run)
        if record is None:
            raise BadInput(f"there is no run '{run}'")
        return await rewind_in_editor(self._jobs.world(record), run, step)

    async def retry(self, *, workspace: str, path: str, line: int, title: str) -> str:
        """A new run that keeps the finished steps of the last one; its id."""
        from bursar.runs.retrying import check_can_retry, retry

        spec, spec_path, task = self._starter.task_at(workspace=workspace, path=path, line=line, title=title)
        newest = self._newest(workspace, spec, spec_path, task)
        address = address_of(spec, task)
        if newest is not None and newest.record.run in self._jobs.mine:
            raise BadInput(f"task {address} runs already")
        source = check_can_retry(None if newest is None else newest.record, address)
        settings = self._adapters.settings()
        self._starter.check_provider(settings, source)
        record = await retry(
            self._jobs.world(source),
            source,
            task,
            run=self._adapters.ids.new("run"),
            ceiling_pico=run_ceiling_pico(self._adapters, settings),
        )
        await self._starter.start(record)
        return record.run

    async def defer(self, *, workspace: str, path: str, line: int, title: str, until: str | None) -> tuple[str, str]:
        """Park the task's run, or a new one; its id and the moment. Without ``until`` the user is asked."""
        spec, spec_path, task = self._starter.task_at(workspace=workspace, path=path, line=line, title=title)
        newest = self._newest(workspace, spec, spec_path, task)
        if newest is not None and newest.record.run in self._jobs.mine:
            raise BadInput(f"task {address_of(spec, task)} runs now: pause it first, then defer it")
        chosen = until if until is not None else await self._ask()
        settings, journal = self._adapters.settings(), self._adapters.journal()
        goes_on = newest is not None and newest.record.state in OPEN_RUN
        named = f"{newest.record.provider}/{newest.record.model}" if newest is not None and goes_on else None
        provider, model = self._adapters.provider(settings, named)
        moment = moment_of(
            chosen,
            provider=provider.name,
            model=model,
            runs=journal.runs(),
            prices=self._adapters.prices(settings),
            clock=self._adapters.clock,
        )
        if newest is not None and goes_on:
            run = newest.record.run
        else:
            run = (await self._starter.record_task(workspace=workspace, path=path, line=line, title=title)).run
        await park(journal, run, moment)
        return run, moment

    async def accept(self, run: str, folders: tuple[str, ...]) -> bool:
        """Take the task of a run that waits for its check as done; whether its mark is saved."""
        from bursar.runs.accepting import accept, check_can_accept

        record = check_can_accept(self._adapters.journal().run(run), run)
        self._starter.check_inside(record.workspace, folders)
        return await accept(self._jobs.world(record), run)

    async def _ask(self) -> str:
        answer = await self._editor.choose("Put the task off until when?", tuple(_WHENS))
        if answer is None:
            raise BadInput("no moment was chosen: the task was not put off")
        return _WHENS[answer]

    def _newest(self, workspace: str, spec: Spec, spec_path: str, task: SpecTask) -> RunSummary | None:
        here = [each for each in self._adapters.journal().summaries(workspace) if each.record.spec == spec_path]
        return newest_run(spec, task, here)
