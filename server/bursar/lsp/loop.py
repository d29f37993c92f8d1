"""The language server on stdin and stdout, from the first byte to the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from importlib.metadata import version

from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidRequest, JsonRpcParseError
from pygls.protocol import default_converter

from bursar.domain.errors import BursarError
from bursar.lsp import additions, code_lens, commands, documents, hover, inlay_hint, lifecycle, report
from bursar.lsp.desk import Desk
from bursar.lsp.editor import LspEditor
from bursar.lsp.protocol import ExpectedFailures, Protocol, Server
from bursar.lsp.stdio import Channels, Writer, read_frames, take_channels
from bursar.session.session import Session
from bursar.wiring import App, workspace_root

_CLOSING_S = 2.0
_NOT_INITIALIZED = -32002
_log = logging.getLogger("bursar")


def run(app: App) -> int:
    """Speak the protocol until the client is gone; never returns, since threads may wait for what never comes."""
    channels = take_channels()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="bursar: %(levelname)s: %(message)s")
    logging.getLogger("pygls.protocol.json_rpc").addFilter(ExpectedFailures())
    return asyncio.run(_serve(app, channels))


async def _serve(app: App, channels: Channels) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    server = Server(
        name="bursar", version=version("bursar"), protocol_cls=Protocol, converter_factory=default_converter
    )
    editor = LspEditor(server)
    session = Session(adapters=app, editor=editor, root_of=workspace_root)
    desk = Desk(server=server, session=session, editor=editor, ended=ended)
    lifecycle.register(desk, app)
    report.register(desk, app)
    for family in (documents, code_lens, hover, inlay_hint, commands, additions):
        family.register(desk)

    def gone() -> None:
        if not ended.done():
            ended.set_result(1)

    server.protocol.set_writer(Writer(channels.write, gone))
    connection = _Connection(desk)
    read_frames(channels.read, loop, connection.take)
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, gone)
    code = await ended
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(session.close(), _CLOSING_S)
    # In order: after any other end the next start looks through the whole store.
    with contextlib.suppress(TimeoutError, BursarError):
        await asyncio.wait_for(asyncio.to_thread(app.close), _CLOSING_S)
    # The thread that reads stdin, and one that counts tokens, would be waited for in vain.
    sys.stderr.flush()
    os._exit(code)


class _Connection:
    """Takes one message after the other; what is no message, or comes out of its time, is answered here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._initialized = False
        self._shut_down = False

    def take(self, frame: bytes | None) -> None:
        """Handle one message; None is the end."""
        if frame is None:
            if not self._desk.ended.done():
                self._desk.ended.set_result(0 if self._shut_down else 1)
            return
        try:
            raw = json.loads(frame)
        except ValueError:
            self._answer(None, JsonRpcParseError(message="This is not JSON."))
            return
        if not isinstance(raw, dict) or raw.get("jsonrpc") != "2.0":
            self._answer(None, JsonRpcInvalidRequest(message="This is not a message of JSON-RPC 2.0."))
            return
        method, id_ = raw.get("method"), raw.get("id")
        if self._is_out_of_time(method, id_):
            return
        self._handle(raw, id_ if method is not None else None)

    def _is_out_of_time(self, method: object, id_: object) -> bool:
        if method == "exit":
            return False
        if self._shut_down and method is not None:
            if id_ is not None:
                self._answer(id_, JsonRpcInvalidRequest(message="The server is shutting down."))
            return True
        if not self._initialized and method != "initialize":
            if id_ is not None:
                self._answer(id_, JsonRpcException(message="Send 'initialize' first.", code=_NOT_INITIALIZED))
            return True
        self._initialized = True
        self._shut_down = self._shut_down or method == "shutdown"
        return False

    def _handle(self, raw: dict[str, object], id_: object) -> None:
        protocol = self._desk.server.protocol
        try:
            protocol.handle_message(protocol.structure_message(raw))
        except JsonRpcException as error:
            if id_ is not None:
                self._answer(id_, error)
        except Exception:  # noqa: BLE001 - the one catch at the edge: a bug ends one message, not the session
            _log.exception("a message could not be handled")
            if id_ is not None:
                self._answer(id_, JsonRpcInternalError(message="Bursar failed here; its log says more."))

    def _answer(self, id_: object, error: JsonRpcException) -> None:
        body = {"jsonrpc": "2.0", "id": id_, "error": {"code": error.code, "message": str(error)}}
        data = json.dumps(body).encode()
        writer = self._desk.server.protocol.writer
        if writer is not None:
            writer.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
