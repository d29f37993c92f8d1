"""pygls' protocol with our own reader and document store instead of its own, and answers to what cannot be read."""

from __future__ import annotations

import contextvars
import logging
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from bursar.domain.errors import BursarError
from bursar.lsp.capabilities import slim
from bursar.lsp.channels import Greeted
from bursar.lsp.from_lsp import position_encoding
from bursar.lsp.messages import Id, Incoming

REQUEST_FAILED = -32803
INTERNAL = "Bursar failed here: its log says why. What was recorded before is kept."
_SHOWN_CHARACTERS = 200


@dataclass(slots=True)
class _Work:
    """A request that is being done."""

    cancelled: bool = False


_WORK: contextvars.ContextVar[_Work | None] = contextvars.ContextVar("work", default=None)


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
    """Takes messages that are read already, and passes documents on without keeping a second copy of each text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Apart from the client's requests, or an id of theirs could be taken for one of ours.
        self._asked: dict[str, tuple[str, Future[Any]]] = {}
        self._works: dict[Id, _Work] = {}
        self.greeted: Greeted | None = None
        """What the client was answered before this was loaded; None where nothing was, or once it is taken over."""

    # -- from the client

    def is_answering(self, id_: Id) -> bool:
        """Whether a request with this id is being done."""
        return id_ in self._works

    def was_cancelled(self) -> bool:
        """Whether the request that the caller works for was cancelled, and answered so."""
        work = _WORK.get()
        return work is not None and work.cancelled

    def answer(self, id_: Id, message: Incoming) -> None:
        """Begin a request. Raises JsonRpcException for params that are not what the protocol says."""
        kind, told = self.get_message_type(message.method), message.raw.get("params")
        if message.method == types.INITIALIZE and isinstance(told, dict) and "capabilities" in told:
            told["capabilities"] = slim(told["capabilities"])
        params: Any = self._structured(message, kind).params if kind else told
        work = self._works[id_] = _Work()
        context = contextvars.copy_context()
        context.run(_WORK.set, work)
        context.run(self._handle_request, id_, message.method, params)

    def take_notice(self, message: Incoming) -> None:
        """Handle a notification. Raises JsonRpcException for params that are not what the protocol says."""
        if message.method == types.CANCEL_REQUEST:
            self._cancel(message.raw.get("params"))
        elif message.method in self.fm.features or message.method in self.fm.builtin_features:
            kind = self.get_message_type(message.method)
            params: Any = self._structured(message, kind).params if kind else message.raw.get("params")
            # Under a key that no client can cancel: pygls makes a random one, which costs more than most changes.
            contextvars.copy_context().run(
                self._execute_handler,
                object(),
                self._get_handler(message.method),
                self._check_handler_result,
                (params,),
            )

    def take_answer(self, message: Incoming) -> None:
        """Hand an answer to whoever asked for it; one that cannot be read is an error to them, so nobody waits on."""
        asked = self._asked.pop(message.id, None) if isinstance(message.id, str) else None
        if asked is None:
            return
        method, future = asked
        if future.done():
            return
        error, kind = message.raw.get("error"), self.get_result_type(method)
        try:
            if error is not None:
                future.set_exception(_error_of(error))
            else:
                future.set_result(self._structured(message, kind).result if kind else message.raw.get("result"))
        except JsonRpcException as unreadable:
            future.set_exception(unreadable)

    def _cancel(self, params: Any) -> None:
        """Give up a request that is being done; a cancellation that crossed the answer comes too late."""
        id_ = params.get("id") if isinstance(params, dict) else None
        work = self._works.get(id_) if isinstance(id_, int | str) else None
        if id_ is not None and work is not None:
            work.cancelled = True
            self._handle_cancel_notification(id_)

    def _structured(self, message: Incoming, kind: Any) -> Any:
        try:
            return self._converter.structure(message.raw, kind)
        except Exception as error:  # noqa: BLE001 - what any converter raises for what a client may send
            what = message.method or "an answer"
            said = f"{type(error).__name__}: {error}"[:_SHOWN_CHARACTERS]
            raise JsonRpcInvalidParams(message=f"{what} is not as the protocol says: {said}") from None

    def _execute_handler(self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: Any = None) -> None:
        """Call a handler; what is kept of it to cancel it by is forgotten with its end."""
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)

        def forget(done: Any) -> None:
            if self._request_futures.get(msg_id) is done:
                del self._request_futures[msg_id]

        if future is not None:
            future.add_done_callback(forget)

    # -- to the client

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: str | int | None = None,
    ) -> Future[Any]:
        """Ask the client; the answer resolves the future."""
        key = str(uuid.uuid4())
        future = super().send_request(method, params, callback, key)
        del self._request_futures[key]
        del self._result_types[key]
        self._asked[key] = (method, future)
        future.add_done_callback(lambda _: self._asked.pop(key, None))
        return future

    def _send_response(self, msg_id: Any, result: Any | None = None, error: types.ResponseError | None = None) -> None:
        """Answer; of a bug the client is told that it was one, and the log has the rest."""
        self._works.pop(msg_id, None)
        if error is not None and error.code == JsonRpcInternalError.CODE:
            error = types.ResponseError(code=error.code, message=INTERNAL)
        greeted, self.greeted = self.greeted, None
        if greeted is not None and greeted.id == msg_id:
            # The client has its answer, and there is one answer to a request.
            ours = None if error is not None else self._converter.unstructure(result)
            if ours != greeted.result:
                logging.getLogger("bursar").error("initialize was answered with another answer than %s", ours or error)
            return
        super()._send_response(msg_id, result, error)

    # -- the methods that pygls answers itself

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer with what this server can do."""
        if params.capabilities.general is not None:
            chosen = position_encoding(params.capabilities)
            params.capabilities.general.position_encodings = [types.PositionEncodingKind(chosen)]
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """A document was opened."""
        self.fm.features[types.TEXT_DOCUMENT_DID_OPEN](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """A document was changed."""
        self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """A document was closed."""
        self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE](params)

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> Generator[Any, Any, None]:
        """The user pressed cancel on a progress report of ours."""
        yield self.fm.features[types.WINDOW_WORK_DONE_PROGRESS_CANCEL], (params,), None

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """The client wants no more answers: what is being done for it ends, what it was asked, too."""
        if (handler := self.fm.features.get(types.SHUTDOWN)) is not None:
            yield handler, args, None
        own = self.msg_id
        for id_, future in list(self._request_futures.items()):
            if id_ != own and not future.done():
                future.cancel()
        for _, asked in list(self._asked.values()):
            asked.cancel()
        self._shutdown = True


class Server(LanguageServer):
    """The language server; an error that belongs to no request is told as one sentence, its traceback is logged."""

    protocol: Protocol

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what no request can be answered with."""
        if not _is_expected(error):
            logging.getLogger("bursar").error("internal error", exc_info=error)


def _error_of(error: object) -> JsonRpcException:
    """What the client answered instead of a result."""
    told = error if isinstance(error, dict) else {}
    code, message = told.get("code"), told.get("message")
    return JsonRpcException(
        message=message if isinstance(message, str) else "the client gave no reason",
        code=code if isinstance(code, int) else JsonRpcInternalError.CODE,
    )


def _is_expected(error: BaseException | None) -> bool:
    return isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError)
