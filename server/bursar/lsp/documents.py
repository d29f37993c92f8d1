"""textDocument/didOpen, didChange, didSave, didClose: every text goes through our own store."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.from_lsp import changes_of
from bursar.lsp.uris import path_of
from bursar.session.model import Closed, Edited, Opened, Saved


def register(desk: Desk) -> None:
    """Answer the document messages."""
    server, session = desk.server, desk.session

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        session.apply(Opened(uri=item.uri, path=path_of(item.uri), version=item.version, text=item.text))

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        session.apply(
            Edited(
                uri=params.text_document.uri,
                version=params.text_document.version,
                changes=changes_of(params),
                encoding=desk.facts.encoding,
                is_overtaken=params.text_document.uri in desk.changes_waiting,
            )
        )

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        session.apply(Saved(uri=params.text_document.uri))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        session.apply(Closed(uri=params.text_document.uri))
        if not desk.facts.pulls_diagnostics:
            nothing = types.PublishDiagnosticsParams(uri=params.text_document.uri, diagnostics=[])
            server.text_document_publish_diagnostics(nothing)
