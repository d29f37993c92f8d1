"""The user's word that a task is done, in the place of a check that failed or could not be run."""

from __future__ import annotations

from bursar.domain.errors import BadInput, OwnedElsewhere, Refused
from bursar.domain.ports import HeldElsewhere
from bursar.domain.runs import RunRecord
from bursar.runs.driver import settle_tick, tell_end
from bursar.runs.events import Events
from bursar.runs.fold import failed_checks
from bursar.runs.world import World


def check_can_accept(record: RunRecord | None, run: str) -> RunRecord:
    """The run that waits for its check. Raises BadInput and OwnedElsewhere that say what to do instead."""
    if record is None:
        raise BadInput(f"there is no run '{run}': see 'bursar runs --all'")
    if record.owner_alive:
        raise OwnedElsewhere(f"task {record.task_address} runs now as {run}: pause it first")
    if record.state in ("finished", "failed"):
        raise BadInput(f"{run} has ended: there is nothing to accept")
    if record.reason != "check":
        raise BadInput(
            f"{run} is paused for another reason ({record.reason}) and not for its check: resume it, or tick the task "
            f"yourself and end the run with 'bursar stop {run}'"
        )
    return record


async def accept(world: World, run: str) -> bool:
    """End a run that waits for its check as finished, because the user says so; whether the mark is saved.

    Nothing more is sent or run. Raises BadInput, OwnedElsewhere, Refused and StorageError.
    """
    check_can_accept(world.journal.run(run), run)
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} runs in another window ({claimed.owner}): pause it there, or wait for it")
    try:
        record = claimed.run
        if record.reason != "check" or record.rewinding is not None:
            raise Refused(f"{run} has changed meanwhile: look at it again")
        events = Events(world, run)
        await world.journal.set_state(run=run, epoch=claimed.epoch, state="finished", tick_pending=True)
        failed = failed_checks(world.journal.steps(run))
        detail = "Taken as done on the user's word" + (f": its check had failed {_times(failed)}." if failed else ".")
        await events.tell("accepted", failed_checks=failed, message=detail)
        ticked = await settle_tick(world, record, events)
        await tell_end(world, record, events, "run_finished", reason="accepted", detail=detail, ticked=ticked)
        return ticked
    finally:
        await world.journal.release(run)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
