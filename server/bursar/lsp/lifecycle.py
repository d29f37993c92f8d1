"""initialize to exit, and what the client tells of settings, folders and files."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp import diagnostic
from bursar.lsp.desk import Desk
from bursar.lsp.editor import run_of_token
from bursar.lsp.from_lsp import client_facts
from bursar.lsp.keys import take_keys
from bursar.lsp.parent import watch_parent
from bursar.lsp.uris import path_of
from bursar.session.model import Configured, FilesChanged, FoldersChanged, Trusted
from bursar.session.ports import Adapters


def register(desk: Desk, adapters: Adapters) -> None:
    """Answer the messages of the life cycle."""
    server, session = desk.server, desk.session

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        facts = desk.facts = client_facts(params)
        desk.editor.meet(facts)
        if facts.pulls_diagnostics:
            diagnostic.register_pull(desk, adapters)
        else:
            desk.editor.push_diagnostics = lambda: diagnostic.push(desk)
        desk.beside(take_keys(desk, adapters, facts.keys_fd))
        greeted = server.protocol.greeted
        seen = None if greeted is None else greeted.client
        desk.beside(watch_parent(desk, adapters.clock, facts.process_id, seen=seen))
        session.apply(Configured(settings=facts.settings))
        session.apply(FoldersChanged(folders=facts.folders))
        session.apply(Trusted(trusted=facts.trusted))

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        await desk.editor.register()
        await reconfigure()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        await reconfigure(params.settings)

    async def reconfigure(told: object = None) -> None:
        found = await desk.editor.configuration()
        if found is None and isinstance(told, dict) and isinstance(told.get("bursar"), dict):
            found = told["bursar"]
        if found is not None:
            session.apply(Configured(settings={**desk.facts.settings, **found}))

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        gone = {path_of(each.uri) for each in params.event.removed}
        added = [path for each in params.event.added if (path := path_of(each.uri)) is not None]
        kept = [each for each in session.folders if each not in gone]
        session.apply(FoldersChanged(folders=(*kept, *added)))

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_files(params: types.DidChangeWatchedFilesParams) -> None:
        paths = tuple(path for each in params.changes if (path := path_of(each.uri)) is not None)
        session.apply(FilesChanged(paths=paths))

    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    async def cancel_progress(params: types.WorkDoneProgressCancelParams) -> None:
        run = run_of_token(params.token)
        if run is not None and run in session.snapshot().mine:
            await session.pause_run(run)

    @server.feature(types.SHUTDOWN)
    async def shutdown(params: None) -> None:
        await session.close()
