"""textDocument/inlayHint: tokens behind headings and tasks, in the range that was asked for."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import inlay_hints


def register(desk: Desk) -> None:
    """Answer with the hints of the newest text."""

    @desk.server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = desk.session.snapshot().documents.get(params.text_document.uri)
        if document is None:
            return []
        desk.session.look_at(document.uri, params.range.start.line, params.range.end.line + 1)
        return inlay_hints(document, desk.session.annotations(document.uri), params.range, desk.facts.encoding)
