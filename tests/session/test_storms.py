"""How often a text is counted and read while its changes come faster than they are handled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from lsprotocol import types

from bursar.domain.text.blocks import Change
from bursar.domain.text.counts import is_counted
from bursar.lsp import code_lens, diagnostic, documents, inlay_hint
from bursar.lsp.connection import Connection
from bursar.lsp.converter import make_converter
from bursar.lsp.desk import Desk
from bursar.lsp.editor import LspEditor
from bursar.lsp.protocol import Protocol, Server
from bursar.session.model import ENCODING, Changed, Closed, Edited, Trusted
from bursar.session.session import Session
from bursar.session.shown import annotations_of
from bursar.tokens import TiktokenCounter
from bursar.views.annotations import Annotations

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


NOTES = "untitled:notes"
"""A document that nothing is shown on, so nothing but its changes is counted."""


async def encodings(office: Office, *, at_once: bool) -> int:
    """How often something is counted for changes of one place, which arrive at once or one after the other."""
    counter = Counted()
    counter.load(ENCODING)
    office.adapters.counter = lambda: counter  # type: ignore[method-assign]
    _, session = office.second_window()
    line = Line(session, office)
    item = {"uri": NOTES, "languageId": "markdown", "version": 0, "text": TEXT}
    line.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
    await line.until(session, NOTES, 0)
    await session.analyst.tokens(session.snapshot().documents[NOTES])
    counter.asked.clear()
    changes = [changed(NOTES, 1 + n, 5) for n in range(CHANGES)]
    if at_once:
        line.send(*changes)
        await line.until(session, NOTES, CHANGES)
    for number, each in enumerate(() if at_once else changes):
        line.send(each)
        await line.until(session, NOTES, number + 1)
    blocks = session.snapshot().documents[NOTES].blocks
    assert is_counted(blocks, ENCODING)
    assert not line.desk.changes_waiting
    await session.close()
    return len(counter.asked)


async def test_of_changes_that_wait_together_the_last_text_alone_is_counted(office: Office) -> None:
    assert await encodings(office, at_once=True) <= 2


async def test_a_change_that_nothing_newer_waits_behind_is_counted_at_once(office: Office) -> None:
    assert await encodings(office, at_once=False) >= CHANGES


def sizes(office: Office) -> dict[int, str]:
    return {each.line: each.label for each in office.session.annotations(office.uri).hints}


def titles(office: Office) -> dict[int, str]:
    return {each.line: each.title for each in office.session.annotations(office.uri).lenses}


def typed(office: Office, version: int, line: int, text: str) -> None:
    change = Change(span=((line, 0), (line, 0)), text=text)
    office.session.apply(Edited(uri=office.uri, version=version, changes=(change,), encoding="utf-16"))


async def counted(office: Office, version: int) -> None:
    def is_counted() -> bool:
        known = office.session.snapshot().analyses.get(office.uri)
        return known is not None and known.version == version

    await office.window.until(is_counted)


async def test_what_is_shown_is_made_once_however_often_and_in_however_many_ways_it_is_asked_for(
    office: Office,
) -> None:
    line = Line(office.session, office)
    for family in (code_lens, inlay_hint):
        family.register(line.desk)
    diagnostic.register_pull(line.desk, office.adapters)
    features = line.desk.server.protocol.fm.features
    office.open()
    await counted(office, 1)
    document = types.TextDocumentIdentifier(uri=office.uri)
    everything = types.Range(start=types.Position(line=0, character=0), end=types.Position(line=9, character=0))
    params = {
        types.TEXT_DOCUMENT_CODE_LENS: types.CodeLensParams(text_document=document),
        types.TEXT_DOCUMENT_INLAY_HINT: types.InlayHintParams(text_document=document, range=everything),
        types.TEXT_DOCUMENT_DIAGNOSTIC: types.DocumentDiagnosticParams(text_document=document),
    }

    def look() -> int:
        """How often it is made when each is asked for four times, in one turn of the loop."""
        made = office.session.shown.made
        for _ in range(4):
            for method, each in params.items():
                features[method](each)
        return office.session.shown.made - made

    look()
    assert look() == 0
    typed(office, 2, 0, "Words above all\n")
    assert look() == 1, "at the places of the new text"
    assert look() == 0
    await counted(office, 2)
    assert look() == 1, "and with its own figures"
    assert look() == 0
    office.session.analyst.toggle_small_hints()
    assert look() == 1


async def test_what_is_kept_is_what_would_be_made_now(office: Office) -> None:
    office.open()

    def same() -> bool:
        return office.session.annotations(office.uri) == annotations_of(office.session.snapshot(), office.uri)

    await counted(office, 1)
    assert same()
    for version in range(2, 5):
        typed(office, version, 0, f"Words of version {version}\n")
        assert same()
    await counted(office, 4)
    assert same()
    assert office.session.analyst.toggle_small_hints()
    assert same() and sizes(office)
    await office.session.set_budget("run", "$0.000001")
    await office.window.until(lambda: office.session.snapshot().left_pico is not None)
    assert same()
    office.session.apply(Trusted(trusted=False))
    assert same()
    office.session.apply(Closed(uri=office.uri))
    assert same() and office.session.annotations(office.uri) == Annotations()


async def test_sizes_between_two_edits_far_apart_stay_until_they_are_counted_again(office: Office) -> None:
    parts = [f"- [ ] {n}. Task {n}\n" + f"  Do {n} as agreed.\n" * 80 for n in range(12)]
    office.open("# Plan\n\n" + "".join(parts))
    await counted(office, 1)
    before, lenses = sizes(office), titles(office)
    assert len(before) > 10 and len(lenses) == 12
    tops = [2 + 81 * n for n in range(12)]
    typed(office, 2, 2 + 81 * 11 + 3, "- and more\n")
    typed(office, 3, 3, "- and more\n- than before\n")
    now = sizes(office)
    assert {line: now[line + 2] for line in tops[1:11]} == {line: before[line] for line in tops[1:11]}
    shown = titles(office)
    assert {line: shown[line + 2] for line in tops[1:]} == {line: lenses[line] for line in tops[1:]}


async def test_tasks_of_a_long_file_are_those_of_the_last_reading_and_a_short_one_is_read_at_once(
    office: Office,
) -> None:
    office.open("# Plan\n\n- [ ] 1. One\n- [ ] 2. Two\n")
    await counted(office, 1)
    typed(office, 2, 2, "- [ ] 0. New\n")
    assert {2, 3, 4} <= set(titles(office))
    await counted(office, 2)
    office.session.apply(
        Changed(uri=office.uri, version=3, text="# Plan\n\n" + "".join(f"- [ ] {n}. Task {n}\n" for n in range(450)))
    )
    await counted(office, 3)
    typed(office, 4, 2, "- [ ] 0. New\n")
    lines = set(titles(office))
    assert 2 not in lines and set(range(3, 453)) <= lines
    await counted(office, 4)
    assert set(range(2, 453)) <= set(titles(office))


async def test_a_long_file_is_read_when_it_is_opened_and_not_at_each_look_before_it_is_counted(office: Office) -> None:
    office.open("# Plan\n\n" + "".join(f"- [ ] {n}. Task {n} of many\n" for n in range(400)))
    typed(office, 2, 2, "- [ ] 0. New\n- [ ] 0.1 Newer\n")
    typed(office, 3, 300, "- [ ] 0.2 Newest\n")
    assert office.uri not in office.session.snapshot().analyses
    assert set(titles(office)) == set(range(4, 405)) - {300}
