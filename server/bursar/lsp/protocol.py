"""pygls' protocol with our own document store instead of its own, one position encoding, and an orderly end."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from bursar.domain.errors import BursarError

REQUEST_FAILED = -32803


class RequestFailed(JsonRpcException):
    """A request that was understood and could not be done; the message is the sentence for the user."""

    CODE = REQUEST_FAILED


def failed(error: BursarError) -> RequestFailed:
    """The answer to a request that a user can be told about in one sentence."""
    return RequestFailed(message=str(error))


class ExpectedFailures(logging.Filter):
    """Keeps answers that are no bugs of ours out of the log: refusals, and requests that make no sense."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is worth a line."""
        return not (record.exc_info and _is_expected(record.exc_info[1]))


class Protocol(LanguageServerProtocol):
    """Passes document messages on without keeping a second copy of each text."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer with what this server can do; positions are in UTF-16, which every client speaks."""
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = [types.PositionEncodingKind.Utf16]
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Generator[Any, Any, None]:
        """A document was opened."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        """A document was changed."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Generator[Any, Any, None]:
        """A document was closed."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> Generator[Any, Any, None]:
        """The user pressed cancel on a progress report of ours."""
        yield self.fm.features[types.WINDOW_WORK_DONE_PROGRESS_CANCEL], (params,), None

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        """The end: code 0 after ``shutdown``, else 1."""
        yield self.fm.features[types.EXIT], (0 if self._shutdown else 1,), None


class Server(LanguageServer):
    """The language server; an error that belongs to no request is told as one sentence, its traceback is logged."""

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what no request can be answered with."""
        if not _is_expected(error):
            logging.getLogger("bursar").error("internal error", exc_info=error)


def _is_expected(error: BaseException | None) -> bool:
    return isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError)
