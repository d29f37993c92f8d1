"""A server on pygls that does nothing: it keeps the documents as pygls does and has an empty answer for everything.

Run by its path, with the interpreter of the peers' environment. What any pygls server pays at least.
"""

from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("nothing", "1")


@server.feature(types.TEXT_DOCUMENT_CODE_LENS)
def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
    """No lenses."""
    return []


@server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
    """No hints."""
    return []


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> None:
    """No hover."""


@server.feature("bursar/documentTokens")
def document_tokens(params: Any) -> dict[str, int]:
    """No count."""
    return {}


if __name__ == "__main__":
    server.start_io()
