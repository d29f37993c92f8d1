"""One truth about a task: what its mark in the tasks file and its newest run in the journal say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bursar.domain.runs import RunEvent, RunRecord, RunState, RunSummary
from bursar.domain.specs import Spec, SpecTask, TaskState, open_tasks, title_sha256

Shown = Literal[
    "open",
    "queued",
    "in_progress",
    "set_aside",
    "running",
    "paused",
    "in_doubt",
    "stopped",
    "done_unsaved",
    "done",
    "ticked_by_hand",
]
Write = Literal["nothing", "tick", "forget"]
OPEN_RUN: frozenset[RunState] = frozenset({"running", "paused", "in_doubt"})
"""The states of a run that is not over."""

_BY_ITSELF = frozenset({"limit", "provider", "deferred"})
"""Why a run waits that goes on by itself, where its moment is known."""

KEEP_GOING, STOP_THE_RUN = "Keep going", "Stop the run"
TICKED_CHOICES = (KEEP_GOING, STOP_THE_RUN)

_AS_MARKED: dict[TaskState, Shown] = {
    "todo": "open",
    "queued": "queued",
    "in_progress": "in_progress",
    "done": "done",
    "other": "set_aside",
}
_AS_RUN: dict[RunState, Shown] = {"running": "running", "paused": "paused", "in_doubt": "in_doubt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """``shown`` is what a user is told, ``write`` what we do about the file, ``ask`` whether the user decides.

    ``tick`` sets the mark, or finds that it is there; ``forget`` lets a tick be that nobody waits for any more.
    """

    shown: Shown
    write: Write = "nothing"
    ask: bool = False


def truth_of(mark: TaskState, run: RunRecord | None) -> Truth:
    """What holds for a task with this mark whose newest run is this one.

    A task is never done while a run of it is open or was ended before its end, unless the user ticked it; what others
    write into the file is left alone. In progress is never written.
    """
    if run is None:
        return Truth(shown=_AS_MARKED[mark])
    if run.state in OPEN_RUN:
        if mark == "done":
            return Truth(shown="ticked_by_hand", ask=True)
        return Truth(shown=_AS_RUN[run.state])
    if run.state == "finished" and run.tick_pending:
        # Somebody gave the mark a meaning of their own while the task ran: theirs stands.
        if mark == "other":
            return Truth(shown="set_aside", write="forget")
        return Truth(shown="done_unsaved", write="tick")
    if run.state == "failed" and mark not in ("done", "other"):
        return Truth(shown="stopped")
    return Truth(shown=_AS_MARKED[mark])


def goes_on_by_itself(run: RunRecord) -> bool:
    """Whether a run that nobody drives waits for a moment (``resume_at``) at which an open editor goes on with it.

    It is so after a limit, after a wait for the provider that its process did not live to end, and where the user put
    it off; a wish to pause or to stop ends it.
    """
    waits = run.state in OPEN_RUN and run.reason in _BY_ITSELF and run.resume_at is not None
    return waits and not run.stop_requested


def ticked_question(record: RunRecord) -> str:
    """What the user is asked about a task that was ticked while its run is open."""
    state = record.state.replace("_", " ")
    return (
        f"Task {record.task_address} was ticked by hand while its run is {state}. Keep going with the run, or stop it? "
        "What it did and what it cost stay as they are."
    )


def newest_run(spec: Spec, task: SpecTask, runs: Sequence[RunSummary]) -> RunSummary | None:
    """The newest run of this task: known by its title, and where titles repeat by its id or line."""
    wanted = title_sha256(task)
    same = [each for each in runs if each.record.task_title_sha256 == wanted]
    if same and sum(1 for each in spec.tasks if title_sha256(each) == wanted) > 1:
        same = [
            each for each in same if each.record.task_id == task.id and (task.id or each.record.task_line == task.line)
        ]
    return max(same, key=lambda each: (each.record.created_at, each.record.run), default=None)


def task_of_run(spec: Spec, run: RunRecord) -> SpecTask | None:
    """The task that this run is about in the file as it is now; None when it cannot be told.

    It is known by its title and, where titles repeat, by its id or line: the file may have changed.
    """
    same = [each for each in spec.tasks if title_sha256(each) == run.task_title_sha256]
    if len(same) > 1 and run.task_id is not None:
        same = [each for each in same if each.id == run.task_id] or same
    if len(same) > 1:
        same = [each for each in same if each.line == run.task_line]
    return same[0] if len(same) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The user's word that a task is left out of what runs several tasks, until it is run by itself."""

    workspace: str
    spec: str
    task_id: str | None
    title_sha256: str
    line: int
    at: str


SKIPS = "tasks"
"""Under this name the journal keeps events that belong to tasks and to no run."""
_SKIPPED = "task_skipped"


def skip_event(workspace: str, spec_path: str, task: SpecTask) -> tuple[str, dict[str, Any]]:
    """The kind and the data of the event that records a skip; it holds no text of the task."""
    data = {
        "workspace": workspace,
        "spec": spec_path,
        "task_id": task.id,
        "title_sha256": title_sha256(task),
        "line": task.line,
    }
    return _SKIPPED, data


def skips_in(events: Sequence[RunEvent], workspace: str) -> tuple[Skip, ...]:
    """The skips of a workspace among these events."""
    return tuple(
        Skip(**each.data, at=each.at)
        for each in events
        if each.kind == _SKIPPED and each.data.get("workspace") == workspace
    )


def skipped_tasks(spec: Spec, spec_path: str, skips: Sequence[Skip], runs: Sequence[RunSummary]) -> frozenset[int]:
    """The indices of the tasks that are left out; a run that began after the word has taken it back.

    ``runs`` are those of this tasks file.
    """
    found = set()
    for task in spec.tasks:
        said = [each.at for each in skips if each.spec == spec_path and _is_about(spec, task, each)]
        newest = newest_run(spec, task, runs) if said else None
        if said and (newest is None or newest.record.created_at <= max(said)):
            found.add(task.index)
    return frozenset(found)


def _is_about(spec: Spec, task: SpecTask, skip: Skip) -> bool:
    if title_sha256(task) != skip.title_sha256:
        return False
    alike = sum(1 for each in spec.tasks if each.title == task.title)
    return alike == 1 or (task.id == skip.task_id and (task.id is not None or task.line == skip.line))


def tasks_below(spec: Spec, parent: SpecTask) -> tuple[SpecTask, ...]:
    """All tasks below a task, at any depth, in the file's order."""
    below = {parent.index}
    found = []
    for task in spec.tasks:
        if task.parent in below and task.index != parent.index:
            below.add(task.index)
            found.append(task)
    return tuple(found)


def runs_for(spec: Spec, task: SpecTask, skipped: frozenset[int] = frozenset()) -> tuple[SpecTask, ...]:
    """What running this task means: itself, or the open required tasks below it whose turn it is, in their order.

    Empty for a task that is not open, or has only tasks below it that are left out.
    """
    if not task.is_open:
        return ()
    below = {each.index for each in tasks_below(spec, task) if not each.optional}
    found = tuple(each for each in open_tasks(spec) if each.index in below)
    return tuple(each for each in found if each.index not in skipped) if found else (task,)


def parents_that_follow(spec: Spec, done: SpecTask) -> tuple[SpecTask, ...]:
    """The open tasks above a task that is being ticked whose last required task below it is, innermost first.

    An optional task is nobody's last required one. A task that somebody set aside is not done.
    """
    ticked = {done.index}
    follow = []
    below = done
    while not below.optional and below.parent is not None:
        above = spec.tasks[below.parent]
        required = [each for each in tasks_below(spec, above) if not each.optional]
        if not above.is_open or any(each.state != "done" and each.index not in ticked for each in required):
            break
        ticked.add(above.index)
        follow.append(above)
        below = above
    return tuple(follow)
