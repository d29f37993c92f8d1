"""Which files the steps of a run changed, from what to what; pure but for looking at what an ended command left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bursar.domain.runs import StepRecord
from bursar.domain.snapshots import FileChange, FileState
from bursar.runs.keeping import change_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One change of one path by a step; ``ours`` are the states that the step itself may have left behind.

    There are none where somebody else may have made the change.
    """

    before: FileState
    ours: tuple[FileState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """The changes of each path in their order, and sentences about what is not known."""

    by_path: Mapping[str, tuple[Touch, ...]]
    unknown: tuple[str, ...]


def same(one: FileState, other: FileState) -> bool:
    """Whether two states agree in all that is known of both."""
    return one.sha256 == other.sha256 and (one.mode is None or other.mode is None or one.mode == other.mode)


def touches_of(
    steps: Sequence[StepRecord],
    changes_since: Callable[[dict[str, Any]], tuple[FileChange, ...] | str],
    *,
    by_others: Callable[[StepRecord], frozenset[str]] = lambda step: frozenset(),
) -> Touches:
    """What these steps changed, in their order.

    Of a command whose end is not known, ``changes_since`` its snapshot tells what is different now; none of that is
    taken for the command's own work, nor is a path that was written ``by_others`` while it ran.
    """
    found: defaultdict[str, list[Touch]] = defaultdict(list)
    unknown: list[str] = []
    for step in sorted(steps, key=lambda each: each.n):
        if step.kind == "edit" and "sha256_after" in step.intent:
            _edit(step, found)
        if step.kind == "command":
            why = _command(step, changes_since, found, by_others(step))
            if why is not None:
                unknown.append(f"What the command of {step.key} changed is not brought back: {why}.")
    return Touches(by_path={path: tuple(each) for path, each in found.items()}, unknown=tuple(unknown))


def is_conflict(touches: Sequence[Touch], now: FileState) -> bool:
    """Whether somebody else changed the path since the first of these changes: between two of them, or after all."""
    follows = [*(each.before for each in touches[1:]), now]
    return any(not any(same(ours, then) for ours in touch.ours) for touch, then in zip(touches, follows, strict=True))


def _edit(step: StepRecord, found: defaultdict[str, list[Touch]]) -> None:
    if step.result is not None and step.result.get("error"):
        return
    before = FileState(sha256=step.intent["sha256_before"])
    after = FileState(sha256=str(step.intent["sha256_after"]))
    ours = (after,) if step.status == "done" else (before, after)
    found[str(step.intent["path"])].append(Touch(before=before, ours=ours))


def _command(
    step: StepRecord,
    changes_since: Callable[[dict[str, Any]], tuple[FileChange, ...] | str],
    found: defaultdict[str, list[Touch]],
    by_others: frozenset[str],
) -> str | None:
    for each in map(change_from, step.intent.get("unsure", ())):
        found[each.path].append(Touch(before=each.before, ours=(each.before,)))
    result = step.result or {}
    if "changes" in result:
        for each in map(change_from, result["changes"]):
            ours = () if each.path in by_others else (each.after,)
            found[each.path].append(Touch(before=each.before, ours=ours))
        return None
    if "not_covered" in result:
        return str(result["not_covered"])
    if "snapshot" not in step.intent:
        return None if result.get("error") else "nothing was kept before it"
    left = changes_since(step.intent["snapshot"])
    if isinstance(left, str):
        return left
    for each in left:
        found[each.path].append(Touch(before=each.before, ours=(each.before,)))
    return None
