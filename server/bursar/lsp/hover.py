"""textDocument/hover: what a task will probably take, and where the figures come from."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import hover_at
from bursar.session.outlook import hover_of


def register(desk: Desk) -> None:
    """Answer for the line of a task; nothing elsewhere."""

    @desk.server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        found = hover_of(desk.session.snapshot(), params.text_document.uri, params.position.line)
        return None if found is None else hover_at(*found)
