"""Chat Completions' stream, end to end over a socket: what comes out of which chunks."""

from __future__ import annotations

import json

import pytest

from bursar.domain.conversation import BrokenToolCall, Text, ToolCall
from bursar.domain.errors import AnswerCut
from bursar.domain.money.usage import Usage
from support.fault_server import LAST_CHUNK, chunk, fault_server, head

from .support import Heard, ask, o_chunk, o_end, o_text, o_usage, provider_at, sse


async def answered(*events, heard=None, lenient_end=False, headers=("x-request-id: req_9",)):
    async with fault_server() as server:
        server.will(head(200, *headers) + chunk(sse(*events)) + LAST_CHUNK)
        return await ask(provider_at(server, "openai-chat", lenient_end=lenient_end), heard)


def call(index, arguments=None, *, call_id=None, name=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    delta = {"index": index, "id": call_id, "type": "function", "function": function}
    return o_chunk({"tool_calls": [{key: value for key, value in delta.items() if value is not None}]})


async def test_a_whole_answer():
    usage = {
        "prompt_tokens": 2400,
        "completion_tokens": 42,
        "total_tokens": 2442,
        "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 300},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    heard = Heard()
    reply = await answered(
        o_chunk({"role": "assistant", "content": ""}),
        o_text("hi"),
        call(0, "", call_id="c1", name="read"),
        call(1, "", call_id="c2", name="list"),
        call(0, '{"path":'),
        call(1, "{}"),
        call(0, '"a"}'),
        o_chunk({}, "tool_calls", usage=None),
        o_usage(usage),
        "[DONE]",
        heard=heard,
    )
    assert reply.blocks == (
        Text(text="hi"),
        ToolCall(id="c1", name="read", input={"path": "a"}),
        ToolCall(id="c2", name="list", input={}),
    )
    assert (reply.request_id, reply.model, reply.stop_reason) == ("req_9", "gpt-x", "tool_use")
    assert reply.usage == Usage(uncached_input=100, cache_read=2000, cache_write_5m=300, output=42, reasoning=12)
    assert json.loads(reply.usage_raw) == usage
    assert heard.accepted == ["req_9"]


async def test_without_a_header_the_body_names_the_request_before_its_bytes_are_kept():
    heard = Heard()
    reply = await answered(o_text("hi"), *o_end(), heard=heard, headers=())
    assert heard.accepted == ["chatcmpl-1"]
    assert reply.request_id == "chatcmpl-1"
    assert heard.order[:3] == ["accepted", "kept", "delta"]


async def test_a_server_that_names_no_request_gets_a_name_that_is_never_the_same():
    def anonymous(event):
        return event if isinstance(event, str) else {key: value for key, value in event.items() if key != "id"}

    events = [anonymous(each) for each in (o_text("hi"), *o_end())]
    one, other = [await answered(*events, headers=()) for _ in range(2)]
    assert one.request_id.startswith("local-")
    assert one.request_id != other.request_id


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), ("odd", "odd")],
)
async def test_stop_reasons_are_one_vocabulary_for_both_formats(finish, expected):
    assert (await answered(o_text("x"), *o_end(finish))).stop_reason == expected


async def test_calls_that_share_an_index_are_told_apart_by_their_ids():
    events = [call(0, '{"a":1}', call_id="c1", name="read"), call(0, '{"b":2}', call_id="c2", name="read")]
    reply = await answered(*events, *o_end("stop"))
    assert [each.input for each in reply.blocks] == [{"a": 1}, {"b": 2}]
    assert reply.stop_reason == "tool_use"


async def test_calls_without_an_index_or_an_id():
    first = o_chunk({"tool_calls": [{"function": {"name": "read", "arguments": '{"a":'}}]})
    second = o_chunk({"tool_calls": [{"function": {"arguments": "1}"}}]})
    reply = await answered(first, second, *o_end("tool_calls"))
    assert reply.blocks == (ToolCall(id="call_0", name="read", input={"a": 1}),)


async def test_arguments_as_an_object():
    event = o_chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "read", "arguments": {"a": 1}}}]})
    assert (await answered(event, *o_end("tool_calls"))).blocks == (ToolCall(id="c", name="read", input={"a": 1}),)


@pytest.mark.parametrize(
    ("raw", "name", "finish"),
    [
        ('{"a":1,"a":2}', "read", "tool_calls"),
        ("[]", "read", "tool_calls"),
        ('{"a"', "read", "tool_calls"),
        ('{"a":1}', "read", "length"),
        ("{}", "", "tool_calls"),
    ],
)
async def test_a_call_that_must_not_run_is_broken(raw, name, finish):
    reply = await answered(call(0, raw, call_id="c1", name=name), *o_end(finish))
    assert isinstance(reply.blocks[0], BrokenToolCall)


@pytest.mark.parametrize(
    ("usage", "expected", "clamped"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4}, Usage(uncached_input=10, output=4), False),
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
            Usage(uncached_input=4, cache_read=6, output=4),
            False,
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 11}},
            Usage(cache_read=10, output=4),
            True,
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5},
            },
            Usage(cache_read=6, cache_write_5m=4, output=4),
            True,
        ),
        ({"prompt_tokens": -1, "completion_tokens": 4}, Usage(output=4), True),
        ({"prompt_tokens": 10, "completion_tokens": None}, Usage(uncached_input=10), True),
        ({"prompt_tokens": float("inf"), "completion_tokens": 4}, Usage(output=4), True),
        ({"prompt_tokens": 10, "completion_tokens": "4"}, Usage(uncached_input=10), True),
        ({"prompt_tokens": 10, "completion_tokens": 10**10}, Usage(uncached_input=10, output=1000), True),
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 9}},
            Usage(uncached_input=10, output=4, reasoning=4),
            True,
        ),
    ],
)
async def test_usage(usage, expected, clamped):
    reply = await answered(o_text("x"), o_chunk({}, "stop"), o_usage(usage), "[DONE]")
    assert (reply.usage, reply.usage_clamped) == (expected, clamped)
    assert json.loads(reply.usage_raw) == usage


async def test_usage_that_is_missing_is_none_and_not_zero():
    reply = await answered(o_text("x"), o_chunk({}, "stop"), "[DONE]")
    assert (reply.usage, reply.usage_raw, reply.usage_clamped) == (None, None, False)


async def test_done_without_a_finish_reason_is_a_cut_answer():
    with pytest.raises(AnswerCut) as failure:
        await answered(o_text("x"), "[DONE]")
    assert failure.value.text_seen


async def test_a_server_that_never_sends_done_is_forgiven_only_where_that_was_asked():
    events = [o_text("x"), *o_end()[:-1]]
    with pytest.raises(AnswerCut):
        await answered(*events)
    assert (await answered(*events, lenient_end=True)).blocks == (Text(text="x"),)
    with pytest.raises(AnswerCut):
        await answered(o_text("x"), lenient_end=True)


async def test_thoughts_are_progress_and_no_part_of_the_answer():
    heard = Heard()
    reply = await answered(o_chunk({"reasoning_content": "hmm"}), o_text("hi"), *o_end(), heard=heard)
    assert reply.blocks == (Text(text="hi"),)
    assert heard.chars == [3, 5]
