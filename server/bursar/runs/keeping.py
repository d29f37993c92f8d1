"""What is kept before a step changes files, so that the run can be rewound to before it."""

from __future__ import annotations

import asyncio
from typing import Any

from bursar.domain.ports import EditPlan
from bursar.domain.runs import StepRecord
from bursar.domain.snapshots import FileChange, FileState
from bursar.runs.events import Events
from bursar.runs.world import World


class Keeping:
    """Keeps files for the steps of one run; what it returns goes into the step's intent or result.

    The user is told once for each reason why something is not covered.
    """

    def __init__(self, world: World, run: str, events: Events) -> None:
        self._snapshots = world.snapshots
        self._run = run
        self._events = events
        self._told: set[str] = set()

    async def before_edit(self, plan: EditPlan, text_in_editor: str | None = None) -> dict[str, Any]:
        """Keep the bytes that an edit replaces. Raises StorageError: then nothing may be changed."""
        if plan.sha256_before is None:
            return {}
        if text_in_editor is not None:
            data = text_in_editor.encode("utf-8", "surrogatepass")
            why = await asyncio.to_thread(self._snapshots.keep, self._run, data)
        else:
            why = await asyncio.to_thread(self._snapshots.keep_file, self._run, plan.path, plan.sha256_before)
        if why is None:
            return {}
        await self._say(f"{plan.path}: {why}")
        return {"not_covered": why}

    async def before_command(self, step: StepRecord | None) -> dict[str, Any]:
        """Remember the workspace; what an earlier attempt of this step may have changed is kept apart from it."""
        earlier: dict[str, Any] = {} if step is None else step.intent
        unsure = list(earlier.get("unsure", ()))
        if "snapshot" in earlier:
            found = await asyncio.to_thread(self._snapshots.changes, self._run, earlier["snapshot"])
            if not isinstance(found, str):
                unsure += [change_json(each) for each in found]
        word = await asyncio.to_thread(self._snapshots.take, self._run)
        if word["kind"] == "none":
            await self._say(str(word["why"]))
        return {"snapshot": word, **({"unsure": unsure} if unsure else {})}

    async def after_command(self, word: dict[str, Any]) -> dict[str, Any]:
        """What the command changed, its earlier bytes kept; or why that is not known."""
        if word["kind"] == "none":
            return {"not_covered": str(word["why"])}
        found = await asyncio.to_thread(self._snapshots.changes, self._run, word)
        if isinstance(found, str):
            await self._say(found)
            return {"not_covered": found}
        return {"changes": [change_json(each) for each in found]}

    async def _say(self, why: str) -> None:
        if why not in self._told:
            self._told.add(why)
            await self._events.tell("not_covered", message=f"A rewind will not bring back all files: {why}")


def change_json(change: FileChange) -> dict[str, Any]:
    """A change as the journal keeps it."""
    return {
        "path": change.path,
        "before": [change.before.sha256, change.before.mode],
        "after": [change.after.sha256, change.after.mode],
    }


def change_from(data: dict[str, Any]) -> FileChange:
    """The change that was kept."""
    before, after = data["before"], data["after"]
    return FileChange(
        path=str(data["path"]),
        before=FileState(sha256=before[0], mode=before[1]),
        after=FileState(sha256=after[0], mode=after[1]),
    )
