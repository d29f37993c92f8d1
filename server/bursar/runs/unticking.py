"""Takes back the marks that a run has set, when the run is rewound and the user says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from bursar.domain.ports import EditPlan, ToolRefused
from bursar.domain.runs import RunEvent, RunRecord
from bursar.domain.specs import (
    Spec,
    SpecEditRefused,
    SpecTask,
    SpecUnreadable,
    address_of,
    decode_spec,
    parse_spec,
    tick,
)
from bursar.domain.tasks import task_of_run
from bursar.runs.world import World


def mark_that_may_go(world: World, run: RunRecord) -> str | None:
    """The marks that a finished run has set, as words for the user; None where there are none."""
    if run.state != "finished":
        return None
    absolute = f"{world.files.root}/{run.spec}"
    data = world.buffers.unsaved_text(absolute) or world.files.read_bytes(run.spec)
    if isinstance(data, ToolRefused):
        return None
    spec, marked = _marked(data, run, world.journal.events(run=run.run))
    if spec is None or not marked:
        return None
    own, *above = [f"{address_of(spec, each)} {each.title}" for each in marked]
    with_it = f" and, set with it, {', '.join(above)}" if above else ""
    return f"{own}{with_it} in {run.spec}."


async def take_back_mark(world: World, run: RunRecord) -> bool:
    """Set the marks that the run has set to open in its file as it is now, or in the editor; whether that was done."""
    absolute = f"{world.files.root}/{run.spec}"
    written = world.journal.events(run=run.run)
    unsaved = world.buffers.unsaved_text(absolute)
    if unsaved is not None:
        after = _without_marks(unsaved, run, written)
        return after is not None and await world.buffers.replace(absolute, expected=unsaved, new=after.decode("utf-8"))
    data = world.files.read_bytes(run.spec)
    if isinstance(data, ToolRefused):
        return False
    after = _without_marks(data, run, written)
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


def _marked(given: str | bytes, run: RunRecord, events: Sequence[RunEvent]) -> tuple[Spec | None, list[SpecTask]]:
    """The run's task and those above it whose marks the run has written and that are there, innermost first."""
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    try:
        spec = parse_spec(decode_spec(data), path_hint=run.spec)
    except SpecUnreadable:
        return None, []
    task = task_of_run(spec, run)
    if task is None or task.state != "done":
        return spec, []
    written, marked = _written(events), [task]
    while task.parent is not None:
        task = spec.tasks[task.parent]
        if task.state != "done" or address_of(spec, task) not in written:
            break
        marked.append(task)
    return spec, marked


def _written(events: Iterable[RunEvent]) -> frozenset[str]:
    """What the run was about to mark since it was last rewound."""
    written: frozenset[str] = frozenset()
    for each in events:
        if each.kind == "rewound":
            written = frozenset()
        elif each.kind == "ticking":
            written |= frozenset(each.data["tasks"])
    return written


def _without_marks(given: str | bytes, run: RunRecord, events: Sequence[RunEvent]) -> bytes | None:
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    _, marked = _marked(data, run, events)
    try:
        for each in marked:
            data = tick(data, each, "todo", path_hint=run.spec)
    except (SpecUnreadable, SpecEditRefused):
        return None
    return data if marked else None
