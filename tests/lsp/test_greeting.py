"""The answer to ``initialize`` that is given before the server is loaded, against the one that the server computes."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from benchmarks.editor.capabilities import VSCODE as WHOLE_VSCODE
from bursar.lsp.capabilities import KEPT
from bursar.lsp.channels import Greeted
from bursar.lsp.greeting import answer
from bursar.lsp.loop import make_desk
from bursar.lsp.messages import Incoming, read_message
from bursar.wiring import App
from support.lsp_client import VSCODE

from .framing import frame
from .raw_server import Server

# What Emacs' eglot says, as far as anybody here looks at it.
EGLOT: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True},
        "codeLens": {"refreshSupport": True},
        "configuration": True,
        "workspaceFolders": True,
    },
    "textDocument": {
        "synchronization": {"dynamicRegistration": False, "willSave": True, "willSaveWaitUntil": True, "didSave": True},
        "hover": {"dynamicRegistration": False, "contentFormat": ["markdown", "plaintext"]},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}},
        "publishDiagnostics": {"relatedInformation": False, "tagSupport": {"valueSet": [1, 2]}},
    },
    "window": {"showDocument": {"support": True}, "showMessage": None, "workDoneProgress": True},
    "general": {"positionEncodings": ["utf-32", "utf-8", "utf-16"]},
    "experimental": {},
}
CLIENTS = {
    "a whole VS Code": WHOLE_VSCODE,
    "VS Code": VSCODE,
    "eglot": EGLOT,
    "UTF-8": {"general": {"positionEncodings": ["utf-8", "utf-16"]}, "textDocument": {"diagnostic": {}}},
    "asked again": {"workspace": {"diagnostics": {"refreshSupport": True}}, "textDocument": {"diagnostic": {}}},
    "unknown encodings": {"general": {"positionEncodings": ["utf-7"]}, "workspace": None},
    "nothing": {},
}


def initialize(params: Any, id_: Any = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": "initialize", "params": params}).encode()


class _Kept:
    """In the place of the pipe."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.messages.append(json.loads(data.partition(b"\r\n\r\n")[2]))


def computed(home: Path, message: bytes, greeted: Greeted | None = None) -> list[dict[str, Any]]:
    """The answers of the whole stack."""

    async def ask() -> list[dict[str, Any]]:
        desk, kept = make_desk(App(home=home, environ={}), asyncio.get_running_loop().create_future()), _Kept()
        desk.server.protocol.set_writer(kept)
        desk.server.protocol.greeted = greeted
        incoming = read_message(message)
        assert isinstance(incoming, Incoming) and incoming.id is not None
        desk.server.protocol.answer(incoming.id, incoming)
        await desk.session.close()
        return [each for each in kept.messages if "method" not in each]

    return asyncio.run(ask())


@pytest.mark.parametrize("client", CLIENTS)
def test_the_early_answer_is_the_one_that_the_server_computes(client: str, tmp_path: Path) -> None:
    params = {
        "processId": None,
        "clientInfo": {"name": client, "version": "1"},
        "rootUri": tmp_path.as_uri(),
        "capabilities": CLIENTS[client],
        "trace": "off",
        "workspaceFolders": [{"uri": tmp_path.as_uri(), "name": "work"}],
        "initializationOptions": {"trusted": True},
    }
    message = initialize(params)
    early = answer(message)
    assert early is not None
    (whole,) = computed(tmp_path, message)
    assert (whole["id"], whole["result"]) == (early.id, early.result)


def test_an_early_answer_is_not_given_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    message = initialize({"capabilities": {}})
    assert computed(tmp_path, message, answer(message)) == []
    assert not caplog.records
    # One that is wrong is not corrected, since there is one answer to a request; the log says it.
    with caplog.at_level(logging.ERROR, "bursar"):
        assert computed(tmp_path, message, Greeted(1, {"capabilities": {}})) == []
    assert "another answer" in caplog.text


def _names(fields: Any) -> st.SearchStrategy[str]:
    return st.sampled_from([*fields, "unheardOf"])


# Where a client may say something, and what it may say there: right, odd, and wrong.
_FLAGS = st.sampled_from([True, False, None])
_ODD = st.sampled_from([True, None, 0, 1.0, 1.5, "", "yes", [], ["a"], [1], [None], {}, {"support": 1}, "markdown"])
_LISTS = {
    "positionEncodings": ["utf-16", "utf-8", "utf-32", "utf-7"],
    "contentFormat": ["markdown", "plaintext"],
    "resourceOperations": ["create", "rename", "delete", "new"],
    "valueSet": [1, 2, 3, "quickfix"],
}
# What the answer depends on.
_DECIDING = (
    "general.positionEncodings",
    "textDocument.synchronization.willSave",
    "textDocument.synchronization.willSaveWaitUntil",
    "textDocument.diagnostic.dataSupport",
    "workspace.diagnostics.refreshSupport",
)


def _value_of(path: str) -> st.SearchStrategy[Any]:
    words = _LISTS.get(path.rpartition(".")[2])
    return _FLAGS if words is None else st.lists(st.sampled_from(words), max_size=3)


def _paths() -> list[str]:
    """Each field of the protocol's types that somebody here looks at, in the protocol's own names."""

    def below(path: str, kind: Any) -> list[str]:
        kind = next((each for each in getattr(kind, "__args__", ()) if each is not type(None)), kind)
        kind = getattr(types, getattr(kind, "__forward_arg__", ""), kind)
        if not attrs.has(kind):
            return [path]
        return [each for f in attrs.fields(kind) for each in below(f"{path}.{f.name}", f.type)]

    found = []
    for path in KEPT:
        kind: Any = types.ClientCapabilities
        for part in path.split("."):
            kind = next(each for each in attrs.fields(kind) if each.name == part).type
            kind = next((each for each in getattr(kind, "__args__", ()) if each is not type(None)), kind)
            kind = getattr(types, getattr(kind, "__forward_arg__", ""), kind)
        found += below(path, kind)
    return [".".join(_camel(part) for part in path.split(".")) for path in found]


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(each.title() for each in more)


PATHS = _paths()


@st.composite
def clients(draw: st.DrawFn) -> dict[str, Any]:
    """Capabilities: a few of the fields that are looked at, mostly as they should be, and at times one that is odd."""
    can: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(PATHS) | st.sampled_from(_DECIDING), max_size=8)):
        *above, last = path.split(".")
        at = can
        for part in above:
            at = at.setdefault(part, {})
        at[last] = draw(_value_of(path))
    if draw(st.booleans()):
        *above, last = draw(st.sampled_from(PATHS)).split(".")
        at = can
        for part in above[: draw(st.integers(0, len(above)))]:
            at = at.setdefault(part, {})
        at[last] = draw(_ODD)
    return can


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """The params of ``initialize``."""
    params: dict[str, Any] = {"capabilities": draw(clients())}
    for name in draw(st.lists(_names(PARAMS), max_size=3)):
        params[name] = draw(_ODD | st.sampled_from(["off", "verbose", 7, {"name": "x"}, [{"uri": "file:///a"}]]))
    params.pop("initializationOptions", None)
    return params


PARAMS = [_camel(each.name) for each in attrs.fields(types.InitializeParams)]


def test_whatever_a_client_says_an_early_answer_is_right(tmp_path: Path) -> None:
    early_answers = []

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(params=told())
    def check(params: dict[str, Any]) -> None:
        message = initialize(params, "one")
        early = answer(message)
        if early is None:
            return  # the server itself answers, or says what is wrong
        (whole,) = computed(tmp_path, message)
        assert whole.get("result") == early.result
        early_answers.append(json.dumps(early.result))

    check()
    assert len(early_answers) > 20
    assert len(set(early_answers)) > 3


def test_every_field_that_becomes_a_type_is_looked_at() -> None:
    for path in PATHS:
        *above, last = path.split(".")
        can: dict[str, Any] = {}
        at = can
        for part in above:
            at = at.setdefault(part, {})
        at[last] = {"no": "value of any field"}
        assert answer(initialize({"capabilities": can})) is None, path
    for name in set(PARAMS) - {"initializationOptions"}:
        assert answer(initialize({"capabilities": {}, name: {"no": [1.5]}})) is None or name == "capabilities", name


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        b"[]",
        b"nothing",
        b"\xff",
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": []}',
        b'{"jsonrpc": "2.0", "id": 1.0, "method": "initialize", "params": {"capabilities": {}}}',
        b'{"jsonrpc": "2.0", "id": true, "method": "initialize", "params": {"capabilities": {}}}',
        b'{"jsonrpc": "2.0", "method": "initialize", "params": {"capabilities": {}}}',
        b'{"jsonrpc": "1.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "shutdown", "params": {"capabilities": {}}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}, "x": NaN}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}, "x": '
        + b"[" * 300
        + b"]" * 300
        + b"}}",
    ],
)
def test_what_is_no_plain_initialize_is_left_to_the_server(message: bytes) -> None:
    assert answer(message) is None


def test_the_server_takes_over_after_its_greeting(tmp_path: Path) -> None:
    # All at once, and the file in the middle of it cut by the pipe: nothing is lost and nothing is answered twice.
    server = Server(tmp_path)
    try:
        text = "- [ ] 1. Begin\n" + "x" * 200_000
        uri = (tmp_path / ".kiro/specs/a/tasks.md").as_uri()
        params = {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": {}}
        opened = {"uri": uri, "languageId": "markdown", "version": 1, "text": text}
        server.send(
            {"id": 1, "method": "initialize", "params": params},
            {"method": "initialized", "params": {}},
            {"method": "textDocument/didOpen", "params": {"textDocument": opened}},
            {"id": 2, "method": "textDocument/codeLens", "params": {"textDocument": {"uri": uri}}},
            {"id": 3, "method": "shutdown"},
            {"method": "exit"},
        )
        assert server.end() == 0
    finally:
        server.close()
    assert [each["id"] for each in server.answers] == [1, 2, 3]
    assert server.answers[0]["result"] == answer(initialize(params)).result  # type: ignore[union-attr]
    assert [each["command"]["command"] for each in server.answers[1]["result"]] == ["bursar.runTask"]
    assert "another answer" not in server.stderr()


def test_what_can_be_no_path_and_no_descriptor_ends_nothing_that_was_greeted(tmp_path: Path) -> None:
    # A zero byte and a bracket where a host stands raise in what reads paths; the number is none that C knows.
    folders = [{"uri": uri, "name": "x"} for uri in ("file:///a%00b", "file://[x/y", tmp_path.as_uri())]
    uri = (tmp_path / ".kiro/specs/a/tasks.md").as_uri()
    opened = {"uri": uri, "languageId": "markdown", "version": 1, "text": "- [ ] 1. Begin\n"}
    params = {"capabilities": {}, "workspaceFolders": folders, "initializationOptions": {"keysFd": 2**70}}
    server = Server(tmp_path)
    try:
        server.send(
            {"id": 1, "method": "initialize", "params": params},
            {"method": "initialized", "params": {}},
            {"method": "textDocument/didOpen", "params": {"textDocument": {**opened, "uri": "file:///%00/tasks.md"}}},
            {"method": "textDocument/didOpen", "params": {"textDocument": opened}},
            {"id": 2, "method": "textDocument/codeLens", "params": {"textDocument": {"uri": uri}}},
        )
        # The keys that cannot be read are told.
        server.until(lambda: server.told["window/showMessage"] and len(server.answers) == 2)
        server.send({"id": 3, "method": "shutdown"}, {"method": "exit"})
        assert server.end() == 0
    finally:
        server.close()
    assert [each["id"] for each in server.answers] == [1, 2, 3]
    assert [each["command"]["command"] for each in server.answers[1]["result"]] == ["bursar.runTask"]
    assert not server.stderr()


def test_a_wrong_frame_before_the_greeting_ends_the_server_as_ever(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        server.write(frame(b"{}") + b"Content-Length: x\r\n\r\n")
        assert server.end() == 2
    finally:
        server.close()
    assert "cannot be told apart" in server.stderr()
