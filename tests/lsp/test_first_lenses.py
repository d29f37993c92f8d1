"""The lenses that are shown before the server is loaded, against those that the server itself shows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.moments import Here
from bursar.domain.specs import decode_spec
from bursar.lsp.channels import Channels
from bursar.lsp.converter import make_converter
from bursar.lsp.first_lenses import answer_first_lenses, lens_json, lenses_of
from bursar.lsp.greeting import answer
from bursar.lsp.to_lsp import code_lenses
from bursar.session.analysis import describe
from bursar.session.model import Snapshot
from bursar.session.money import default_settings
from bursar.session.shown import annotations_of
from bursar.system.roots import workspace_root
from bursar.views.annotations import Annotations, Lens

from .framing import frame
from .raw_server import Server

CORPUS = Path(__file__).parents[1] / "fixtures" / "corpus"
FILES = sorted(CORPUS.rglob("tasks.md"))
CAN = {"workspace": {"codeLens": {"refreshSupport": True}}}
TASKS = "# Plan\n\n- [ ] 1. Begin\n- [x] 2. Was done\n- [ ] 3. Both\n  - [ ] 3.1 One\n  - [ ] 3.2 Other\n"
PLACE = ".kiro/specs/a/tasks.md"
LENSES = "textDocument/codeLens"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_they_are_those_of_the_session(path: Path) -> None:
    text, uri, folders = decode_spec(path.read_bytes()), path.as_uri(), (str(path.parent),)
    document = describe(uri=uri, path=str(path), version=1, text=text, folders=folders, root_of=workspace_root)
    snapshot = Snapshot(
        documents={uri: document},
        analyses={},
        runs={},
        mine=frozenset(),
        trusted=True,
        settings=default_settings(),
        left_pico=None,
        meter=None,
        here=Here(zone=UTC, day="2026-11-21"),
    )
    shown = annotations_of(snapshot, uri)
    early = lenses_of(uri, text, folders=folders, settings=default_settings())
    assert early == (shown.lenses if document.kind == "tasks" else None)
    told = make_converter().unstructure(code_lenses(shown))
    assert [lens_json(each) for each in early or ()] == told


def test_a_lens_is_told_as_the_server_tells_it() -> None:
    lenses = (
        Lens(line=3, title="Run", command="bursar.runTask", arguments=({"line": 3, "title": "é"},), tooltip="Why"),
        Lens(line=4, title="only told"),
    )
    told = make_converter().unstructure(code_lenses(Annotations(lenses=lenses)))
    assert [lens_json(each) for each in lenses] == told


class Pipes:
    """A client that has said something already, and what it was answered."""

    def __init__(self, home: Path, can: dict[str, Any] = CAN, options: Any = None) -> None:
        self.home = home
        self.uri = (home / PLACE).as_uri()
        self.said, self.heard = os.pipe(), os.pipe()
        self.channels = Channels(read=self.said[0], write=self.heard[1])
        params = {"capabilities": can, "rootUri": home.as_uri(), "initializationOptions": options}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        self.channels.greeted = answer(json.dumps(message).encode())
        self.channels.begun = frame(json.dumps(message).encode())

    def opened(self, text: str = TASKS, **more: Any) -> dict[str, Any]:
        document = {"uri": self.uri, "languageId": "markdown", "version": 1, "text": text, **more}
        return {"method": "textDocument/didOpen", "params": {"textDocument": document}}

    def lenses(self, id_: Any = 1, **more: Any) -> dict[str, Any]:
        return {"id": id_, "method": LENSES, "params": {"textDocument": {"uri": self.uri}, **more}}

    def answers(self, *messages: dict[str, Any]) -> dict[Any, Any]:
        """The early answers to these messages, by id."""
        for each in messages:
            os.write(self.said[1], frame(json.dumps({"jsonrpc": "2.0", **each}).encode()))
        answer_first_lenses(self.channels, {"BURSAR_HOME": str(self.home / "state")})
        os.close(self.heard[1])
        with os.fdopen(self.heard[0], "rb") as heard:
            found = {}
            while head := heard.readline():
                heard.readline()
                told = json.loads(heard.read(int(head.split()[1])))
                found[told["id"]] = told["result"]
        assert found.keys() == self.channels.answered
        return found

    def close(self) -> None:
        os.close(self.said[0])
        os.close(self.said[1])


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[Pipes]:
    made = Pipes(tmp_path)
    yield made
    made.close()


def test_all_that_was_asked_meanwhile_is_answered(pipes: Pipes) -> None:
    answers = pipes.answers(
        {"method": "initialized", "params": {}},
        pipes.opened(),
        {"id": 7, "method": "textDocument/inlayHint", "params": {"textDocument": {"uri": pipes.uri}}},
        pipes.lenses("a"),
        pipes.lenses(2),
    )
    assert answers.keys() == {"a", 2}
    assert answers["a"] == answers[2]
    assert [each["range"]["start"]["line"] for each in answers[2]] == [2, 4, 5, 6]


def test_what_the_client_takes_late_is_kept_for_it(pipes: Pipes) -> None:
    # More lenses than a pipe holds, and nobody who reads.
    text = "".join(f"- [ ] {n}. {'x' * 150}\n" for n in range(1, 250))
    pipes.channels.begun += frame(json.dumps({"jsonrpc": "2.0", **pipes.opened(text)}).encode())
    os.write(pipes.said[1], frame(json.dumps({"jsonrpc": "2.0", **pipes.lenses()}).encode()))
    answer_first_lenses(pipes.channels, {"BURSAR_HOME": str(pipes.home)})
    assert pipes.channels.unwritten
    os.close(pipes.heard[1])
    with os.fdopen(pipes.heard[0], "rb") as heard:
        whole = heard.read() + pipes.channels.unwritten
    head, _, body = whole.partition(b"\r\n\r\n")
    assert len(body) == int(head.split()[1])
    assert len(json.loads(body)["result"]) == 249


def test_what_comes_between_and_might_matter_is_minded(pipes: Pipes) -> None:
    change = {"textDocument": {"uri": pipes.uri, "version": 2}, "contentChanges": [{"text": "none"}]}
    assert not pipes.answers(
        pipes.opened(), {"method": "textDocument/didChange", "params": change}, pipes.lenses(), pipes.lenses(2)
    )


@pytest.mark.parametrize(
    "case",
    [
        *("cancelled", "not opened", "opened twice", "no tasks", "no text", "long", "same id", "with a token"),
        *("other file", "no file", "odd path", "shut down", "told of settings", "greeted id"),
    ],
)
def test_the_rest_is_left_to_the_server(pipes: Pipes, case: str) -> None:
    opened, asked, uri = pipes.opened(), pipes.lenses(), pipes.uri
    hint = {"id": 1, "method": "textDocument/inlayHint", "params": {"textDocument": {"uri": uri}}}
    messages = {
        "cancelled": [opened, asked, {"method": "$/cancelRequest", "params": {"id": 1}}],
        "not opened": [asked],
        "opened twice": [opened, pipes.opened("- [ ] 1. Other\n"), asked],
        "no tasks": [pipes.opened("# Plan\n"), asked],
        "no text": [pipes.opened(text=7), asked],  # type: ignore[arg-type]
        "long": [pipes.opened(TASKS + "x" * 60_000), asked],
        "same id": [opened, hint, asked],
        "greeted id": [opened, pipes.lenses(0)],
        "with a token": [opened, pipes.lenses(workDoneToken="t")],
        "shut down": [opened, {"id": 9, "method": "shutdown"}, asked],
        "told of settings": [opened, {"method": "workspace/didChangeConfiguration", "params": {}}, asked],
    }
    if case not in messages:
        pipes.uri = {"other file": "file:///a/CLAUDE.md", "no file": "untitled:tasks.md", "odd path": "file:///%00"}[
            case
        ]
        messages[case] = [pipes.opened(), pipes.lenses()]
    assert not pipes.answers(*messages[case])


@pytest.mark.parametrize("case", ["cannot be told again", "settings are wrong", "settings say so"])
def test_a_client_that_needs_the_server_waits_for_it(tmp_path: Path, case: str) -> None:
    options = {
        "settings are wrong": {"settings": {"model": 7}},
        "settings say so": {"settings": {"files": {"exclude": ["**/tasks.md"]}}},
    }
    pipes = Pipes(tmp_path, {} if case == "cannot be told again" else CAN, options.get(case))
    assert not pipes.answers(pipes.opened(), pipes.lenses())
    pipes.close()


# Tells on stderr what is loaded when each answer is about to be written.
PROBE = """
import os, sys
write = os.write
def told(descriptor, data):
    if bytes(data[:14]) == b"Content-Length":
        write(2, ("LOADED " + " ".join(sorted(sys.modules)) + "\\n").encode())
    return write(descriptor, data)
os.write = told
sys.argv = ["bursar", "serve"]
from bursar.__main__ import main
main()
"""


def test_a_very_large_first_message_is_left_to_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path, argv=(sys.executable, "-c", PROBE))
    try:
        options = {"filling": "x" * 8_000_000}
        server.ask(1, "initialize", {"processId": None, "capabilities": {}, "initializationOptions": options})
        server.ask(2, "shutdown")
        server.send({"method": "exit"})
        assert server.end() == 0
    finally:
        server.close()
    assert [each["id"] for each in server.answers] == [1, 2]
    first = next(line.split() for line in server.stderr().splitlines() if line.startswith("LOADED "))
    assert "lsprotocol" in first, "read to its end before anything else was loaded"


def test_the_server_goes_on_where_they_end(tmp_path: Path) -> None:
    uri = (tmp_path / PLACE).as_uri()
    results, loaded = [], []
    for name, early in (("early", "1"), ("plain", "0")):
        (tmp_path / name).mkdir()
        server = Server(tmp_path / name, argv=(sys.executable, "-c", PROBE), environ={"BURSAR_LAZY_TYPES": early})
        try:
            params = {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": CAN}
            opened = {"uri": uri, "languageId": "markdown", "version": 1, "text": TASKS}
            asked = {"textDocument": {"uri": uri}}
            # In one write, so that it is all there when the first of it is read.
            server.send(
                {"id": 1, "method": "initialize", "params": params},
                {"method": "initialized", "params": {}},
                {"method": "textDocument/didOpen", "params": {"textDocument": opened}},
                {"id": 2, "method": LENSES, "params": asked},
            )
            server.until(lambda server=server: len(server.answers) == 2)
            # What was counted then is told by asking the client to ask again.
            server.until(lambda server=server: server.told["workspace/codeLens/refresh"])
            again = server.ask(3, LENSES, asked)["result"]
            server.send({"id": 4, "method": "shutdown"}, {"method": "exit"})
            assert server.end() == 0
            assert "Run" in again[0]["command"]["title"]
            results.append([each.get("result") for each in server.answers[:2]])
            assert [each["id"] for each in server.answers] == [1, 2, 3, 4]
            loaded.append([line.split() for line in server.stderr().splitlines() if line.startswith("LOADED ")])
            assert "another answer" not in server.stderr()
        finally:
            server.close()
    assert results[0] == results[1]
    early_modules = {each.partition(".")[0] for each in loaded[0][1]}
    assert not early_modules & {"asyncio", "lsprotocol", "attrs", "cattrs", "apsw", "httpx", "logging.config"}
    ours = [each for each in loaded[0][1] if each.startswith("bursar")]
    assert len(ours) < 100, len(ours)
    assert "lsprotocol" in {each.partition(".")[0] for each in loaded[1][1]}
