"""Sets the mark of a finished task in its tasks file: on disk atomically, or in the editor when it is dirty there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bursar.domain.ports import EditPlan, ToolRefused
from bursar.domain.runs import RunRecord
from bursar.domain.specs import Spec, SpecTask, SpecUnreadable, address_of, decode_spec, parse_spec, tick
from bursar.domain.tasks import OPEN_RUN, parents_that_follow, task_of_run, truth_of
from bursar.runs.events import Events
from bursar.runs.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """The saved file has the mark; ``tasks`` are the addresses of those that were ticked now, the run's own first."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """The mark is still to be saved; the message says why."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """Somebody has given the mark a meaning of their own: nothing waits for a tick any more."""

    message: str


async def tick_task(world: World, run: RunRecord, events: Events) -> Ticked | NotYet | LeftAlone:
    """Tick the task of a finished run in its file as it is now.

    Which marks are about to be written is in the journal before they are, so that a rewind takes back these and no
    others.
    """
    absolute = f"{world.files.root}/{run.spec}"
    unsaved = world.buffers.unsaved_text(absolute)
    if unsaved is not None:
        return await _tick_in_editor(world, run, absolute, unsaved, events)
    data = world.files.read_bytes(run.spec)
    if isinstance(data, ToolRefused):
        return NotYet(message=data.message)
    try:
        text = decode_spec(data)
    except SpecUnreadable as error:
        return NotYet(message=f"{run.spec}: {error}")
    after = _after(text, world, run)
    if not isinstance(after, _After):
        return after
    if after.text == text:
        return Ticked(tasks=after.tasks)
    written = after.text.encode("utf-8")
    plan = EditPlan(
        path=run.spec,
        sha256_before=hashlib.sha256(data).hexdigest(),
        sha256_after=hashlib.sha256(written).hexdigest(),
        text_after=after.text,
        in_editor=False,
    )
    await events.tell("ticking", spec=run.spec, tasks=list(after.tasks))
    world.failpoint("before_tick")
    refused = world.files.apply(plan)
    world.failpoint("after_tick")
    return Ticked(tasks=after.tasks) if refused is None else NotYet(message=refused.message)


async def _tick_in_editor(
    world: World, run: RunRecord, absolute: str, unsaved: str, events: Events
) -> NotYet | LeftAlone:
    after = _after(unsaved, world, run)
    if not isinstance(after, _After):
        return after
    if after.text != unsaved:
        await events.tell("ticking", spec=run.spec, tasks=list(after.tasks))
    if after.text != unsaved and not await world.buffers.replace(absolute, expected=unsaved, new=after.text):
        return NotYet(message=f"The editor did not accept the mark in {run.spec}: it was edited meanwhile")
    return NotYet(message=f"The mark is in the editor's copy of {run.spec}: save the file to keep it")


@dataclass(frozen=True, slots=True, kw_only=True)
class _After:
    text: str
    tasks: tuple[str, ...]


def _after(text: str, world: World, run: RunRecord) -> _After | NotYet | LeftAlone:
    """The text with the marks of the task and of the tasks above it that are done with it; the same text where the
    task has its mark, which then somebody else has set: what is above it is theirs, too."""
    spec = parse_spec(text, path_hint=run.spec)
    task = task_of_run(spec, run)
    if task is None:
        return NotYet(message=f"{run.spec} has no task '{run.task_title}' any more: tick it by hand")
    if truth_of(task.state, run).write == "forget":
        return LeftAlone(message=f"{run.spec} has the mark [{task.mark}] at '{task.title}' by now: it was left alone")
    if task.state == "done":
        return _After(text=text, tasks=())
    marked = [task]
    for above in parents_that_follow(spec, task):
        if _has_open_run(world, run, spec, above):
            break
        marked.append(above)
    for each in marked:
        text = tick(text, each, path_hint=run.spec)
    return _After(text=text, tasks=tuple(address_of(spec, each) for each in marked))


def _has_open_run(world: World, run: RunRecord, spec: Spec, task: SpecTask) -> bool:
    """Whether a run of this task is not over: then its own end decides about its mark."""
    others = (each for each in world.journal.runs(run.workspace) if each.spec == run.spec and each.state in OPEN_RUN)
    return any(task_of_run(spec, each) == task for each in others)
