"""Brings a run back to just before one of its steps: the files that it changed since, and its conversation."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bursar.domain.errors import BadInput, OwnedElsewhere, Refused
from bursar.domain.ports import HeldElsewhere
from bursar.domain.runs import RunRecord, StepRecord
from bursar.domain.safety.show import escape_argument, question_for_rewind
from bursar.domain.snapshots import FileState
from bursar.runs.asking import Requests
from bursar.runs.events import Events
from bursar.runs.rewind_diff import file_diff
from bursar.runs.touches import Touch, is_conflict, same, touches_of
from bursar.runs.unticking import mark_that_may_go, take_back_mark
from bursar.runs.world import World

ALL, MINE, CANCEL = "Rewind", "Rewind, keep my changes", "Cancel"
OVERWRITE = "Rewind, undo my changes too"
KEEP_MARK = "Rewind, keep the mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRewind:
    """One file that a rewind brings back; ``conflict``: somebody else has changed it since the run did.

    ``source`` is the run that its bytes were kept for: a retry goes on from the steps of another run.
    """

    path: str
    now: FileState
    target: FileState
    conflict: bool
    unsaved: str | None
    diff: str
    source: str

    @property
    def change(self) -> Literal["create", "remove", "restore"]:
        """What happens to it."""
        if self.target.sha256 is None:
            return "remove"
        return "create" if self.now.sha256 is None else "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class RewindPlan:
    """What a rewind would do: nothing is changed by making one."""

    run: RunRecord
    step: StepRecord
    number: int
    set_aside: tuple[StepRecord, ...]
    files: tuple[FileRewind, ...]
    left: tuple[str, ...]
    mark: str | None

    def text(self) -> str:
        """The plan for people, with the diff."""
        parts = [
            f"Rewind {self.run.run} to just before step {self.number} ({self.step.key}):"
            f" {len(self.set_aside)} steps are set aside, what they cost stays booked.\n"
        ]
        for each in self.files:
            if each.conflict:
                parts.append(f"CHANGED SINCE BY SOMEBODY ELSE: {escape_argument(each.path)}\n")
            if each.unsaved is not None:
                parts.append(f"Has unsaved changes in the editor and is changed there: {escape_argument(each.path)}\n")
        parts += [f"Left as it is: {each}\n" for each in self.left]
        if self.mark is not None:
            parts.append(f"The task is ticked: {self.mark}\n")
        if not self.files:
            parts.append("No file has to change.\n")
        return "\n".join(["".join(parts), *(each.diff for each in self.files)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound:
    """How it ended; ``left`` are sentences about files that were not brought back."""

    plan: RewindPlan
    done: bool
    files: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=())
    mark_taken_back: bool = False


def step_of(steps: list[StepRecord], named: str) -> tuple[int, StepRecord]:
    """The step with this key or number (from 1, as a replay prints it). Raises BadInput."""
    for number, each in enumerate(steps, 1):
        if named in (each.key, str(number)):
            return number, each
    raise BadInput(f"there is no step '{named}' in this run: 'bursar replay RUN' lists {len(steps)} steps")


def live_steps(world_steps: list[StepRecord]) -> list[StepRecord]:
    """The steps that a run consists of now, without what stands in the place of requests that were set aside."""
    return [each for each in world_steps if not (each.kind == "model" and each.status == "failed" and not each.intent)]


async def plan_rewind(world: World, run: str, named: str) -> RewindPlan:
    """What a rewind of a run to before a step would do. Raises BadInput and Refused."""
    record = world.journal.run(run)
    if record is None:
        raise BadInput(f"there is no run '{run}': see 'bursar runs --all'")
    if record.erased_at is not None:
        raise Refused(f"the text of {run} was erased, and with it what its files held: it cannot be rewound")
    if record.owner_alive:
        raise OwnedElsewhere(f"{run} is running: pause it first ('bursar pause {run}'), then rewind it")
    steps = live_steps(world.journal.steps(run))
    number, step = step_of(steps, named)
    begun = next((each for each in steps if each.key == record.rewinding), None)
    if begun is not None and begun.n < step.n:
        raise Refused(f"a rewind of {run} to {begun.key} was interrupted: finish it first, or go back further")
    aside = tuple(each for each in steps if each.n >= step.n)
    files, left = await asyncio.to_thread(_files, world, run, aside)
    mark = mark_that_may_go(world, record)
    return RewindPlan(run=record, step=step, number=number, set_aside=aside, files=files, left=left, mark=mark)


async def rewind(world: World, plan: RewindPlan, *, can_ask: bool) -> Rewound:
    """Carry the plan out after asking. Without anybody to ask, the order to rewind is the yes to what the run did
    itself, and a file that somebody else changed, or that is unsaved, refuses it all (BadInput)."""
    answer = await _decide(world, plan, can_ask=can_ask)
    if answer is None:
        return Rewound(plan=plan, done=False)
    files = [each for each in plan.files if not each.conflict or answer.overwrite]
    left = [*plan.left, *(f"{each.path}: your changes stay." for each in plan.files if each not in files)]
    run = plan.run.run
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} runs in another window ({claimed.owner}): pause it there, then rewind it")
    try:
        steps = tuple(each for each in live_steps(world.journal.steps(run)) if each.n >= plan.step.n)
        if [(each.key, each.status, each.attempt) for each in steps] != [
            (each.key, each.status, each.attempt) for each in plan.set_aside
        ]:
            raise Refused(f"{run} has gone on since the diff was shown: look at it again")
        events = Events(world, run)
        requests = Requests(world, claimed.run, claimed.epoch, events)
        for each in steps:
            if each.kind == "model" and each.status == "intent":
                await requests.settle_in_flight(each)
        await world.journal.begin_rewind(run=run, epoch=claimed.epoch, key=plan.step.key)
        restored = []
        for file in files:
            world.failpoint("in_rewind")
            why = await _bring_back(world, run, file)
            if why is None:
                restored.append(file)
            else:
                left.append(why)
        taken_back = answer.untick and await take_back_mark(world, claimed.run)
        world.failpoint("in_rewind")
        event = await world.journal.finish_rewind(
            run=run,
            epoch=claimed.epoch,
            key=plan.step.key,
            detail=f"Rewound to before step {plan.number}. Resume goes on from there.",
            data={
                "step": plan.step.key,
                "number": plan.number,
                "set_aside": len(plan.set_aside),
                "files": [_file_json(each) for each in restored],
                "left": left,
                "mark_taken_back": taken_back,
            },
        )
        world.on_event(run=run, kind=event.kind, at=event.at, seq=event.seq, data=event.data)
    finally:
        await world.journal.release(run)
    return Rewound(
        plan=plan,
        done=True,
        files=tuple(each.path for each in restored),
        left=tuple(left),
        mark_taken_back=taken_back,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    overwrite: bool
    untick: bool


async def _decide(world: World, plan: RewindPlan, *, can_ask: bool) -> _Answer | None:
    conflicts = [each.path for each in plan.files if each.conflict or (each.unsaved is not None and not can_ask)]
    if not can_ask:
        if conflicts:
            raise BadInput(
                f"these were changed since by somebody else, and nobody can be asked: {', '.join(conflicts)}."
                " Nothing was changed: rewind in a terminal or in the editor, or put them aside first"
            )
        return _Answer(overwrite=False, untick=False)
    choices: tuple[str, ...] = (MINE, OVERWRITE, CANCEL) if conflicts else (ALL, CANCEL)
    what = f"Rewind {plan.run.task_address} to before step {plan.number}?"
    if conflicts:
        what += f" {len(conflicts)} files were changed since by you or others."
    answer = await world.asker.ask(question_for_rewind(plan.run.run, what, plan.text(), choices))
    if answer not in choices or answer == CANCEL:
        return None
    untick = False
    if plan.mark is not None:
        question = question_for_rewind(plan.run.run, f"Take the mark back, too? {plan.mark}", None, ("Yes", "No"))
        untick = await world.asker.ask(question) == "Yes"
    return _Answer(overwrite=answer == OVERWRITE, untick=untick)


def _files(world: World, run: str, aside: tuple[StepRecord, ...]) -> tuple[tuple[FileRewind, ...], tuple[str, ...]]:
    sources = (run, *sorted({str(each.intent["from_run"]) for each in aside if "from_run" in each.intent}))
    touched = touches_of(
        aside, lambda word: world.snapshots.changes(run, word), by_others=_by_others(world, frozenset(sources))
    )
    files: list[FileRewind] = []
    left = list(touched.unknown)
    for path, touches in sorted(touched.by_path.items()):
        found = _file(world, sources, path, touches)
        if isinstance(found, str):
            left.append(found)
        elif found is not None:
            files.append(found)
    return tuple(files), tuple(left)


def _by_others(world: World, own: frozenset[str]) -> Callable[[StepRecord], frozenset[str]]:
    """What other runs of the workspace wrote while a step ran; a command's difference holds that, too.

    The marks in tasks files are always others': no command sets them for a run.
    """
    others = [each for each in world.journal.runs(world.files.root) if each.run not in own]
    outlines = world.journal.outlines([each.run for each in others])
    edits = [(each.at, each.about) for some in outlines.values() for each in some if each.kind == "edit" and each.about]
    specs = frozenset(each.spec for each in world.journal.runs(world.files.root))

    def written(step: StepRecord) -> frozenset[str]:
        return specs | {
            path for at, path in edits if at >= step.started_at and (step.ended_at is None or at <= step.ended_at)
        }

    return written


def _file(world: World, sources: tuple[str, ...], path: str, touches: tuple[Touch, ...]) -> FileRewind | str | None:
    target = touches[0].before
    unsaved = world.buffers.unsaved_text(f"{world.files.root}/{path}")
    data: bytes | None
    if unsaved is not None:
        data = unsaved.encode("utf-8", "surrogatepass")
        now = FileState(sha256=hashlib.sha256(data).hexdigest())
    else:
        looked = world.snapshots.now(path)
        if isinstance(looked, str):
            return looked
        now, data = looked, world.snapshots.read(path)
    if same(now, target):
        return None
    if unsaved is not None and target.sha256 is None:
        return f"{path} was made by the run and has unsaved changes in the editor: save or close it, then rewind."
    then, source = None, sources[0]
    if target.sha256 is not None:
        for source in sources:
            then = world.snapshots.content(source, target.sha256)
            if then is not None:
                break
        else:
            return f"what {path} held before is not kept."
    if "link" in (now.mode, target.mode):
        return f"{path} is or was a link."
    return FileRewind(
        path=path,
        now=now,
        target=target,
        conflict=is_conflict(touches, now),
        unsaved=unsaved,
        diff=file_diff(path, data, then),
        source=source,
    )


async def _bring_back(world: World, run: str, file: FileRewind) -> str | None:
    """Bring one file back, what it holds kept before that; a sentence where it was left."""
    if file.source != run and file.target.sha256 is not None:
        borrowed = world.snapshots.content(file.source, file.target.sha256)
        if borrowed is not None:
            await asyncio.to_thread(world.snapshots.keep, run, borrowed)
    if file.unsaved is not None:
        kept = world.snapshots.content(run, file.target.sha256 or "")
        text = None if kept is None else kept.decode("utf-8", "surrogatepass")
        absolute = f"{world.files.root}/{file.path}"
        await asyncio.to_thread(world.snapshots.keep, run, file.unsaved.encode("utf-8", "surrogatepass"))
        if text is None or not await world.buffers.replace(absolute, expected=file.unsaved, new=text):
            return f"{file.path} was edited meanwhile in the editor: it was left as it is."
        return None
    if world.buffers.unsaved_text(f"{world.files.root}/{file.path}") is not None:
        return f"{file.path} was edited meanwhile in the editor: it was left as it is."
    if file.now.sha256 is not None:
        await asyncio.to_thread(world.snapshots.keep_file, run, file.path, file.now.sha256)
    # A change of mode that an edit knows nothing of is kept.
    target = file.target if file.target.mode is not None else replace(file.target, mode=file.now.mode)
    return await asyncio.to_thread(world.snapshots.restore, run, file.path, expected=file.now, target=target)


def _file_json(file: FileRewind) -> dict[str, Any]:
    return {"path": file.path, "change": file.change, "was": file.now.sha256, "is": file.target.sha256}
