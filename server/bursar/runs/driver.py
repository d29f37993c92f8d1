"""Drives one run until it is finished, paused or stopped: decide, act, record, and look for wishes between steps.

A wish to stop is heard within a step, too: an answer, a command, a question or a wait is broken off for it.
"""

from __future__ import annotations

from dataclasses import replace

from bursar.domain.errors import OwnedElsewhere, Refused
from bursar.domain.money.price import usd_text
from bursar.domain.ports import HeldElsewhere
from bursar.domain.runs import RunRecord
from bursar.runs.acting import Tools
from bursar.runs.allowing import keep_allowed
from bursar.runs.asking import Requests
from bursar.runs.assemble import FirstRequest
from bursar.runs.compacting import Compacting
from bursar.runs.deferring import is_parked_until
from bursar.runs.events import Events
from bursar.runs.focus import focus_of
from bursar.runs.fold import AllDone, AskModel, Idle, RunCheck, failed_checks, next_act, repeats
from bursar.runs.keeping_warm import KeepWarm
from bursar.runs.modes import Modes, modes_of
from bursar.runs.refusals import Refusals
from bursar.runs.staying import guarded
from bursar.runs.stopping import end_for_good
from bursar.runs.switching import Switches
from bursar.runs.ticking import LeftAlone, NotYet, Ticked, tick_task
from bursar.runs.trimming import Trims
from bursar.runs.warming import settle_left
from bursar.runs.warning import warn
from bursar.runs.wishes import StopAsked, stop_is_asked
from bursar.runs.world import DISTRUSTED, Finished, Outcome, Paused, PauseNow, Stopped, World

_STOPPED = Stopped(detail="Stopped as asked. What was done stays as it is.")


async def drive(world: World, run_id: str, *, parked_until: str | None = None) -> Outcome:
    """Take the run over and go on where its journal ends.

    With ``parked_until`` it goes on by itself, once: only if it still waits for that moment, and where it meets the
    limit again before anything was done, the next time is the user's.

    Raises OwnedElsewhere while another living process drives it or after it has gone on elsewhere, Refused in the
    middle of a rewind, Fenced when it was taken over, and StorageError when the journal cannot be written (nothing is
    sent then).
    """
    claimed = await world.journal.claim(run_id)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run_id} runs in another window ({claimed.owner}): pause it there, or wait for it")
    events = Events(world, run_id)
    drive_ = _Drive(world, claimed.run, claimed.epoch, events)
    try:
        if parked_until is not None and not is_parked_until(claimed.run, parked_until):
            raise OwnedElsewhere(f"{run_id} has gone on, or was decided about, in another window")
        if claimed.run.rewinding is not None:
            raise Refused(
                f"a rewind of {run_id} was interrupted: 'bursar rewind {run_id} {claimed.run.rewinding}' finishes it"
            )
        await world.journal.set_state(run=run_id, epoch=claimed.epoch, state="running")
        await events.tell("run_started" if claimed.epoch == 1 else "run_resumed", **_facts(claimed.run))
        await keep_allowed(world, run_id, events)
        outcome = await drive_.go()
        if parked_until is not None:
            outcome = drive_.once_by_itself(outcome)
        if isinstance(outcome, Paused) and stop_is_asked(world, run_id):
            # It came too late to be heard: what has stopped to wait must not wait for ever.
            outcome = _STOPPED
        await drive_.conclude(outcome)
        return outcome
    finally:
        await world.journal.release(run_id)


class _Drive:
    def __init__(self, world: World, run: RunRecord, epoch: int, events: Events) -> None:
        self._world = world
        self._run = run
        self._epoch = epoch
        self._events = events
        self._requests = Requests(world, run, epoch, events)
        guarded_world, keeps = guarded(world, run)
        self._tools = Tools(guarded_world, run, epoch, events, keeps)
        self._switches = Switches(world, run, events)
        self._refusals = Refusals(world, run, events, self._switches)
        self._warm = KeepWarm(world, run, events)
        events.while_asking = self._warm.while_waiting
        self._began_s = world.clock.monotonic_s()

    async def go(self) -> Outcome:
        try:
            await settle_left(self._world, self._run)
            return await self._go()
        except PauseNow as pause:
            return pause.paused
        except StopAsked:
            return _STOPPED
        finally:
            await self._warm.close()

    async def _go(self) -> Outcome:
        world, run = self._world, self._run
        ceilings = world.ceilings
        first = FirstRequest.from_json(run.first_request)
        modes = modes_of(world.journal.events(run=run.run), began_terse=first.terse)
        trims = Trims(world, run, first, self._events)
        compacting = Compacting(world, run, first, self._events)
        sent = 0
        while True:
            wish = self._wish()
            if wish is not None:
                return wish
            steps = world.journal.steps(run.run)
            shapes = trims.look()
            act = next_act(
                steps,
                check=first.check,
                terse_from=modes.terse_from,
                terse_after=modes.terse_after,
                shapes=shapes,
            )
            if isinstance(act, AllDone):
                return await self._finish(act.summary)
            if isinstance(act, Idle):
                detail = f"The model answered without doing anything three times: {act.text}"
                return Paused(reason="repeat", detail=detail)
            if world.clock.monotonic_s() - self._began_s > ceilings.wall_s:
                detail = f"The run took longer than {ceilings.wall_s:.0f} s. Resume gives it as long again."
                return Paused(reason="ceiling", detail=detail)
            if isinstance(act, AskModel):
                before, modes = modes, await self._switches.before(act, steps, modes)
                if modes != before:
                    continue
                mine = [each for each in steps if each.epoch == self._epoch]
                if failed_checks(mine, since=modes.escalated_at or 1) >= ceilings.checks:
                    detail = (
                        f"The task's check failed {ceilings.checks} times. Resume lets the agent try as often again; "
                        f"'bursar accept {run.run}' (the lens Accept) takes the task as done on your word."
                    )
                    return Paused(reason="check", detail=detail)
                if repeats(mine) >= ceilings.identical_calls:
                    times = ceilings.identical_calls
                    detail = f"The same call gave the same result {times} times in a row. Resume tries on."
                    return Paused(reason="repeat", detail=detail)
                if sent >= ceilings.requests:
                    detail = f"The run has made {sent} requests. Resume allows as many again."
                    return Paused(reason="ceiling", detail=detail)
                asked = self._switches.world(modes)
                way = asked.chain_for(run.model)[0]
                if await trims.before(act, steps, way):
                    continue
                if trims.is_over(way):
                    compacted = await compacting.before(act, steps, shapes, way, asked)
                    if isinstance(compacted, Paused):
                        return compacted
                    if compacted:
                        continue
                sent += 1
                self._requests.go(asked, modes, shapes)
                paused = await self._requests.ask(
                    act.n, act.later, act.step, focus_of(steps), kept=act.kept, seconds_run=self._seconds_run()
                )
                if paused is not None and paused.reason == "budget":
                    decided = await self._refusals.decide(act, steps, modes, paused)
                    if not isinstance(decided, Modes):
                        return decided
                    modes = decided
                    continue
                if paused is not None and paused.too_long is not None:
                    refused_by = world.way_to(paused.too_long.target)
                    ratio = paused.too_long.ratio
                    if refused_by is not None and await trims.again(act, steps, refused_by, ratio=ratio):
                        continue
                    if refused_by is not None:
                        compacted = await compacting.before(act, steps, shapes, refused_by, asked)
                        if isinstance(compacted, Paused):
                            return compacted
                        if compacted:
                            continue
                await warn(world, run, self._events)
                await self._warm.ask_once()
            elif isinstance(act, RunCheck):
                paused = await self._tools.check(act, seconds_run=self._seconds_run())
            else:
                paused = await self._tools.use(act, seconds_run=self._seconds_run())
            if paused is not None:
                return paused

    def once_by_itself(self, outcome: Outcome) -> Outcome:
        """What becomes of a run that went on by itself: another wait by itself only after something was done."""
        done = any(
            each.epoch == self._epoch and each.status == "done" for each in self._world.journal.steps(self._run.run)
        )
        if done or not isinstance(outcome, Paused) or outcome.reason != "limit" or outcome.resume_at is None:
            return outcome
        detail = (
            "It went on by itself once and got nowhere: the limit was still reached, and now resets at "
            f"{outcome.resume_at}. Resume goes on when you say so."
        )
        return replace(outcome, reason="limit_again", detail=detail)

    async def conclude(self, outcome: Outcome) -> None:
        """Write down how it ended and tell everybody, with what it cost."""
        match outcome:
            case Paused():
                await self._world.journal.set_state(
                    run=self._run.run,
                    epoch=self._epoch,
                    state="in_doubt" if outcome.reason == "in_doubt" else "paused",
                    reason=outcome.reason,
                    detail=outcome.detail,
                    resume_at=outcome.resume_at,
                    seconds_run=self._seconds_run(),
                )
                await self._tell_end("run_paused", outcome.reason, outcome.detail, resume_at=outcome.resume_at)
            case Stopped():
                await end_for_good(self._world, self._run, self._epoch, self._events, seconds_run=self._seconds_run())
                await self._world.journal.set_state(
                    run=self._run.run,
                    epoch=self._epoch,
                    state="failed",
                    reason="stopped",
                    detail=outcome.detail,
                    seconds_run=self._seconds_run(),
                )
                await self._tell_end("run_finished", "stopped", outcome.detail, ticked=False)
            case Finished():
                await self._tell_end("run_finished", "done", outcome.summary, ticked=outcome.ticked)

    async def _finish(self, summary: str) -> Finished:
        await self._world.journal.set_state(
            run=self._run.run,
            epoch=self._epoch,
            state="finished",
            tick_pending=True,
            seconds_run=self._seconds_run(),
        )
        return Finished(summary=summary, ticked=await settle_tick(self._world, self._run, self._events))

    async def _tell_end(self, kind: str, reason: str, detail: str, **data: object) -> None:
        await tell_end(self._world, self._run, self._events, kind, reason=reason, detail=detail, **data)

    def _wish(self) -> Outcome | None:
        record = self._world.journal.run(self._run.run)
        if record is None or record.stop_requested:
            return _STOPPED
        if not self._world.trusted():
            return DISTRUSTED
        if record.pause_requested:
            return Paused(reason="asked", detail="Paused as asked.")
        return None

    def _seconds_run(self) -> float:
        return self._run.seconds_run + self._world.clock.monotonic_s() - self._began_s


async def tell_end(world: World, run: RunRecord, events: Events, kind: str, **data: object) -> None:
    """Tell everybody that a run has paused or ended, with what it cost so far."""
    summary = world.journal.summary(run.run)
    requests = summary.requests if summary else ()
    await events.tell(
        kind,
        **data,
        cost_usd=usd_text(summary.cost_pico if summary else 0),
        held_usd=usd_text(summary.held_pico if summary else 0),
        requests=len(requests),
        task=run.task_address,
    )


async def settle_tick(world: World, run: RunRecord, events: Events) -> bool:
    """Tick a finished run's task if that can be done now; the journal keeps it as pending otherwise."""
    pending = replace(run, state="finished", tick_pending=True)
    match await tick_task(world, pending, events):
        case Ticked(tasks=tasks):
            await world.journal.clear_tick_pending(run.run)
            for task in tasks or (run.task_address,):
                await events.tell("ticked", spec=run.spec, task=task)
            return True
        case LeftAlone(message=message):
            await world.journal.clear_tick_pending(run.run)
            await events.tell("tick_pending", spec=run.spec, task=run.task_address, message=message)
        case NotYet(message=message):
            await events.tell("tick_pending", spec=run.spec, task=run.task_address, message=message)
    return False


def _facts(run: RunRecord) -> dict[str, object]:
    return {"spec": run.spec, "task": run.task_address, "title": run.task_title, "model": f"{run.provider}/{run.model}"}
