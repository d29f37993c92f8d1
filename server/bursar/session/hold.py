"""The user's hold on what runs carry: a run's window as it is now, its parts, and what is pinned in the workspaces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bursar.domain.errors import BadInput
from bursar.domain.ports import EditorBuffers
from bursar.session.documents import Buffers, FrozenBuffers
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records
from bursar.session.resuming import Resumes

if TYPE_CHECKING:
    from bursar.domain.context.pins import Pin, PinNow

# What this stands on is loaded with the first wish, not when the server starts.


class Hold:
    """Each raises BadInput, Refused and StorageError with a sentence."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        buffers: Buffers,
        records: Records,
        resumes: Resumes,
        check: Callable[[str], None],
        folders: Callable[[], tuple[str, ...]],
        changed: Callable[[], None],
    ) -> None:
        """``check`` raises Refused for a path that may not be worked with; ``changed`` is called when what runs begin
        with is another."""
        self._adapters = adapters
        self._editor = editor
        self._buffers = buffers
        self._records = records
        self._resumes = resumes
        self._check = check
        self._folders = folders
        self._changed = changed

    async def window(self, run: str | None) -> dict[str, Any]:
        """The window of a run, or of the one that something happened in last, with what is pinned here."""
        from bursar.session.contexts import window_of
        from bursar.session.pins import pins_json
        from bursar.views.context import context_json, no_context_json

        run = run or self._newest()
        if run is not None:
            self._check_run(run)
        shown = no_context_json()
        if run is not None:
            shown = context_json(await asyncio.to_thread(window_of, self._adapters, self._adapters.settings(), run))
        found = await asyncio.to_thread(self._pins)
        return {**shown, "pins": [{**each, "workspace": at} for at, pins in found for each in pins_json(pins)]}

    async def part(self, wish: str, item: str, run: str | None) -> dict[str, Any]:
        """Pin, unpin, drop or recall a part of a run's window."""
        from bursar.session.contexts import hold_part

        run = run or self._newest()
        if run is None:
            raise BadInput("no run is recorded in the open folders: there is no window to change")
        self._check_run(run)
        said = await hold_part(self._adapters, self._adapters.settings(), wish, item, run)
        self._resumes.again(run)
        self._records.look_soon()
        self._editor.say("info", f"{said}.")
        return {"run": run, "item": item, "message": said}

    async def tell_pins(self, workspace: str) -> None:
        """A run of this workspace has begun: say which pins are not what was pinned any more."""
        from bursar.domain.context.pins import pin_words
        from bursar.session.pins import pins_now

        found = await asyncio.to_thread(pins_now, self._adapters, workspace, self._unsaved())
        for each in found:
            if each.needs_a_look:
                self._editor.say("warning", f"{pin_words(each)}.")

    async def pin(self, path: str, lines: tuple[int, int] | None) -> dict[str, Any]:
        """Have runs that begin later carry the file at this path, or lines of it."""
        from bursar.session.pins import pin_lines

        workspace = self._workspace_of(path)
        relative = Path(path).relative_to(workspace).as_posix()
        pin = await pin_lines(self._adapters, workspace, relative, lines, self._unsaved())
        return self._told(pin, "goes into runs that begin from now on")

    async def unpin(self, path: str, lines: tuple[int, int] | None) -> dict[str, Any]:
        """Leave it out of them again."""
        from bursar.domain.context.pins import item_name

        workspace = self._workspace_of(path)
        return await self._unpin(workspace, item_name(Path(path).relative_to(workspace).as_posix(), lines))

    async def unpin_item(self, item: str) -> dict[str, Any]:
        """The same by the name of the pin, in the workspace where it is one."""
        for at, pins in await asyncio.to_thread(self._pins):
            if any(item in (each.item, each.pin.item) for each in pins):
                self._check(at)
                return await self._unpin(at, item)
        raise BadInput(f"{item.removeprefix('pinned:')} is not pinned in the open folders")

    async def _unpin(self, workspace: str, item: str) -> dict[str, Any]:
        from bursar.session.pins import unpin_lines

        pin = await unpin_lines(self._adapters, workspace, item, self._unsaved())
        return self._told(pin, "goes into no run that begins from now on")

    def _told(self, pin: Pin, what: str) -> dict[str, Any]:
        said = f"{pin.item} {what}"
        self._changed()
        self._editor.say("info", f"{said}.")
        return {"run": None, "item": pin.item, "message": said}

    def _pins(self) -> list[tuple[str, list[PinNow]]]:
        from bursar.session.pins import pins_now

        unsaved = self._unsaved()
        return [(each, pins_now(self._adapters, each, unsaved)) for each in sorted(self._workspaces())]

    def _workspaces(self) -> set[str]:
        return {*self._records.runs, *(root_above(each, self._folders()) for each in self._folders())}

    def _workspace_of(self, path: str) -> str:
        self._check(path)
        return root_above(path, self._folders())

    def _unsaved(self) -> EditorBuffers:
        return FrozenBuffers(texts=self._buffers.unsaved())

    def _newest(self) -> str | None:
        known = [each.record for each in self._records.summaries() if each.record.erased_at is None]
        return max(known, key=lambda each: each.updated_at).run if known else None

    def _check_run(self, run: str) -> None:
        record = self._adapters.journal().run(run)
        if record is None:
            raise BadInput(f"there is no run '{run}'")
        self._check(record.workspace)


def root_above(path: str, folders: tuple[str, ...]) -> str:
    """The workspace whose runs a file belongs to: the nearest folder at or above it with specs, else with a
    repository, not above a folder that is open; else that one, or the file's own."""
    there = Path(path)
    opened = [each for each in map(Path, folders) if there.is_relative_to(each)]
    top = max(opened, key=lambda each: len(each.parts), default=None)
    near = [each for each in (there, *there.parents) if each.is_dir() and (top is None or each.is_relative_to(top))]
    for marks in ((".kiro", ".specify"), (".git",)):
        for each in near:
            if any((each / mark).exists() for mark in marks):
                return str(each)
    return str(top if top is not None else there.parent)
