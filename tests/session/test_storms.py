"""How often a text is counted and read while its changes come faster than they are handled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bursar.lsp import documents
from bursar.lsp.connection import Connection
from bursar.lsp.converter import make_converter
from bursar.lsp.desk import Desk
from bursar.lsp.editor import LspEditor
from bursar.lsp.protocol import Protocol, Server
from bursar.session.model import ENCODING
from bursar.session.session import Session
from bursar.tokens import TiktokenCounter

from .conftest import Office

TEXT = "# Plan\n\n" + "".join(f"- [ ] {n}. Do the thing number {n} as well as it goes\n" for n in range(200))
CHANGES = 300


class Counted(TiktokenCounter):
    """The real counter, which remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def count(self, text: str, /, *, encoding: str = ENCODING) -> int:
        self.asked.append(text)
        return super().count(text, encoding=encoding)


class Told:
    """What is written to the client."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.written.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        """Nothing to close."""


class Line:
    """A connection of the real protocol to a session, without a process between them."""

    def __init__(self, session: Session, office: Office) -> None:
        self.client = Told()
        server = Server(name="bursar", version="0", protocol_cls=Protocol, converter_factory=make_converter)
        server.protocol.set_writer(self.client)
        ended = asyncio.get_running_loop().create_future()
        self.desk = Desk(server=server, session=session, editor=LspEditor(server, office.shop.clock), ended=ended)
        documents.register(self.desk)
        self.connection = Connection(self.desk)
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        self.send({"id": 0, "method": "initialize", "params": params})

    def send(self, *messages: dict[str, Any]) -> None:
        """All of them arrive at once."""
        self.connection.intake.put([json.dumps({"jsonrpc": "2.0", **each}).encode() for each in messages])

    async def until(self, session: Session, uri: str, version: int) -> None:
        """Wait until this version is the session's."""
        async with asyncio.timeout(120):
            while (known := session.snapshot().documents.get(uri)) is None or known.version != version:
                await asyncio.sleep(0.001)


def changed(uri: str, version: int, line: int) -> dict[str, Any]:
    at = {"line": line, "character": 0}
    change = {"range": {"start": at, "end": at}, "text": "- "}
    told = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
    return {"method": "textDocument/didChange", "params": told}


async def encodings(office: Office, *, at_once: bool) -> list[str]:
    """What is counted inline for changes of one place, which arrive at once or one after the other."""
    counter = Counted()
    counter.load(ENCODING)
    office.adapters.counter = lambda: counter  # type: ignore[method-assign]
    _, session = office.second_window()
    line = Line(session, office)
    item = {"uri": office.uri, "languageId": "markdown", "version": 0, "text": TEXT}
    line.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
    await line.until(session, office.uri, 0)
    await session.analyst.tokens(session.snapshot().documents[office.uri])
    counter.asked.clear()
    changes = [changed(office.uri, 1 + n, 5) for n in range(CHANGES)]
    if at_once:
        line.send(*changes)
        await line.until(session, office.uri, CHANGES)
    for number, each in enumerate(() if at_once else changes):
        line.send(each)
        await line.until(session, office.uri, number + 1)
    blocks = {block.text for row in session.snapshot().documents[office.uri].blocks.rows for block in row.blocks}
    assert all(block.counts for row in session.snapshot().documents[office.uri].blocks.rows for block in row.blocks)
    assert not line.desk.changes_waiting
    await session.close()
    assert counter.asked[-1] in blocks or not at_once
    return [each for each in counter.asked if each.startswith(TEXT[:6])]


async def test_of_changes_that_wait_together_the_last_text_alone_is_counted(office: Office) -> None:
    assert len(await encodings(office, at_once=True)) == 1


async def test_a_change_that_nothing_newer_waits_behind_is_counted_at_once(office: Office) -> None:
    assert len(await encodings(office, at_once=False)) >= CHANGES
