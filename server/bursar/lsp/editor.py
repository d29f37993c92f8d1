"""The editor as the session needs it, over the protocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Literal

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from bursar.domain.instructions import DEFAULT_GLOBS
from bursar.domain.ports import Clock
from bursar.domain.safety.show import words_for_message
from bursar.lsp.from_lsp import ClientFacts
from bursar.lsp.paced import Paced
from bursar.lsp.protocol import Server
from bursar.lsp.to_lsp import file_uri, meter_json, run_change_json, usage_json, workspace_edit
from bursar.session.model import BufferEdit, RunChange, UsageUpdate
from bursar.views.annotations import Meter

_SOON_S = 0.02
_APART_S = 0.25
_LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
}
WATCHED = (
    "**/*.md",
    *(glob for glob, kind in DEFAULT_GLOBS if kind not in ("chat", "code") and not glob.endswith(".md")),
)
"""What is read beside an open document: instructions of all kinds, and Markdown that they may take in."""
_log = logging.getLogger("bursar")


class LspEditor:
    """Speaks to the client: asks only for what it said it can do."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._facts = ClientFacts()
        self._refresh = Paced(self._refresh_now, clock, soon_s=_SOON_S, apart_s=_APART_S)
        self._progress: dict[str, asyncio.Task[bool]] = {}
        self.push_diagnostics: Callable[[], None] = lambda: None

    def meet(self, facts: ClientFacts) -> None:
        """Who the client is."""
        self._facts = facts

    def say(self, level: Literal["error", "warning", "info"], text: str) -> None:
        """Show a message."""
        self._server.window_show_message(types.ShowMessageParams(type=_LEVELS[level], message=words_for_message(text)))

    async def choose(self, text: str, choices: tuple[str, ...]) -> str | None:
        """Ask with buttons."""
        params = types.ShowMessageRequestParams(
            type=types.MessageType.Warning,
            message=text,
            actions=[types.MessageActionItem(title=each) for each in choices],
        )
        answer = await self._ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        return answer.title if answer is not None else None

    async def show_file(self, path: str) -> bool:
        """Open a file in the editor."""
        if not self._facts.shows_documents:
            return False
        shown = await self._ask(types.WINDOW_SHOW_DOCUMENT, types.ShowDocumentParams(uri=file_uri(path)))
        return shown is not None and shown.success

    async def show_outside(self, path: str) -> bool:
        """Open a file in the program that the user has for it, such as the browser."""
        if not self._facts.shows_documents:
            return False
        params = types.ShowDocumentParams(uri=file_uri(path), external=True)
        shown = await self._ask(types.WINDOW_SHOW_DOCUMENT, params)
        return shown is not None and shown.success

    async def edit(self, edit: BufferEdit) -> bool:
        """Change a document at a version."""
        if not self._facts.applies_versioned_edits:
            return False
        params = types.ApplyWorkspaceEditParams(edit=workspace_edit(edit, self._facts.encoding), label="Bursar")
        applied = await self._ask(types.WORKSPACE_APPLY_EDIT, params)
        return applied is not None and applied.applied

    def annotations_changed(self) -> None:
        """Ask the client to look again, not more often than it can follow."""
        self._refresh.ask()

    def meter_changed(self, meter: Meter) -> None:
        """Tell the meter's new text."""
        self._notify("bursar/meter", meter_json(meter))

    def run_changed(self, change: RunChange) -> None:
        """Tell a run's new state."""
        self._notify("bursar/runChanged", run_change_json(change))

    def usage_changed(self, update: UsageUpdate) -> None:
        """Tell what a settled request used."""
        self._notify("bursar/usageUpdate", usage_json(update))

    def progress_begin(self, run: str, title: str) -> None:
        """Begin a report that the user can cancel, which asks the run to pause."""
        if self._facts.shows_progress:
            self._progress[run] = asyncio.create_task(self._create_progress(run, title))

    def progress_report(self, run: str, message: str) -> None:
        """Say what happened last."""
        self._report(run, types.WorkDoneProgressReport(message=words_for_message(message), cancellable=True))

    def progress_end(self, run: str, message: str) -> None:
        """End the report."""
        self._report(run, types.WorkDoneProgressEnd(message=words_for_message(message)))
        self._progress.pop(run, None)

    async def configuration(self) -> dict[str, Any] | None:
        """The user's settings of section ``bursar``, None where the client has none to give."""
        if not self._facts.has_configuration:
            return None
        params = types.ConfigurationParams(items=[types.ConfigurationItem(section="bursar")])
        found = await self._ask(types.WORKSPACE_CONFIGURATION, params)
        # The answer is structured as a tuple.
        return found[0] if isinstance(found, list | tuple) and found and isinstance(found[0], dict) else None

    async def register(self) -> None:
        """Ask to be told of changed settings, and of files changed on the disk that say something to an agent."""
        wanted = []
        if self._facts.registers_configuration:
            wanted.append(
                types.Registration(
                    id="bursar-configuration",
                    method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                    register_options={"section": "bursar"},
                )
            )
        if self._facts.registers_watchers:
            watchers = [types.FileSystemWatcher(glob_pattern=each) for each in WATCHED]
            wanted.append(
                types.Registration(
                    id="bursar-files",
                    method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                    register_options=types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers),
                )
            )
        if wanted:
            await self._ask(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams(registrations=wanted))

    def _refresh_now(self) -> None:
        if self._facts.refreshes_lenses:
            self._send(types.WORKSPACE_CODE_LENS_REFRESH)
        if self._facts.refreshes_hints:
            self._send(types.WORKSPACE_INLAY_HINT_REFRESH)
        if self._facts.pulls_diagnostics:
            self._send(types.WORKSPACE_DIAGNOSTIC_REFRESH)
        else:
            self.push_diagnostics()

    def _report(self, run: str, value: Any) -> None:
        made = self._progress.get(run)
        if made is None:
            return

        def send(done: asyncio.Task[bool]) -> None:
            if not done.cancelled() and done.exception() is None and done.result():
                self._server.progress(types.ProgressParams(token=progress_token(run), value=value))

        if made.done():
            send(made)
        else:
            made.add_done_callback(send)

    async def _create_progress(self, run: str, title: str) -> bool:
        token = progress_token(run)
        title = words_for_message(title)
        params = types.WorkDoneProgressCreateParams(token=token)
        try:
            await self._server.window_work_done_progress_create_async(params)
        except JsonRpcException:
            return False
        begin = types.WorkDoneProgressBegin(title=title, cancellable=True)
        self._server.progress(types.ProgressParams(token=token, value=begin))
        return True

    async def _ask(self, method: str, params: Any) -> Any:
        try:
            return await self._server.protocol.send_request_async(method, params)
        except JsonRpcException as error:
            _log.warning("the editor refused %s: %s", method, error)
            return None

    def _send(self, method: str) -> None:
        self._server.protocol.send_request(method)

    def _notify(self, method: str, payload: dict[str, Any]) -> None:
        self._server.protocol.notify(method, payload)


def progress_token(run: str) -> str:
    """The token of a run's progress report."""
    return f"bursar/{run}"


def run_of_token(token: object) -> str | None:
    """The run of a progress token, None for one that is not ours."""
    return token.removeprefix("bursar/") if isinstance(token, str) and token.startswith("bursar/") else None
