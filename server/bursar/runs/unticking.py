"""Takes the mark of a run's task back, when the run is rewound and the user says so."""

from __future__ import annotations

import hashlib

from bursar.domain.ports import EditPlan, ToolRefused
from bursar.domain.runs import RunRecord
from bursar.domain.specs import SpecEditRefused, SpecUnreadable, decode_spec, parse_spec, tick
from bursar.domain.tasks import task_of_run
from bursar.runs.world import World


def mark_that_may_go(world: World, run: RunRecord) -> str | None:
    """The mark that a finished run has set, as words for the user; None where there is none."""
    if run.state != "finished":
        return None
    absolute = f"{world.files.root}/{run.spec}"
    data = world.buffers.unsaved_text(absolute) or world.files.read_bytes(run.spec)
    if isinstance(data, ToolRefused):
        return None
    return f"{run.task_address} {run.task_title} in {run.spec}." if _without_mark(data, run) is not None else None


async def take_back_mark(world: World, run: RunRecord) -> bool:
    """Set the mark of the run's task to open in its file as it is now, or in the editor; whether that was done."""
    absolute = f"{world.files.root}/{run.spec}"
    unsaved = world.buffers.unsaved_text(absolute)
    if unsaved is not None:
        after = _without_mark(unsaved, run)
        return after is not None and await world.buffers.replace(absolute, expected=unsaved, new=after.decode("utf-8"))
    data = world.files.read_bytes(run.spec)
    if isinstance(data, ToolRefused):
        return False
    after = _without_mark(data, run)
    if after is None:
        return False
    plan = EditPlan(
        path=run.spec,
        sha256_before=hashlib.sha256(data).hexdigest(),
        sha256_after=hashlib.sha256(after).hexdigest(),
        text_after=after.decode("utf-8"),
        in_editor=False,
    )
    return world.files.apply(plan) is None


def _without_mark(given: str | bytes, run: RunRecord) -> bytes | None:
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    try:
        task = task_of_run(parse_spec(decode_spec(data), path_hint=run.spec), run)
        return tick(data, task, "todo") if task is not None and task.state == "done" else None
    except (SpecUnreadable, SpecEditRefused):
        return None
