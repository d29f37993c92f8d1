"""Bytes that no good editor sends: the reader alone, and a real server that must answer the next question or end."""

from __future__ import annotations

import contextlib
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bursar.lsp.frames import FrameError, Frames
from bursar.lsp.messages import Incoming, Unreadable, read_message
from bursar.lsp.stdio import BROKEN_FRAMES

from .frames import PROBE, PROBE_TEXT, PROBE_TOKENS, check_server
from .framing import Difference, check_streams, cut, frame
from .raw_server import Server

BODY = b'{"jsonrpc":"2.0"}'
LOST = {
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a huge length": b"Content-Length: 1000000000000\r\n\r\n",
    "a length of thousands of digits": b"Content-Length: " + b"9" * 6_000 + b"\r\n\r\n",
    "no number": b"Content-Length: 1e3\r\n\r\n",
    "an empty length": b"Content-Length:\r\n\r\n",
    "two lengths": b"Content-Length: 17\r\nContent-Length: 2\r\n\r\n" + BODY,
    "the same length twice": b"Content-Length: 17\r\nContent-Length: 17\r\n\r\n" + BODY,
    "a header that ends with LF": b"Content-Length: 17\n\n" + BODY,
    "a header that ends with CR": b"Content-Length: 17\r\r" + BODY + b"\n",
    "no length": b"Content-Type: x\r\n\r\n" + BODY,
    "no header": BODY + b"\r\n",
    "a folded header": b"Content-Length: 17\r\n more\r\n\r\n" + BODY,
    "a header without end": b"X" * 9_000,
    "many headers without end": b"X: y\r\n" * 2_000,
    "a length in characters": frame("{🦀}".encode()).replace(b"6", b"3") + frame(BODY),
}


@pytest.mark.parametrize("name", LOST)
def test_framing_that_is_lost_is_said_at_once_and_what_came_before_is_kept(name: str) -> None:
    for pieces in ([frame(b"{}") + LOST[name]], [bytes([each]) for each in frame(b"{}") + LOST[name]]):
        frames, found = Frames(), list[bytes]()
        with pytest.raises(FrameError) as told:
            for each in pieces:
                frames.feed_into(each, found)
        assert found[0] == b"{}"
        assert len(str(told.value)) < 200
        assert "\n" not in str(told.value)


def test_a_header_may_be_written_as_the_protocol_allows() -> None:
    for header in (
        b"content-length:17",
        b"CONTENT-LENGTH : \t17\t ",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 0000000000000017",
        b"Content-Length: 17\r\nX-More: " + b"y" * 7_000,
    ):
        assert Frames().feed(header + b"\r\n\r\n" + BODY + frame(b"")) == [BODY, b""]


@pytest.mark.parametrize("cut_at", [1, 15, 21, 22, 24, 38])
def test_an_end_in_the_middle_is_told_from_an_end(cut_at: int) -> None:
    frames = Frames()
    assert frames.feed(frame(BODY)) == [BODY]
    frames.end()
    frames.feed(frame(BODY)[:cut_at])
    with pytest.raises(FrameError, match="it ended"):
        frames.end()


def test_no_memory_is_taken_for_a_length() -> None:
    tracemalloc.start()
    try:
        assert Frames().feed(b"Content-Length: 268435456\r\n\r\n{") == []
        with pytest.raises(FrameError, match="268435457"):
            Frames().feed(b"Content-Length: 268435457\r\n\r\n{")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


REFUSED: dict[str, tuple[bytes, object, int]] = {
    "nothing": (b"", None, -32700),
    "no JSON": (b"{]}", None, -32700),
    "cut short": (b'{"jsonrpc":"2.0","id":1,"method":"textDocument/hover"', None, -32700),
    "not UTF-8": (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', None, -32700),
    "a surrogate in UTF-8": (b'{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}', None, -32700),
    "UTF-16": ('{"jsonrpc":"2.0","id":1,"method":"x"}'.encode("utf-16"), None, -32700),
    "100,000 deep": (b"[" * 100_000, None, -32700),
    "50,000 objects deep": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, None, -32700),
    "300 deep": (b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 300 + b"]" * 300 + b"}", None, -32700),
    "NaN as id": (b'{"jsonrpc":"2.0","id":NaN,"method":"x"}', None, -32700),
    "Infinity": (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[Infinity]}', None, -32700),
    "1e999": (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[1e999]}', None, -32700),
    "5,000 digits": (b'{"jsonrpc":"2.0","id":1' + b"0" * 5_000 + b',"method":"x"}', None, -32700),
    "a number": (b"7", None, -32600),
    "null": (b"null", None, -32600),
    "a batch": (b'[{"jsonrpc":"2.0","id":1,"method":"x"}]', None, -32600),
    "no version": (b'{"id":5,"method":"textDocument/hover"}', 5, -32600),
    "version 1": (b'{"jsonrpc":"1.0","id":5,"method":"textDocument/hover"}', 5, -32600),
    "neither method nor id": (b'{"jsonrpc":"2.0"}', None, -32600),
    "a method that is no string": (b'{"jsonrpc":"2.0","id":5,"method":{}}', 5, -32600),
    "null as id": (b'{"jsonrpc":"2.0","id":null,"method":"textDocument/hover"}', None, -32600),
    "1.5 as id": (b'{"jsonrpc":"2.0","id":1.5,"method":"textDocument/hover"}', 1.5, -32600),
    "true as id": (b'{"jsonrpc":"2.0","id":true,"method":"textDocument/hover"}', None, -32600),
    "an object as id": (b'{"jsonrpc":"2.0","id":{},"method":"textDocument/hover"}', None, -32600),
    "no params": (b'{"jsonrpc":"2.0","id":6,"method":"textDocument/hover"}', 6, -32602),
    "params of another kind": (b'{"jsonrpc":"2.0","id":6,"method":"textDocument/hover","params":7}', 6, -32602),
    "params with a hole": (b'{"jsonrpc":"2.0","id":6,"method":"textDocument/hover","params":{}}', 6, -32602),
    "a position below zero": (
        b'{"jsonrpc":"2.0","id":6,"method":"textDocument/hover","params":{"textDocument":{"uri":"x:"},'
        b'"position":{"line":-1,"character":0}}}',
        6,
        -32602,
    ),
    "a second beginning": (
        b'{"jsonrpc":"2.0","id":6,"method":"initialize","params":{"processId":null,"capabilities":{}}}',
        6,
        -32600,
    ),
    "an unknown method": (b'{"jsonrpc":"2.0","id":6,"method":"no/such"}', 6, -32601),
    "half a character as id": (rb'{"jsonrpc":"2.0","id":"\ud800","method":"no/\udfff"}', "\ud800", -32601),
    "a number of 64 bits as id": (b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"x"}', 2**63, -32601),
}
UNANSWERED = {
    "a notification that is none": b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":5}}',
    "an unknown notification": b'{"jsonrpc":"2.0","method":"no/such","params":{"type_name":"1 2"}}',
    "initialize without id": b'{"jsonrpc":"2.0","method":"initialize","params":{"capabilities":{}}}',
    "shutdown without id": b'{"jsonrpc":"2.0","method":"shutdown"}',
    "a change of what is not open": b'{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":'
    b'{"uri":"file:///no","version":1},"contentChanges":[{"text":"x"}]}}',
    "an answer to nothing": b'{"jsonrpc":"2.0","id":"nothing","result":{}}',
    "an answer to an object": b'{"jsonrpc":"2.0","id":{"a":[]},"result":{}}',
    "an error without id": b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}',
    "a cancellation before its request": b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"hover 3"}}',
    "a cancellation of nothing": b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":[1]}}',
    "a cancellation without params": b'{"jsonrpc":"2.0","method":"$/cancelRequest"}',
    "half a character": rb'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":'
    rb'{"uri":"file:///half.md","languageId":"\ud800","version":1,"text":"a \ud83e b"}}}',
}


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def opened(server: Server, uri: str = PROBE, text: str = PROBE_TEXT) -> None:
    item = {"uri": uri, "languageId": "md", "version": 1, "text": text}
    server.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})


def hover(server: Server, id_: object) -> Any:
    at = {"textDocument": {"uri": PROBE}, "position": {"line": 0, "character": 0}}
    return server.ask(id_, "textDocument/hover", at)


def test_what_cannot_be_done_is_refused_and_the_next_question_is_answered(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.initialize()
        opened(server)
        for number, (name, (body, id_, code)) in enumerate(REFUSED.items()):
            server.answers.clear()
            server.write(frame(body))
            assert hover(server, f"hover {number}")["result"] is None, name
            refused = [each for each in server.answers if each["id"] != f"hover {number}"]
            assert [(each["id"], each["error"]["code"]) for each in refused] == [(id_, code)], name
            assert refused[0]["error"]["message"], name
        for number, (name, body) in enumerate(UNANSWERED.items()):
            server.answers.clear()
            server.write(frame(body))
            assert hover(server, f"hover {number}")["result"] is None, name
            assert len(server.answers) == 1, name
        for uri, tokens in ((PROBE, PROBE_TOKENS), ("file:///half.md", 3)):
            counted = server.ask(f"count {uri}", "bursar/documentTokens", {"textDocument": {"uri": uri}})
            assert counted["result"]["tokens"] >= tokens
        assert server.ask("end", "shutdown")["result"] is None
        server.send({"method": "exit"})
        assert server.end() == 0
        assert server.foreign == b""
        assert "Traceback" not in server.stderr()


def test_lost_framing_ends_the_server_with_its_code_and_one_line(tmp_path: Path) -> None:
    cases = [*(LOST[each] for each in ("a negative length", "a huge length", "a header that ends with LF"))]
    cases += [LOST["two lengths"], b"\0" * (1 << 20)]
    with contextlib.ExitStack() as stack:
        servers = []
        for number, case in enumerate([*cases, b"Content-Length: 5\r\n\r\n1234"]):
            folder = tmp_path / str(number)
            folder.mkdir()
            server = stack.enter_context(served(folder))
            with contextlib.suppress(BrokenPipeError):  # it has ended before it was told everything
                server.write(case)
            servers.append(server)
        last = servers[-1]
        assert last.process.stdin is not None
        last.process.stdin.close()
        for server in servers:
            assert server.end() == (1 if server is last else BROKEN_FRAMES)
            (line,) = server.stderr().splitlines()
            assert line.startswith("bursar: "), line
        assert "4 of the 5 bytes" in last.stderr()


def test_an_id_that_is_taken_and_a_request_that_is_cancelled_are_answered_once_each(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.initialize()
        text = "word " * 20_000
        opened(server, text=text)
        count = {"method": "bursar/documentTokens", "params": {"textDocument": {"uri": PROBE}}}
        server.send({"id": 1, **count}, {"id": 1, **count}, {"id": 2, **count})
        server.until(lambda: len(server.answers) == 4)
        assert sorted(each.get("error", {}).get("code", 0) for each in server.answers if each["id"] == 1) == [-32600, 0]
        # All in one write: its cancellation is there before it is begun.
        cancel = {"method": "$/cancelRequest", "params": {"id": 3}}
        server.send({"id": 3, **count}, cancel, cancel, {"id": 4, **count}, {"id": 3, **count})
        server.until(lambda: len(server.answers) == 7)
        hover(server, "hover")
        told = [(each["id"], each.get("error", {}).get("message", "")) for each in server.answers[4:-1]]
        assert sorted(told) == [(3, ""), (3, "The request was cancelled before it was begun."), (4, "")]


def test_an_exit_without_a_shutdown_that_was_done_has_code_1(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        early = {"id": 1, "method": "initialize", "params": {"capabilities": 7}}
        server.send(early, {"id": 2, "method": "shutdown"}, {"method": "exit"}, {"id": 3, "method": "shutdown"})
        assert server.end() == 1


def test_the_life_cycle_is_that_of_the_protocol(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        assert hover(server, 1)["error"]["code"] == -32002
        assert server.ask(2, "shutdown")["error"]["code"] == -32002
        # What was refused may be sent again.
        assert server.ask(3, "initialize", {"processId": None})["error"]["code"] == -32602
        server.initialize()
        assert server.ask(4, "initialize", {"processId": None, "capabilities": {}})["error"]["code"] == -32600
        assert server.ask(5, "shutdown")["result"] is None
        assert server.ask(6, "shutdown")["error"]["code"] == -32600
        assert hover(server, 7)["error"]["code"] == -32600
        server.send({"method": "textDocument/didOpen", "params": {}}, {"method": "exit"})
        assert server.end() == 0
        assert len([each for each in server.answers if each["id"] == 5]) == 1


def test_half_a_character_becomes_a_mark_as_long_and_ids_stay_as_they_are() -> None:
    body = rb'{"jsonrpc":"2.0","id":"\ud800","method":"m\udfff","params":{"k\ud83e":["\ud83e\udd80 \udd80x"]}}'
    read = read_message(body)
    assert isinstance(read, Incoming)
    assert (read.id, read.method) == ("\ud800", "m\ufffd")
    assert read.raw["params"] == {"k\ufffd": ["🦀 \ufffdx"]}
    assert isinstance(read_message(body.replace(b'"2.0"', b'"\\ud800"')), Unreadable)


def test_mutated_streams_are_cut_as_a_second_parser_cuts_them() -> None:
    seen = check_streams(6_000, random.SystemRandom().randrange(1 << 32), Frames)
    assert min(seen["whole"], seen["partial"], seen["broken"]) > 20


def test_mutated_messages_are_answered_as_they_should(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        seen = check_server(3_000, random.SystemRandom().randrange(1 << 32), server)
        assert min(seen["answer"], seen["nothing"], seen["-32700"], seen["-32600"]) > 100
        assert "Traceback" not in server.stderr()


class _TakesTheLastLength(Frames):
    """A reader with a fault: of two lengths it takes the last."""

    def feed_into(self, data: bytes, found: list[bytes]) -> None:
        self._whole = getattr(self, "_whole", b"") + data
        head, end, _ = self._whole.partition(b"\r\n\r\n")
        if end and head.lower().count(b"content-length") == 2:
            return
        super().feed_into(data, found)


class _TakesLineFeeds(Frames):
    """A reader with a fault: a header may end with LF."""

    def feed_into(self, data: bytes, found: list[bytes]) -> None:
        super().feed_into(data.replace(b"\n\n", b"\r\n\r\n"), found)


class _AnswersTwice(Server):
    """A server with a fault: it answers a request again when it is asked something else."""

    def take(self, message: dict[str, Any]) -> None:
        super().take(message)
        if str(message.get("id")).startswith("probe"):
            super().take({**message, "id": 1_001})


@pytest.mark.parametrize("reader", [_TakesTheLastLength, _TakesLineFeeds])
def test_a_reader_with_a_fault_is_found(reader: type[Frames]) -> None:
    with pytest.raises(Difference):
        check_streams(20_000, 1, reader)


def test_a_server_with_a_fault_is_found(tmp_path: Path) -> None:
    server = _AnswersTwice(tmp_path)
    try:
        with pytest.raises(Difference):
            check_server(300, 1, server)
    finally:
        server.close()


def test_the_second_parser_knows_the_examples() -> None:
    assert cut(frame(b"{}") + frame(b"")) == ([b"{}", b""], "whole")
    assert cut(frame(b"{}") + b"Content-Length: 5\r\n\r\n1234") == ([b"{}"], "partial")
    for each in LOST.values():
        assert cut(each)[1] == "broken"
    assert json.loads(cut(frame(b"7"))[0][0]) == 7
