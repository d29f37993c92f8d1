"""The language server on stdin and stdout, from the first byte to the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

from bursar import VERSION
from bursar.domain.errors import BursarError
from bursar.lsp import (
    additions,
    code_action,
    code_lens,
    commands,
    context,
    documents,
    hover,
    inlay_hint,
    lifecycle,
    report,
)
from bursar.lsp.channels import Channels
from bursar.lsp.connection import Connection
from bursar.lsp.converter import make_converter
from bursar.lsp.desk import Desk
from bursar.lsp.editor import LspEditor
from bursar.lsp.protocol import ExpectedFailures, Protocol, Server
from bursar.lsp.stdio import Writer, read_frames
from bursar.session.session import Session
from bursar.wiring import App, workspace_root

_CLOSING_S = 2.0


def run(app: App, channels: Channels) -> int:
    """Speak the protocol until the client is gone; never returns, since threads may wait for what never comes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="bursar: %(levelname)s: %(message)s")
    logging.getLogger("pygls.protocol.json_rpc").addFilter(ExpectedFailures())
    return asyncio.run(_serve(app, channels))


def make_desk(app: App, ended: asyncio.Future[int]) -> Desk:
    """A server that answers everything, with a session of its own; on the running loop."""
    server = Server(name="bursar", version=VERSION, protocol_cls=Protocol, converter_factory=make_converter)
    editor = LspEditor(server, app.clock)
    session = Session(adapters=app, editor=editor, root_of=workspace_root)
    desk = Desk(server=server, session=session, editor=editor, ended=ended)
    lifecycle.register(desk, app)
    report.register(desk, app)
    code_action.register(desk, app)
    for family in (documents, code_lens, hover, inlay_hint, commands, context, additions):
        family.register(desk)
    return desk


async def _serve(app: App, channels: Channels) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    desk = make_desk(app, ended)
    server, session = desk.server, desk.session

    def gone() -> None:
        if not ended.done():
            ended.set_result(1)

    writer = Writer(channels.write, gone)
    server.protocol.set_writer(writer)
    server.protocol.greeted = channels.greeted
    if channels.unwritten:
        writer.write(channels.unwritten)
    read_frames(channels, Connection(desk, channels.answered).intake)
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, gone)
    code = await ended
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(session.close(), _CLOSING_S)
    # In order: after any other end the next start looks through the whole store.
    with contextlib.suppress(TimeoutError, BursarError):
        await asyncio.wait_for(asyncio.to_thread(app.close), _CLOSING_S)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(writer.flushed(), _CLOSING_S)
    # The thread that reads stdin, and one that counts tokens, would be waited for in vain.
    sys.stderr.flush()
    os._exit(code)
