"""textDocument/codeLens: whole lenses, titles and commands prepared."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import code_lenses


def register(desk: Desk) -> None:
    """Answer with the lenses of the newest text."""

    @desk.server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        return code_lenses(desk.session.annotations(params.text_document.uri))
