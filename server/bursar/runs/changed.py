"""What a run changed, as one diff: from what each file held before its first step to what the run left behind.

What somebody did to the files since is not in it: the bytes are those that were kept, those that the run's own edits
lead to, or those on the disk while they still are the run's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bursar.domain.runs import StepRecord
from bursar.domain.safety.show import escape_argument
from bursar.domain.snapshots import FileState
from bursar.runs.rewind_diff import file_diff
from bursar.runs.touches import Touch, touches_of
from bursar.runs.world import World

_MOST_CHARS = 240_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The diff of a run for people and models, secrets masked; ``left_out`` are sentences about what is not in it."""

    files: tuple[str, ...]
    diff: str
    left_out: tuple[str, ...]


def changed_by(world: World, run: str) -> Changed:
    """Put the diff of a run together; blocks."""
    steps = world.journal.steps(run)
    touched = touches_of(steps, lambda _: "it was interrupted, and what it had done by then is not known")
    sources = (run, *sorted({str(each.intent["from_run"]) for each in steps if "from_run" in each.intent}))
    parts: list[str] = []
    files: list[str] = []
    left_out = [each.replace("is not brought back", "is not in the diff") for each in touched.unknown]
    size = 0
    for path, touches in sorted(touched.by_path.items()):
        first, last = touches[0].before, touches[-1].ours[-1]
        if first == last:
            continue
        found = _diff(world, sources, path, touches, steps)
        if found is None:
            left_out.append(f"What {escape_argument(path)} held is not kept, so its change is not in the diff.")
        elif size + len(found) > _MOST_CHARS:
            left_out.append(f"The change of {escape_argument(path)} is left out: the diff is long enough without it.")
        else:
            parts.append(found)
            files.append(path)
            size += len(found)
    return Changed(files=tuple(files), diff="".join(parts), left_out=tuple(left_out))


def _diff(
    world: World, sources: Sequence[str], path: str, touches: Sequence[Touch], steps: Sequence[StepRecord]
) -> str | None:
    first, last = touches[0].before, touches[-1].ours[-1]
    before = None if first.sha256 is None else _bytes(world, sources, path, first, steps)
    after = None if last.sha256 is None else _bytes(world, sources, path, last, steps)
    if (before is None) != (first.sha256 is None) or (after is None) != (last.sha256 is None):
        return None
    return file_diff(path, before, after)


def _bytes(
    world: World, sources: Sequence[str], path: str, state: FileState, steps: Sequence[StepRecord]
) -> bytes | None:
    """The bytes with this hash, from wherever they can be had."""
    wanted = state.sha256 or ""
    for data in _candidates(world, sources, path, wanted, steps):
        if hashlib.sha256(data).hexdigest() == wanted:
            return data
    return None


def _candidates(
    world: World, sources: Sequence[str], path: str, wanted: str, steps: Sequence[StepRecord]
) -> Iterator[bytes]:
    for source in sources:
        kept = world.snapshots.content(source, wanted)
        if kept is not None:
            yield kept
    on_disk = world.snapshots.read(path)
    if on_disk is not None:
        yield on_disk
    for step in steps:
        if step.intent.get("path") != path or step.intent.get("sha256_after") != wanted:
            continue
        given = step.intent.get("input") or {}
        if step.intent.get("tool") == "write_file":
            yield str(given.get("content", "")).encode("utf-8", "surrogatepass")
        elif step.intent.get("sha256_before") not in (None, wanted):
            state = FileState(sha256=step.intent["sha256_before"])
            earlier = [each for each in steps if each.n < step.n]
            before = _bytes(world, sources, path, state, earlier)
            if before is not None:
                old, new = (str(given.get(each, "")).encode("utf-8", "surrogatepass") for each in ("old", "new"))
                yield before.replace(old, new, 1)
