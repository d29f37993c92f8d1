"""Anthropic's stream, end to end over a socket: what comes out of which events."""

from __future__ import annotations

import json

import pytest

from bursar.domain.conversation import BrokenToolCall, Text, ToolCall
from bursar.domain.errors import AnswerCut
from bursar.domain.money.usage import Usage
from support.fault_server import LAST_CHUNK, chunk, fault_server, head

from .support import FakeClock, Heard, a_end, a_start, a_text, a_tool, ask, provider_at, sse


async def answered(*events, heard=None, clock=None):
    async with fault_server() as server:
        server.will(head(200, "request-id: req_9") + chunk(sse(*events)) + LAST_CHUNK)
        return await ask(provider_at(server, "anthropic", clock=clock), heard)


async def test_a_whole_answer_is_a_reply_with_usage_in_disjoint_buckets():
    start = a_start(
        {
            "input_tokens": 100,
            "cache_read_input_tokens": 2000,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 250, "ephemeral_1h_input_tokens": 50},
            "output_tokens": 1,
        },
        model="claude-sonnet-5-5-20261001",
    )
    events = [start, {"type": "ping"}, *a_text("hi "), *a_tool('{"path":"a.py"}', 1), *a_end({"output_tokens": 42})]
    clock = FakeClock()
    heard = Heard(clock, ms_per_event=10)
    reply = await answered(*events, heard=heard, clock=clock)
    assert reply.request_id == "req_9"
    assert heard.accepted == ["req_9"]
    assert reply.model == "claude-sonnet-5-5-20261001"
    assert reply.blocks == (Text(text="hi "), ToolCall(id="toolu_1", name="read", input={"path": "a.py"}))
    assert reply.usage == Usage(uncached_input=100, cache_read=2000, cache_write_5m=250, cache_write_1h=50, output=42)
    assert not reply.usage_clamped
    raw = json.loads(reply.usage_raw)
    assert raw["message_start"]["cache_read_input_tokens"] == 2000
    assert raw["message_delta"] == {"output_tokens": 42}
    # Accepted took 10 ms, each of the five deltas (and the tool's name) 10 ms more.
    assert reply.ttft_ms == 10
    assert heard.chars == sorted(heard.chars)
    assert reply.duration_ms == 10 * len(heard.events)


async def test_bytes_are_kept_after_the_request_id_and_before_they_are_looked_at():
    heard = Heard()
    events = [a_start(), *a_text("hi"), *a_end()]
    await answered(*events, heard=heard)
    assert heard.order == ["accepted", "kept", "delta"]
    assert heard.kept == sse(*events)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ('{"a":1,"a":2}', "twice"),
        ('{"a":NaN}', "NaN"),
        ("[1]", "a list"),
        ("null", "null"),
        ('"x"', "a text"),
        ('{"a":', "not JSON"),
        ('{"a":1}{"b":2}', "not JSON"),
        ("[" * 100_000, "deeply"),
        ('{"a":' + "9" * 5_000 + "}", "not JSON"),
    ],
)
async def test_arguments_that_are_not_one_object_make_a_broken_call(raw, why):
    reply = await answered(a_start(), *a_tool(raw), *a_end(stop_reason="tool_use"))
    (call,) = reply.blocks
    assert isinstance(call, BrokenToolCall)
    assert (call.id, call.name, call.raw_input) == ("toolu_0", "read", raw)
    assert why in call.why


async def test_no_arguments_are_an_empty_object():
    reply = await answered(a_start(), *a_tool(""), *a_end(stop_reason="tool_use"))
    assert reply.blocks == (ToolCall(id="toolu_0", name="read", input={}),)


async def test_a_call_cut_by_max_tokens_is_broken_even_if_its_arguments_parse():
    first, second = a_tool('{"a":1}', 0), a_tool('{"b":2}', 1)
    reply = await answered(a_start(), *first, *second, *a_end(stop_reason="max_tokens"))
    assert isinstance(reply.blocks[0], ToolCall)
    assert isinstance(reply.blocks[1], BrokenToolCall)
    assert reply.stop_reason == "max_tokens"


async def test_a_call_whose_block_never_closed_is_broken():
    reply = await answered(a_start(), *a_tool('{"a":1}', stop=False), *a_end(stop_reason="tool_use"))
    assert isinstance(reply.blocks[0], BrokenToolCall)


async def test_thoughts_are_progress_and_no_part_of_the_answer():
    thought = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hmm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "xyz"}},
        {"type": "content_block_stop", "index": 0},
    ]
    heard = Heard()
    reply = await answered(a_start(), *thought, *a_text("hi", 1), *a_end(), heard=heard)
    assert reply.blocks == (Text(text="hi"),)
    assert heard.chars == [3, 5]


async def test_halves_of_one_character_in_two_deltas_are_joined_and_a_lone_half_is_replaced():
    events = a_text("x")
    events[1:2] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": half}}
        for half in ("a\ud83d", "\ude00b", "\ud83d")
    ]
    reply = await answered(a_start(), *events, *a_end())
    assert reply.blocks == (Text(text="a\U0001f600b\ufffd"),)


@pytest.mark.parametrize(
    "events",
    [
        [a_start(), a_start(), *a_text("x"), *a_end()],
        [*a_text("x"), *a_end()],
        [a_start(), *a_text("x", 1), *a_end()],
        [a_start(), *a_text("x"), *a_text("y"), *a_end()],
        [a_start(), a_text("x")[1], *a_end()],
        [a_start(), *a_text("x"), a_text("y")[1], *a_end()],
        [a_start(), *a_text("x"), {"type": "message_stop"}],
        [a_start(), *a_text("x"), "{broken", *a_end()],
    ],
    ids=[
        "start twice",
        "no start",
        "index jumps",
        "index repeats",
        "no open block",
        "closed block",
        "no reason",
        "json",
    ],
)
async def test_a_stream_that_breaks_its_rules_is_a_cut_answer(events):
    with pytest.raises(AnswerCut) as failure:
        await answered(*events)
    assert failure.value.request_id == "req_9"


async def test_what_is_unknown_is_passed_over():
    events = [a_start(), {"type": "new_thing", "x": 1}, *a_text("x"), *a_end(), {"type": "message_stop"}]
    assert (await answered(*events)).blocks == (Text(text="x"),)


@pytest.mark.parametrize(
    ("start", "delta", "expected", "clamped"),
    [
        # Running totals: what message_delta repeats replaces what message_start said.
        ({"input_tokens": 9}, {"input_tokens": 11, "output_tokens": 5}, Usage(uncached_input=11, output=5), False),
        # A write without its split is a short one.
        (
            {"input_tokens": 1, "cache_creation_input_tokens": 8, "cache_creation": None},
            {"output_tokens": 5},
            Usage(uncached_input=1, cache_write_5m=8, output=5),
            False,
        ),
        (
            {"input_tokens": 1, "cache_creation_input_tokens": 8, "cache_creation": {"ephemeral_1h_input_tokens": 8}},
            {"output_tokens": 5},
            Usage(uncached_input=1, cache_write_1h=8, output=5),
            False,
        ),
        # Parts that do not add up: the larger sum.
        (
            {"input_tokens": 1, "cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}},
            {"output_tokens": 5},
            Usage(uncached_input=1, cache_write_5m=5, cache_write_1h=4, output=5),
            True,
        ),
        ({"input_tokens": -5}, {"output_tokens": 5}, Usage(output=5), True),
        ({"input_tokens": "many"}, {"output_tokens": 5}, Usage(output=5), True),
        ({"input_tokens": 1.5}, {"output_tokens": 5}, Usage(output=5), True),
        ({"input_tokens": True}, {"output_tokens": 5}, Usage(output=5), True),
        ({"input_tokens": 1}, {"output_tokens": 0}, Usage(uncached_input=1), True),
        # An absurd figure becomes the request's own bound: max_tokens was 1000.
        ({"input_tokens": 1}, {"output_tokens": 10**12}, Usage(uncached_input=1, output=1000), True),
    ],
)
async def test_usage(start, delta, expected, clamped):
    reply = await answered(a_start(start), *a_text("x"), *a_end(delta))
    assert (reply.usage, reply.usage_clamped) == (expected, clamped)
    assert reply.usage_raw is not None


async def test_usage_that_falls_is_marked():
    first = {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 90}}
    reply = await answered(a_start(), *a_text("x"), first, *a_end({"output_tokens": 3}))
    assert reply.usage_clamped


async def test_usage_that_is_missing_is_none_and_not_zero():
    events = [a_start(), *a_text("x"), *a_end()]
    del events[0]["message"]["usage"]
    del events[-2]["usage"]
    reply = await answered(*events)
    assert reply.usage is None
    assert reply.usage_raw is None


async def test_usage_of_the_start_alone_is_not_the_answers_usage():
    events = [a_start(), *a_text("x"), *a_end()]
    del events[-2]["usage"]
    reply = await answered(*events)
    assert reply.usage is None
    assert json.loads(reply.usage_raw)["message_start"] == {"input_tokens": 7, "output_tokens": 1}


async def test_a_reply_without_a_model_is_the_asked_models():
    start = a_start()
    del start["message"]["model"]
    assert (await answered(start, *a_text("x"), *a_end())).model == "some-model"


async def test_a_call_in_an_answer_with_bytes_that_are_not_utf8_is_never_run():
    data = sse(a_start(), *a_tool('{"p":"XX"}'), *a_end(stop_reason="tool_use")).replace(b"XX", b"\xff\xfe")
    async with fault_server() as server:
        server.will(head() + chunk(data) + LAST_CHUNK)
        reply = await ask(provider_at(server, "anthropic"))
    (call,) = reply.blocks
    assert isinstance(call, BrokenToolCall)
    assert "UTF-8" in call.why
