"""Splitting a task from the editor: what it costs is asked first, the diff is shown, unsaved text is changed there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from bursar.domain.errors import BadInput, Refused
from bursar.session.documents import Buffers, FrozenBuffers
from bursar.session.jobs import RunJobs
from bursar.session.money import run_ceiling_pico
from bursar.session.ports import Adapters, Editor
from bursar.session.starting import Starter
from bursar.views.operations import request_words

_ASK, _NO = "Ask the model", "No"


class Divider:
    """Has the model propose sub-tasks, and writes them once the user agrees."""

    def __init__(
        self, *, adapters: Adapters, editor: Editor, starter: Starter, jobs: RunJobs, buffers: Buffers
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._starter = starter
        self._jobs = jobs
        self._buffers = buffers

    async def split(self, *, workspace: str, path: str, line: int, title: str) -> dict[str, Any]:
        """What was asked and written. Raises BadInput, Refused, OwnedElsewhere and StorageError with a sentence."""
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.splitting import NotProposed, agree, plan_split, propose, write

        _, spec_path, task = self._starter.task_at(workspace=workspace, path=path, line=line, title=title)
        settings = self._adapters.settings()
        ways = self._adapters.ways(settings, role="plan")
        missing = ways.missing_key()
        if missing is not None:
            raise BadInput(missing)
        world = self._jobs.world_in(workspace, ways)
        unsaved = FrozenBuffers(texts=self._buffers.unsaved())
        plan = await asyncio.to_thread(
            plan_split,
            replace(world, buffers=unsaved, files=self._adapters.files(Path(workspace), unsaved)),
            run=self._adapters.ids.new("split"),
            spec_path=spec_path,
            find=task,
            model=ways.chain[0].model,
            ceiling_pico=run_ceiling_pico(self._adapters, settings),
        )
        words = request_words(f"sub-tasks of {plan.address}", str(ways.chain[0].target), plan.figures)
        if await self._editor.choose(f"{words[:1].upper()}{words[1:]} Send it?", (_ASK, _NO)) != _ASK:
            return {"run": None, "subtasks": [], "written": False}
        self._editor.progress_begin(plan.planned.run, f"Bursar: sub-tasks of {plan.address}")
        try:
            found = await propose(world, plan)
        finally:
            self._editor.progress_end(plan.planned.run, "answered")
        if isinstance(found, NotProposed):
            raise (Refused if found.paused else BadInput)(found.message)
        written = await agree(world, plan, found)
        waits = await write(world, plan, found) if written else None
        for each in (waits, found.still_too_large):
            if each is not None:
                self._editor.say("info", each)
        return {"run": found.run, "subtasks": list(found.titles), "written": written}
