"""An answer that broke off is read on where the provider keeps it: the same answer, whatever was torn, and one key."""

from __future__ import annotations

import json
import socket

import pytest

from bursar.domain.conversation import Delta, Text, ToolCall
from bursar.domain.errors import AnswerAway, AnswerCut, LimitReached
from bursar.domain.money.usage import Usage
from support.fault_server import LAST_CHUNK, FaultServer, Hold, Reset, chunk, fault_server, head, whole

from .support import (
    CANARY,
    SHORT,
    Heard,
    ask,
    begun,
    good,
    numbered,
    provider_at,
    r_call,
    r_end,
    r_message,
    r_response,
    r_start,
    r_text,
    sse,
)

WIRE = "openai-responses"
EVENTS = numbered(*r_start(), *r_text("hi there, grüße"), *r_call('{"path":"a"}', 1), r_end())
WHOLE = sse(*EVENTS)
BLOCKS = (Text(text="hi there, grüße"), ToolCall(id="call_1x", name="read", input={"path": "a"}))


def behind(number: int) -> bytes:
    """The events after this one, as the server sends them when asked to."""
    return sse(*EVENTS[number + 1 :])


def last_number(kept: bytes) -> int:
    """The number of the last whole event in these bytes."""
    *blocks, _ = kept.split(b"\n\n")
    return json.loads(blocks[-1].split(b"data: ", 1)[1])["sequence_number"]


async def reattached(server: FaultServer, kept: bytes, heard: Heard | None = None):
    heard = heard or Heard()
    provider = provider_at(server, WIRE, deadlines=SHORT)
    return await provider.reattach(kept, request_id="req_7", model="m", on_stream=heard, keep=heard.keep)


def plain(status: str, **more) -> bytes:
    return whole(200, json.dumps(r_response(status, **more)).encode())


def refusal(status: int, message: str = "no") -> bytes:
    return whole(status, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode())


@pytest.mark.parametrize("end", range(len(sse(EVENTS[0])), len(WHOLE) - 1, 37))
async def test_wherever_it_was_cut_the_answer_is_the_same_and_what_is_kept_is_whole(end):
    kept, heard = WHOLE[:end], Heard()
    number = last_number(kept)
    async with fault_server() as server:
        server.will(head(200, "x-request-id: req_8") + chunk(behind(number)) + LAST_CHUNK)
        reply = await reattached(server, kept, heard)
        (received,) = server.received
        assert received.line == f"GET /v1/responses/resp_1?stream=true&starting_after={number} HTTP/1.1"
        assert received.header("authorization") == f"Bearer {CANARY}"
        assert received.body == b""
        provider = provider_at(server, WIRE)
    assert (reply.blocks, reply.usage, reply.request_id) == (BLOCKS, Usage(uncached_input=7, output=3), "req_7")
    assert heard.accepted == []
    # A process that dies now leaves bytes that hold the whole answer, the torn event in their middle too.
    again = provider.reply_from(kept + heard.kept, request_id="req_7", model="m")
    assert (again.blocks, again.usage) == (reply.blocks, reply.usage)


def test_no_cut_at_any_byte_makes_another_answer():
    provider = provider_at(FaultServer(port=1), WIRE)
    for end in range(len(sse(EVENTS[0])), len(WHOLE)):
        kept = WHOLE[:end] + b"\n\n" + behind(last_number(WHOLE[:end]))
        assert provider.reply_from(kept, request_id="r", model="m").blocks == BLOCKS


async def test_a_whole_answer_is_not_fetched():
    async with fault_server() as server:
        reply = await reattached(server, WHOLE)
    assert reply.blocks == BLOCKS
    assert server.received == []


async def test_it_may_break_off_again_and_what_had_come_is_not_asked_for_twice():
    heard = Heard()
    async with fault_server() as server:
        server.will(head() + chunk(sse(*EVENTS[4:6]) + b'data: {"type":'), Reset())
        server.will(head() + chunk(sse(*EVENTS[6:8])) + LAST_CHUNK)
        server.will(head() + chunk(behind(7)) + LAST_CHUNK)
        reply = await reattached(server, sse(*EVENTS[:4]), heard)
        asked = [each.line.split("starting_after=")[1].split()[0] for each in server.received]
    assert reply.blocks == BLOCKS
    assert asked[0] == "3"
    assert asked[-1] == "7"
    # A reset may overtake what was sent before it.
    assert asked[1] in ("3", "5")
    assert [each.chars for each in heard.events if isinstance(each, Delta)] == sorted(heard.chars)


async def test_a_server_that_sends_it_all_again_gives_the_same_answer():
    async with fault_server() as server:
        server.will(head() + chunk(WHOLE) + LAST_CHUNK)
        assert (await reattached(server, sse(*EVENTS[:5]))).blocks == BLOCKS


@pytest.mark.parametrize("hole", [sse(*EVENTS[5:]), sse(EVENTS[-1]), b"data: {broken\n\n"])
async def test_what_comes_with_a_hole_is_fetched_again(hole):
    heard = Heard()
    async with fault_server() as server:
        server.will(head() + chunk(hole) + LAST_CHUNK)
        server.will(head() + chunk(behind(3)) + LAST_CHUNK)
        assert (await reattached(server, sse(*EVENTS[:4]), heard)).blocks == BLOCKS
        again = provider_at(server, WIRE).reply_from(sse(*EVENTS[:4]) + heard.kept, request_id="r", model="m")
    assert again.blocks == BLOCKS


async def test_an_error_in_the_stream_is_not_the_end_of_the_answer():
    kept = sse(*EVENTS[:4], {"type": "error", "code": "server_error", "message": "the stream broke"})
    async with fault_server() as server:
        server.will(head() + chunk(behind(3)) + LAST_CHUNK)
        assert (await reattached(server, kept)).blocks == BLOCKS


async def test_what_can_no_longer_be_streamed_is_looked_at_until_it_is_whole():
    output = [r_message("hi there, grüße")]
    async with fault_server() as server:
        server.will(refusal(400, "This response can no longer be streamed because it is more than 5 minutes old"))
        server.will(plain("in_progress"))
        server.will(plain("queued"))
        server.will(plain("completed", output=output, usage={"input_tokens": 9, "output_tokens": 5}))
        reply = await reattached(server, sse(*EVENTS[:4]))
        assert [each.line for each in server.received[1:]] == ["GET /v1/responses/resp_1 HTTP/1.1"] * 3
    assert reply.blocks == BLOCKS[:1]
    assert reply.usage == Usage(uncached_input=9, output=5)


async def test_a_stream_that_stalls_again_and_again_is_looked_at():
    async with fault_server() as server:
        for _ in range(3):
            server.will(head(), Hold())
        server.will(plain("incomplete", output=[r_message("hi")], incomplete_details={"reason": "max_output_tokens"}))
        reply = await reattached(server, begun(WIRE))
    assert (reply.blocks, reply.stop_reason) == ((Text(text="hi"),), "max_tokens")


@pytest.mark.parametrize("status", [404, 410])
async def test_an_answer_that_is_gone_is_a_cut_answer(status):
    async with fault_server() as server:
        server.will(refusal(status))
        if status != 404:
            server.will(refusal(status))
        with pytest.raises(AnswerCut, match="no longer has the answer") as failure:
            await reattached(server, begun(WIRE))
    assert (failure.value.request_id, failure.value.output_chars) == ("req_7", 8)


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"data: {",
        sse(*numbered(*r_start(background=False))),
        sse(*numbered(*r_start(id="../../models"))),
        sse(*numbered(*r_start(id="resp_1?x=" + "y" * 9))),
        sse(*numbered(*r_start(id="ü"))),
        sse(*r_start()),
    ],
)
async def test_an_answer_that_is_not_kept_is_not_asked_for(kept):
    async with fault_server() as server:
        with pytest.raises(AnswerCut):
            await reattached(server, kept)
    assert server.received == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([r_end("failed", error={"code": "server_error", "message": "sorry"})], AnswerCut),
        ([r_end("failed", error={"code": "rate_limit_exceeded", "message": "sorry"}, usage=None)], LimitReached),
        ([r_end("failed", error={"code": "rate_limit_exceeded", "message": "sorry"})], AnswerCut),
        ([r_end("cancelled")], AnswerCut),
    ],
)
@pytest.mark.parametrize("read_before", [True, False])
async def test_an_answer_that_was_given_up_is_not_asked_for_again(events, expected, read_before):
    numbers = numbered(*r_start(), *events)
    async with fault_server() as server:
        server.will(head() + chunk(sse(*numbers[2:])) + LAST_CHUNK)
        with pytest.raises(expected):
            await reattached(server, sse(*numbers) if read_before else sse(*numbers[:2]))
    assert len(server.received) == (0 if read_before else 1)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_an_answer_that_was_found_given_up(status):
    async with fault_server() as server:
        server.will(refusal(400))
        server.will(plain(status, error={"code": "server_error", "message": "sorry"}))
        with pytest.raises(AnswerCut, match="sorry"):
            await reattached(server, begun(WIRE))


@pytest.mark.parametrize(
    ("scripts", "retry_after_s"),
    [
        ([refusal(401)], None),
        ([whole(429, b"{}", "retry-after: 7")], 7.0),
        ([whole(503, b"")], None),
        ([whole(302, b"", "location: http://127.0.0.1:1/")] * 2, None),
        ([whole(200, b"<html>log in</html>", kind="text/html")] * 4, None),
        ([whole(500, b"")] * 6, None),
        ([head() + LAST_CHUNK] * 3 + [whole(200, b"[1]")] * 3, None),
    ],
)
async def test_what_may_pass_is_no_verdict(scripts, retry_after_s):
    async with fault_server() as server:
        for each in scripts:
            server.will(each)
        with pytest.raises(AnswerAway) as failure:
            await reattached(server, begun(WIRE))
        assert server.scripts == []
    assert failure.value.retry_after_s == retry_after_s
    assert failure.value.request_id == "req_7"
    assert CANARY not in str(failure.value)


async def test_nobody_listens_and_no_key():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(AnswerAway, match="is the server running"):
            await reattached(FaultServer(port=taken.getsockname()[1]), begun(WIRE))
    async with fault_server() as server:
        provider = provider_at(server, WIRE, key=None)
        heard = Heard()
        with pytest.raises(AnswerAway, match="has no key"):
            await provider.reattach(begun(WIRE), request_id="r", model="m", on_stream=heard, keep=heard.keep)
    assert server.received == []


async def test_an_answer_that_never_ends_is_left_for_later():
    deadlines = SHORT.__class__(connect_s=2, first_byte_s=1, progress_s=1, total_s=0.1, look_again_s=0.02)
    async with fault_server() as server:
        server.will(refusal(400))
        for _ in range(50):
            server.will(plain("in_progress"))
        heard = Heard()
        provider = provider_at(server, WIRE, deadlines=deadlines)
        with pytest.raises(AnswerAway, match="still at work"):
            await provider.reattach(begun(WIRE), request_id="r", model="m", on_stream=heard, keep=heard.keep)


@pytest.mark.parametrize("wire", ["anthropic", "openai-chat"])
async def test_other_formats_read_what_is_there_and_ask_for_nothing(wire):
    async with fault_server() as server:
        provider, heard = provider_at(server, wire), Heard()
        assert not provider.can_reattach
        reply = await provider.reattach(good(wire), request_id="r", model="m", on_stream=heard, keep=heard.keep)
        assert reply.blocks == (Text(text="hi there"),)
        with pytest.raises(AnswerCut):
            await provider.reattach(begun(wire), request_id="r", model="m", on_stream=heard, keep=heard.keep)
    assert server.received == []
    assert provider_at(server, WIRE).can_reattach


async def test_the_bytes_that_sending_kept_are_enough():
    heard = Heard()
    async with fault_server() as server:
        server.will(head(200, "x-request-id: req_7") + chunk(begun(WIRE)) + b"ff\r\ndata: {")
        server.will(head() + chunk(good(WIRE)) + LAST_CHUNK)
        with pytest.raises(AnswerCut):
            await ask(provider_at(server, WIRE), heard)
        assert (await reattached(server, heard.kept)).blocks == (Text(text="hi there"),)
