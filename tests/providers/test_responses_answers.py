"""Responses' stream, end to end over a socket: what comes out of which events."""

from __future__ import annotations

import json

import pytest

from bursar.domain.conversation import BrokenToolCall, Text, ToolCall
from bursar.domain.errors import AnswerCut, LimitReached, NotAccepted, OptionRefused, QuotaExhausted
from bursar.domain.money.usage import Owed, Usage
from support.fault_server import LAST_CHUNK, chunk, fault_server, head, whole

from .support import Heard, ask, numbered, provider_at, r_call, r_end, r_message, r_start, r_text, request, sse

WIRE = "openai-responses"


async def answered(*events, heard=None, headers=("x-request-id: req_9",), count=True):
    async with fault_server() as server:
        data = sse(*numbered(*events)) if count else sse(*events)
        server.will(head(200, *headers) + chunk(data) + LAST_CHUNK)
        return await ask(provider_at(server, WIRE), heard)


async def test_a_whole_answer():
    usage = {
        "input_tokens": 2400,
        "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 300},
        "output_tokens": 42,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 2442,
    }
    heard = Heard()
    reply = await answered(
        *r_start(),
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hmm"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
        {"type": "response.something.new", "output_index": 0},
        *r_text("hi", 1),
        *r_call('{"path":"a"}', 2),
        *r_call("", 3, name="list"),
        r_end(usage=usage),
        heard=heard,
    )
    assert reply.blocks == (
        Text(text="hi"),
        ToolCall(id="call_2x", name="read", input={"path": "a"}),
        ToolCall(id="call_3x", name="list", input={}),
    )
    assert (reply.request_id, reply.model, reply.stop_reason) == ("req_9", "gpt-x", "tool_use")
    assert reply.usage == Usage(uncached_input=100, cache_read=2000, cache_write_5m=300, output=42, reasoning=12)
    assert json.loads(reply.usage_raw) == usage
    assert heard.accepted == ["req_9"]
    # Thoughts and the names of calls are progress too: each is heard of as it comes, and counted once.
    assert heard.chars[:2] == [3, 5]
    assert heard.chars[-1] == len("hmm" + "hi" + "read" + '{"path":"a"}' + "list")


async def test_without_a_header_the_answer_names_the_request_before_its_bytes_are_kept():
    heard = Heard()
    reply = await answered(*r_start(), *r_text("hi"), r_end(), heard=heard, headers=())
    assert heard.accepted == ["resp_1"]
    assert reply.request_id == "resp_1"
    assert heard.order[:3] == ["accepted", "kept", "delta"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (r_end(), "end_turn"),
        (r_end("incomplete", incomplete_details={"reason": "max_output_tokens"}), "max_tokens"),
        (r_end("incomplete", incomplete_details={"reason": "content_filter"}), "refusal"),
        (r_end("incomplete", incomplete_details={"reason": "odd"}), "odd"),
        (r_end("incomplete"), "max_tokens"),
    ],
)
async def test_an_answer_ends_complete_or_not_and_is_billed_both_times(end, expected):
    reply = await answered(*r_start(), *r_text("x"), end)
    assert reply.stop_reason == expected
    assert reply.usage == Usage(uncached_input=7, output=3)


async def test_a_refusal_is_the_text():
    item = {"type": "message", "status": "completed", "content": [{"type": "refusal", "refusal": "I will not."}]}
    delta = {"type": "response.refusal.delta", "output_index": 0, "delta": "I will"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    reply = await answered(*r_start(), delta, done, r_end())
    assert reply.blocks == (Text(text="I will not."),)


async def test_an_answer_whose_items_come_only_at_the_end():
    output = [r_message("hi"), {"type": "function_call", "call_id": "c", "name": "read", "arguments": {"a": 1}}]
    reply = await answered(*r_start(), r_end(output=output))
    assert reply.blocks == (Text(text="hi"), ToolCall(id="c", name="read", input={"a": 1}))


@pytest.mark.parametrize(
    "events",
    [
        r_call('{"a":1,"a":2}'),
        r_call("[]"),
        r_call('{"a"'),
        r_call("{}", name=""),
        r_call('{"a":1}', done=False),
        r_call('{"a":1}', status="incomplete"),
    ],
)
async def test_a_call_that_must_not_run_is_broken(events):
    reply = await answered(*r_start(), *events, r_end())
    assert isinstance(reply.blocks[0], BrokenToolCall)
    assert reply.stop_reason == "tool_use"


async def test_a_call_at_the_limit_is_broken_and_the_one_before_it_is_not():
    end = r_end("incomplete", incomplete_details={"reason": "max_output_tokens"})
    reply = await answered(*r_start(), *r_call('{"a":1}'), *r_call('{"a":1}', 1), end)
    assert [type(each) for each in reply.blocks] == [ToolCall, BrokenToolCall]


async def test_a_call_in_an_answer_with_bytes_that_are_not_utf8_is_broken():
    data = sse(*numbered(*r_start(), *r_text("hiXX"), *r_call("{}", 1), r_end()))
    async with fault_server() as server:
        server.will(head() + chunk(data.replace(b"XX", b"\xff\xfe")) + LAST_CHUNK)
        reply = await ask(provider_at(server, WIRE))
    assert isinstance(reply.blocks[1], BrokenToolCall)


@pytest.mark.parametrize(
    ("usage", "expected", "clamped"),
    [
        ({"input_tokens": 10, "output_tokens": 4}, Usage(uncached_input=10, output=4), False),
        (
            {"input_tokens": 10, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 11}},
            Usage(cache_read=10, output=4),
            True,
        ),
        ({"input_tokens": -1, "output_tokens": 4}, Usage(output=4), True),
        ({"input_tokens": 10, "output_tokens": "4"}, Usage(uncached_input=10), True),
        ({"input_tokens": 10, "output_tokens": 10**10}, Usage(uncached_input=10, output=1000), True),
        (
            {"input_tokens": 10, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 9}},
            Usage(uncached_input=10, output=4, reasoning=4),
            True,
        ),
    ],
)
async def test_usage(usage, expected, clamped):
    reply = await answered(*r_start(), *r_text("x"), r_end(usage=usage))
    assert (reply.usage, reply.usage_clamped) == (expected, clamped)
    assert json.loads(reply.usage_raw) == usage


async def test_usage_that_is_missing_is_none_and_not_zero():
    reply = await answered(*r_start(), *r_text("x"), r_end(usage=None))
    assert (reply.usage, reply.usage_raw, reply.usage_clamped) == (None, None, False)


async def test_an_event_that_comes_twice_counts_once():
    events = numbered(*r_start(), *r_text("hi there"), *r_call("{}", 1), r_end())
    twice = [each for event in events for each in (event, event)]
    reply = await answered(*twice, count=False)
    assert reply.blocks == (Text(text="hi there"), ToolCall(id="call_1x", name="read", input={}))


@pytest.mark.parametrize("missing", range(1, 8))
async def test_a_missing_event_ends_the_answer(missing):
    events = numbered(*r_start(), *r_text("hi there"), r_end())
    del events[missing]
    with pytest.raises(AnswerCut, match="are missing"):
        await answered(*events, count=False)


@pytest.mark.parametrize(
    "events",
    [
        [*r_text("x"), r_end()],
        [*r_start(), {"type": "response.output_text.delta", "delta": "x"}, r_end()],
        [*r_start(), "{broken", r_end()],
        [*r_start(), *r_text("x")],
        ["[DONE]"],
    ],
)
async def test_a_stream_that_breaks_its_format_is_a_cut_answer(events):
    with pytest.raises(AnswerCut):
        await answered(*events, count=False)


@pytest.mark.parametrize(
    ("code", "content", "expected"),
    [
        ("server_error", False, AnswerCut),
        ("rate_limit_exceeded", False, LimitReached),
        ("insufficient_quota", False, QuotaExhausted),
        ("rate_limit_exceeded", True, AnswerCut),
    ],
)
async def test_an_answer_that_the_provider_gave_up(code, content, expected):
    end = r_end("failed", error={"code": code, "message": "sorry about that"}, usage=None)
    with pytest.raises(expected, match="sorry about that") as failure:
        await answered(*r_start(), *(r_text("hi", done=False) if content else []), end)
    assert getattr(failure.value, "owed", None) is None


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded", "insufficient_quota"])
@pytest.mark.parametrize("content", [False, True])
async def test_an_answer_that_was_given_up_and_billed_is_owed_whatever_the_error_is_called(status, code, content):
    end = r_end(status, error={"code": code, "message": "sorry about that"})
    with pytest.raises(AnswerCut, match="7 tokens in and 3 out, which are billed") as failure:
        await answered(*r_start(), *(r_text("hi", done=False) if content else []), end)
    assert failure.value.text_seen is content
    assert failure.value.request_id == "req_9"
    owed = failure.value.owed
    assert owed == Owed(usage=Usage(uncached_input=7, output=3), raw=owed.raw, clamped=False, model="gpt-x")
    assert json.loads(owed.raw) == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}


async def test_an_answer_that_was_given_up_for_nothing_is_not_owed():
    end = r_end("failed", error={"code": "rate_limit_exceeded"}, usage={"input_tokens": 0, "output_tokens": 0})
    with pytest.raises(LimitReached):
        await answered(*r_start(), end)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Unknown parameter: 'background'."),
        (400, "background mode is not supported by this model"),
        (422, "store: Extra inputs are not permitted"),
        (400, "Unrecognized request argument supplied: prompt_cache_key"),
    ],
)
async def test_a_server_without_background_answers_is_asked_without_them_by_whoever_counts(status, message):
    refusal = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    async with fault_server() as server:
        server.will(whole(status, refusal))
        server.will(head() + chunk(sse(*r_start(background=False), *r_text("hi"), r_end())) + LAST_CHUNK)
        provider = provider_at(server, WIRE)
        with pytest.raises(OptionRefused, match="without such options from now on"):
            await ask(provider)
        assert len(server.received) == 1, "what is sent again is counted by the caller"
        assert (await ask(provider)).blocks == (Text(text="hi"),)
    first, second = (json.loads(each.body) for each in server.received)
    assert {key: value for key, value in first.items() if key not in second} == {
        "background": True,
        "store": True,
        "prompt_cache_key": first["prompt_cache_key"],
    }
    assert {key: first[key] for key in second} == second


async def test_another_refusal_is_final():
    async with fault_server() as server:
        server.will(whole(400, b'{"error": {"message": "input.0 is wrong", "type": "invalid_request_error"}}'))
        with pytest.raises(NotAccepted, match=r"input\.0"):
            await ask(provider_at(server, WIRE))
    assert len(server.received) == 1
    assert server.received[0].body == provider_at(server, WIRE).body(request())
