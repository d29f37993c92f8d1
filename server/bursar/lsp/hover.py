"""textDocument/hover: where the tokens and the money of what is pointed at go, and where the figures come from."""

from __future__ import annotations

from lsprotocol import types

from bursar.domain.text.blocks import NoPlace
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
        blocks, line, facts = document.blocks, params.position.line, desk.facts
        if line >= blocks.line_count:
            return None
        try:
            at = blocks.offset(line, params.position.character, facts.encoding) - blocks.line_start(line)
        except NoPlace:
            return None
        card = card_at(snapshot, document.uri, line, at)
        return None if card is None else hover(document, card, markdown=facts.reads_markdown, encoding=facts.encoding)
