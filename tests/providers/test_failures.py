"""Every way a request can fail, in every format: is something owed, and what is the user told?"""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from bursar.domain.errors import (
    AnswerCut,
    BadInput,
    KeyRefused,
    LimitReached,
    ModelNotKnown,
    NotAccepted,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RequestRejected,
    Unreachable,
)
from bursar.providers import Deadlines, make_provider
from support.fakes import CountingIds
from support.fault_server import LAST_CHUNK, FaultServer, Hold, Reset, Wait, chunk, fault_server, head, whole

from .support import CANARY, SHORT, WIRES, FakeClock, Heard, ask, begun, good, provider_at, request, sse


def error_body(wire: str, kind: str, message: str = "no", **more: object) -> bytes:
    error = {"type": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": error} if wire == "anthropic" else {"error": error}).encode()


async def failure_of(server: FaultServer, wire: str, **how) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(provider_at(server, wire, **how))
    return caught.value


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, RequestRejected),
        (401, KeyRefused),
        (402, QuotaExhausted),
        (403, KeyRefused),
        (404, ModelNotKnown),
        (405, RequestRejected),
        (408, AnswerCut),
        (409, AnswerCut),
        (413, RequestRejected),
        (422, RequestRejected),
        (429, LimitReached),
        (500, AnswerCut),
        (502, AnswerCut),
        (503, Overloaded),
        (504, AnswerCut),
        (529, Overloaded),
        (204, AnswerCut),
    ],
)
async def test_statuses(wire, status, expected):
    async with fault_server() as server:
        body = b"" if status == 204 else error_body(wire, "some_error", "what went wrong")
        server.will(whole(status, body, "request-id: req_7"))
        failure = await failure_of(server, wire)
    assert type(failure) is expected
    assert failure.status == status
    assert failure.request_id == "req_7"
    assert "acme" in str(failure)
    if isinstance(failure, AnswerCut):
        assert not failure.text_seen
    if status != 204:
        assert "what went wrong" in str(failure)
    assert server.connections == 1


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize(
    "body", [b"<html>" + b"x" * 100_000, b"", b"\xff\xfe", b'{"error": null}', b'{"error": []}', b"[1]"]
)
async def test_a_status_counts_whatever_the_body(wire, status, body):
    async with fault_server() as server:
        server.will(whole(status, body, kind="text/html"))
        failure = await failure_of(server, wire)
    assert type(failure) is (AnswerCut if status == 500 else Overloaded)
    assert len(str(failure)) < 500


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["retry-after: 2"], 2.0),
        (["retry-after: 1.5"], 1.5),
        (["retry-after: 86400"], 86400.0),
        (["retry-after-ms: 250"], 0.25),
        (["retry-after-ms: 250", "retry-after: 1"], 0.25),
        (["retry-after-ms: x", "retry-after: 1"], 1.0),
        (["retry-after: Sat, 21 Nov 2026 08:01:30 GMT"], 90.0),
        (["retry-after: Sat, 21 Nov 2026 07:00:00 GMT"], None),
        (["retry-after: -1"], None),
        (["retry-after: NaN"], None),
        (["retry-after: abc"], None),
        (["retry-after: 1e400"], None),
        (["retry-after: inf"], None),
        (["retry-after: 99999999999999999"], None),
        (["retry-after: 1", "retry-after: 9"], None),
        (["retry-after:"], None),
        ([], None),
    ],
)
async def test_the_wait_that_a_limit_asks_for(wire, headers, expected):
    async with fault_server() as server:
        server.will(whole(429, error_body(wire, "rate_limit_error"), *headers))
        failure = await failure_of(server, wire)
    assert isinstance(failure, LimitReached)
    assert failure.retry_after_s == expected


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        ("openai-chat", 429, error_body("openai-chat", "insufficient_quota", code="insufficient_quota")),
        ("openai-responses", 429, error_body("openai-responses", "insufficient_quota", code="insufficient_quota")),
        ("openai-chat", 403, error_body("openai-chat", "x", code="billing_not_active")),
        ("openai-chat", 429, error_body("openai-chat", "x", "Error: insufficient balance")),
        ("anthropic", 400, error_body("anthropic", "invalid_request_error", "Your credit balance is too low")),
        (
            "anthropic",
            429,
            error_body("anthropic", "rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
        ),
    ],
)
async def test_a_limit_of_money_is_not_one_of_pace(wire, status, body):
    async with fault_server() as server:
        server.will(whole(status, body, "retry-after: 5"))
        failure = await failure_of(server, wire)
    assert type(failure) is QuotaExhausted
    assert "waiting does not help" in str(failure)


def error_event(wire: str, kind: str) -> bytes:
    if wire == "anthropic":
        return sse({"type": "error", "error": {"type": kind, "message": "sorry"}})
    if wire == "openai-responses":
        return sse({"type": "error", "code": kind, "message": "sorry", "param": None})
    return sse({"error": {"type": kind, "message": "sorry"}})


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", Overloaded),
        ("rate_limit_error", LimitReached),
        ("authentication_error", KeyRefused),
        ("api_error", AnswerCut),
        ("never_heard_of", AnswerCut),
    ],
)
async def test_an_error_in_the_stream_before_content_counts_by_its_name(wire, kind, expected):
    async with fault_server() as server:
        server.will(head(200, "x-request-id: req_7") + chunk(error_event(wire, kind)) + LAST_CHUNK)
        failure = await failure_of(server, wire)
    assert type(failure) is expected
    assert failure.request_id == "req_7"
    assert "sorry" in str(failure)


@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_in_the_stream_after_content_is_a_cut_answer(wire):
    async with fault_server() as server:
        server.will(head() + chunk(begun(wire) + error_event(wire, "overloaded_error")) + LAST_CHUNK)
        failure = await failure_of(server, wire)
    assert isinstance(failure, AnswerCut)
    assert (failure.text_seen, failure.output_chars) == (True, 8)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", '{"error": {"type": "overloaded_error"}}', Overloaded),
        ("application/json", '{"error": {"type": "server_error"}}', AnswerCut),
        ("application/json", '{"error": "boom"}', AnswerCut),
        ("application/json", '{"id": "x", "content": []}', AnswerCut),
        ("text/html; charset=utf-8", "<html>please log in</html>", RequestRejected),
    ],
)
async def test_a_200_that_is_no_stream(wire, kind, body, expected):
    async with fault_server() as server:
        server.will(whole(200, body.encode(), kind=kind))
        failure = await failure_of(server, wire)
    assert type(failure) is expected


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("with_content", [False, True])
@pytest.mark.parametrize("ending", ["clean", "no length", "fin in a chunk", "reset", "bad chunk", "stall", "pings"])
async def test_an_answer_that_does_not_end_may_be_owed(wire, with_content, ending):
    data = begun(wire) if with_content else b": hello\n\n"
    ping = sse({"type": "ping"}) if wire == "anthropic" else b": ping\n\n"
    steps = {
        "clean": [head() + chunk(data) + LAST_CHUNK],
        "no length": [head(chunked=False) + data],
        "fin in a chunk": [head() + chunk(data) + b"ff\r\ndata"],
        "reset": [head() + chunk(data), Reset()],
        "bad chunk": [head() + chunk(data) + b"FFFFFFFFFFFFFFFFFFFFFFFFFF\r\n"],
        "stall": [head() + chunk(data), Hold()],
        "pings": [head() + chunk(data) + chunk(ping) * 3, Hold()],
    }[ending]
    heard = Heard()
    async with fault_server() as server:
        server.will(*steps)
        with pytest.raises(AnswerCut) as caught:
            limits = {"deadlines": SHORT} if ending in ("stall", "pings") else {}
            await ask(provider_at(server, wire, **limits), heard)
        failure = caught.value
    if ending != "reset":  # a reset may overtake what was sent before it
        assert (failure.text_seen, failure.output_chars) == (with_content, 8 if with_content else 0)
        assert heard.kept.startswith(data)
    assert failure.__cause__ is None


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("steps", [[], [Hold()], [Reset()], [b"garbage\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nbad"]])
async def test_a_request_that_was_sent_and_not_answered_may_be_owed(wire, steps):
    async with fault_server() as server:
        server.will(*steps)
        failure = await failure_of(server, wire, **({"deadlines": SHORT} if Hold in map(type, steps) else {}))
    assert isinstance(failure, AnswerCut)
    assert not failure.text_seen
    assert len(server.received) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_pings_do_not_move_the_deadline_and_content_does(wire):
    ping = sse({"type": "ping"}) if wire == "anthropic" else b": ping\n\n"
    async with fault_server() as server:
        pinging = asyncio.Event()

        async def play(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head() + chunk(begun(wire)))
            pinging.set()
            while not writer.is_closing() and not reader.at_eof():
                writer.write(chunk(ping))
                await asyncio.sleep(0.02)
            writer.close()

        pinger = await asyncio.start_server(play, "127.0.0.1", 0)
        server.port = pinger.sockets[0].getsockname()[1]
        failure = await failure_of(server, wire, deadlines=SHORT)
        pinger.close()
    assert pinging.is_set()
    assert "stood still" in str(failure)


@pytest.mark.parametrize("wire", WIRES)
async def test_content_in_time_is_not_cut_by_the_progress_deadline_but_by_the_total_one(wire):
    async with fault_server() as server:
        delta = begun(wire)
        if wire == "anthropic":
            delta = delta[delta.index(b"event: content_block_delta") :]
        if wire == "openai-responses":
            # Without a number, because a numbered event comes once.
            delta = sse({"type": "response.output_text.delta", "output_index": 0, "delta": "hi there"})

        async def play(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head() + chunk(begun(wire)))
            while not writer.is_closing() and not reader.at_eof():
                writer.write(chunk(delta))
                await asyncio.sleep(0.02)
            writer.close()

        talker = await asyncio.start_server(play, "127.0.0.1", 0)
        server.port = talker.sockets[0].getsockname()[1]
        limits = Deadlines(connect_s=5, first_byte_s=2, progress_s=1.2, total_s=3)
        failure = await failure_of(server, wire, deadlines=limits)
        talker.close()
    assert "longer than 3 s in all" in str(failure)
    assert isinstance(failure, AnswerCut)
    # More content than fits into one progress deadline was taken.
    assert failure.output_chars > 8 * 15


@pytest.mark.parametrize("wire", WIRES)
async def test_the_deadline_for_the_first_byte_ends_with_it(wire):
    async with fault_server() as server:
        later = asyncio.Event()
        server.will(head(), Wait(later), chunk(good(wire)) + LAST_CHUNK)
        asyncio.get_running_loop().call_later(1.5, later.set)
        limits = Deadlines(first_byte_s=1.0, progress_s=5, total_s=9)
        reply = await ask(provider_at(server, wire, deadlines=limits))
    assert reply.blocks[0].text == "hi there"


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_in_single_bytes_is_the_same_answer(wire):
    async with fault_server() as server:
        server.will(head(), *(chunk(bytes([each])) for each in good(wire)), LAST_CHUNK)
        reply = await ask(provider_at(server, wire))
    assert reply.blocks[0].text == "hi there"


@pytest.mark.parametrize("wire", WIRES)
async def test_what_comes_after_the_end_mark_is_not_read(wire):
    async with fault_server() as server:
        server.will(head() + chunk(good(wire)) + chunk(begun(wire)), Hold())
        reply = await ask(provider_at(server, wire))
    assert reply.blocks[0].text == "hi there"


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_that_was_packed_unasked_is_not_unpacked(wire):
    async with fault_server() as server:
        server.will(whole(200, b"\x1f\x8b" + b"x" * 100, "content-encoding: gzip", kind="text/event-stream"))
        failure = await failure_of(server, wire)
    assert isinstance(failure, AnswerCut)
    assert server.received[0].header("accept-encoding") == "identity"


@pytest.mark.parametrize("wire", WIRES)
async def test_an_endless_line_is_given_up(wire):
    async with fault_server() as server:
        server.will(head() + chunk(b"data: "), *[chunk(b"x" * 2**20)] * 9, Hold())
        failure = await failure_of(server, wire)
    assert isinstance(failure, AnswerCut)
    assert "larger than" in str(failure)


@pytest.mark.parametrize("wire", WIRES)
async def test_nobody_listens(wire):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        failure = await failure_of(FaultServer(port=port), wire)
    assert type(failure) is Unreachable
    assert f"127.0.0.1:{port}" in str(failure)
    assert "is the server running?" in str(failure)


@pytest.mark.parametrize("wire", WIRES)
async def test_tls_that_fails_is_unreachable_and_nothing_was_sent(wire):
    hello = asyncio.get_running_loop().create_future()

    async def play(reader, writer):
        hello.set_result(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    provider = make_provider(
        name="acme",
        wire=wire,
        base_url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1",
        key=lambda: CANARY,
        key_name="K",
        clock=FakeClock(),
        ids=CountingIds(),
    )
    with pytest.raises(Unreachable):
        await ask(provider)
    assert CANARY.encode() not in await hello
    server.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_cancelling_closes_the_connection(wire):
    async with fault_server() as server:
        server.will(head() + chunk(begun(wire)), Hold())
        arrived = asyncio.Event()

        class Waiting(Heard):
            def __call__(self, event, /):
                super().__call__(event)
                if self.chars:
                    arrived.set()

        asking = asyncio.ensure_future(ask(provider_at(server, wire), Waiting()))
        await asyncio.wait_for(arrived.wait(), 5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server.client_left.wait(), 5)


@pytest.mark.parametrize("wire", WIRES)
async def test_kept_bytes_give_the_same_reply_again(wire):
    heard = Heard()
    async with fault_server() as server:
        server.will(head(200, "request-id: req_7") + chunk(good(wire)) + LAST_CHUNK)
        provider = provider_at(server, wire)
        reply = await ask(provider, heard)
    again = provider.reply_from(heard.kept, request_id="req_7", model="some-model")
    assert (again.blocks, again.usage, again.model) == (reply.blocks, reply.usage, reply.model)
    assert (again.request_id, again.stop_reason, again.ttft_ms) == ("req_7", reply.stop_reason, None)
    for end in range(0, len(heard.kept) - 2, 7):
        with pytest.raises((AnswerCut, NotAccepted)) as caught:
            provider.reply_from(heard.kept[:end], request_id="req_7", model="some-model")
        assert caught.value.request_id == "req_7"


@pytest.mark.parametrize("wire", WIRES)
def test_addresses_that_a_key_must_not_go_to(wire):
    for base_url, word in [
        ("http://attacker.example/v1", "https://"),
        ("http://127.0.0.1.attacker.example/v1", "https://"),
        ("http://10.0.0.1/v1", "https://"),
        ("ftp://127.0.0.1/v1", "https://"),
        ("127.0.0.1:1234", "https://"),
        ("https://user:pw@host.example/v1", "key_env"),
        ("https://host.example/v1?x=1", "path"),
        ("https://host.example/v1\r\nx", "base_url"),
        ("http://127.0.0.1:99999/v1", "base_url"),
        ("", "base_url"),
    ]:
        with pytest.raises(BadInput, match=word) as caught:
            make_provider(
                name="acme",
                wire=wire,
                base_url=base_url,
                key=lambda: CANARY,
                key_name="K",
                clock=FakeClock(),
                ids=CountingIds(),
            )
        assert "pw" not in str(caught.value)


def test_an_unknown_wire_is_bad_input():
    with pytest.raises(BadInput, match="anthropic, openai-chat, openai-responses, gemini or ollama"):
        make_provider(
            name="acme",
            wire="soap",
            base_url="https://h.example",
            key=lambda: None,
            key_name=None,
            clock=FakeClock(),
            ids=CountingIds(),
        )


@pytest.mark.parametrize(
    ("wire", "base", "path"),
    [
        ("anthropic", "", "/v1/messages"),
        ("anthropic", "/", "/v1/messages"),
        ("anthropic", "/v1", "/v1/messages"),
        ("anthropic", "/v1/", "/v1/messages"),
        ("anthropic", "/proxy", "/proxy/v1/messages"),
        ("openai-chat", "", "/v1/chat/completions"),
        ("openai-chat", "/v1", "/v1/chat/completions"),
        ("openai-chat", "/api/v1/", "/api/v1/chat/completions"),
        ("openai-responses", "", "/v1/responses"),
        ("openai-responses", "/v1", "/v1/responses"),
        ("openai-responses", "/api/v1/", "/api/v1/responses"),
    ],
)
async def test_where_requests_go(wire, base, path):
    async with fault_server() as server:
        server.will(head() + chunk(good(wire)) + LAST_CHUNK)
        provider = make_provider(
            name="acme",
            wire=wire,
            base_url=server.url + base,
            key=lambda: None,
            key_name=None,
            clock=FakeClock(),
            ids=CountingIds(),
        )
        await ask(provider)
    assert server.received[0].line == f"POST {path} HTTP/1.1"


@pytest.mark.parametrize("wire", WIRES)
async def test_the_bytes_that_were_hashed_are_the_bytes_that_are_sent(wire):
    async with fault_server() as server:
        server.will(head() + chunk(good(wire)) + LAST_CHUNK)
        provider = provider_at(server, wire)
        await ask(provider)
        assert server.received[0].body == provider.body(request())
