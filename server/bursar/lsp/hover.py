"""textDocument/hover: where the tokens and the money of what is pointed at go, and where the figures come from."""

from __future__ import annotations

from lsprotocol import types

from bursar.domain.text import split_lines, utf16_to_char
from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import hover
from bursar.session.cards import card_at


def register(desk: Desk) -> None:
    """Answer for parts, references and tasks; nothing elsewhere."""

    @desk.server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover_(params: types.HoverParams) -> types.Hover | None:
        snapshot = desk.session.snapshot()
        document = snapshot.documents.get(params.text_document.uri)
        if document is None:
            return None
        lines = split_lines(document.text)
        if params.position.line >= len(lines):
            return None
        at = utf16_to_char(lines[params.position.line], params.position.character)
        card = card_at(snapshot, document.uri, params.position.line, at)
        return None if card is None else hover(document, card, markdown=desk.facts.reads_markdown)
