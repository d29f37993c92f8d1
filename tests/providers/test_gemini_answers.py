"""Gemini's format, end to end over a socket: what is sent, and what comes out of which parts."""

from __future__ import annotations

import json

import pytest

from bursar.domain.conversation import BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.domain.errors import AnswerCut, LimitReached
from bursar.domain.money.usage import Usage
from support.fault_server import LAST_CHUNK, chunk, fault_server, head, whole

from .lines import G_USAGE, g_call, g_part
from .support import CANARY, Heard, ask, provider_at, request, sse


async def answered(*events, heard=None, lenient_end=False):
    async with fault_server() as server:
        server.will(head(200) + chunk(sse(*events)) + LAST_CHUNK)
        return await ask(provider_at(server, "gemini", lenient_end=lenient_end), heard)


async def test_a_whole_answer():
    heard = Heard()
    usage = {
        "promptTokenCount": 900,
        "cachedContentTokenCount": 600,
        "candidatesTokenCount": 42,
        "thoughtsTokenCount": 100,
        "toolUsePromptTokenCount": 50,
        "totalTokenCount": 1092,
    }
    reply = await answered(
        g_part({"text": "hm", "thought": True}, usage={"promptTokenCount": 900, "thoughtsTokenCount": 60}),
        g_part({"text": "hi "}),
        g_part({"text": "there"}, g_call("read", {"path": "a"}), g_call("list", {}), finish="STOP", usage=usage),
        heard=heard,
    )
    assert reply.blocks == (
        Text(text="hi there"),
        ToolCall(id="call_0", name="read", input={"path": "a"}),
        ToolCall(id="call_1", name="list", input={}),
    )
    assert (reply.request_id, reply.model, reply.stop_reason) == ("resp-g", "gemini-x", "tool_use")
    assert reply.usage == Usage(uncached_input=350, cache_read=600, output=142, reasoning=100)
    assert json.loads(reply.usage_raw) == usage
    assert not reply.usage_clamped
    assert heard.chars[0] == 2


async def test_what_is_sent_and_where():
    async with fault_server() as server:
        server.will(head(200) + chunk(sse(g_part({"text": "x"}, finish="STOP", usage=G_USAGE))) + LAST_CHUNK)
        provider = provider_at(server, "gemini", base=server.url)
        asked = request()
        turns = (
            *asked.messages,
            Message(role="assistant", blocks=(Text(text="I look"), ToolCall(id="c1", name="read", input={"p": "ü"}))),
            Message(role="user", blocks=(ToolResult(call_id="c1", content="none", is_error=True), Text(text="go on"))),
        )
        full = ModelRequest(
            model="gemini-x/../evil?", system=asked.system, tools=asked.tools, messages=turns, max_tokens=99
        )
        heard = Heard()
        body = provider.body(full)
        await provider.send(body, on_stream=heard, keep=heard.keep)
        (received,) = server.received
    assert received.line == ("POST /v1beta/models/gemini-x%2F..%2Fevil%3F:streamGenerateContent?alt=sse HTTP/1.1")
    assert received.header("x-goog-api-key") == CANARY
    sent = json.loads(received.body)
    assert "model" not in sent
    assert json.loads(body)["model"] == "gemini-x/../evil?"
    assert sent["contents"] == [
        {"role": "user", "parts": [{"text": "hello"}]},
        {
            "role": "model",
            "parts": [
                {"text": "I look"},
                {
                    "functionCall": {"name": "read", "args": {"p": "ü"}},
                    "thoughtSignature": "skip_thought_signature_validator",
                },
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "read", "response": {"error": "none"}}}, {"text": "go on"}],
        },
    ]
    assert sent["systemInstruction"] == {"parts": [{"text": "You are careful."}]}
    assert sent["generationConfig"] == {"maxOutputTokens": 99}
    assert sent["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {"type": "object"}
    text = provider.prompt_text(body)
    for part in ("You are careful.", "hello", "I look", '{"p":"ü"}', "none", "go on", "Read a file"):
        assert part in text


@pytest.mark.parametrize(
    ("usage", "expected", "clamped"),
    [
        ({"promptTokenCount": 7, "totalTokenCount": 7}, Usage(uncached_input=7), True),
        ({"promptTokenCount": 7, "candidatesTokenCount": -3}, Usage(uncached_input=7), True),
        (
            {"promptTokenCount": 7, "cachedContentTokenCount": 9, "candidatesTokenCount": 3},
            Usage(cache_read=7, output=3),
            True,
        ),
        ({"promptTokenCount": 7, "candidatesTokenCount": 10**12}, Usage(uncached_input=7, output=1000), True),
        ({"candidatesTokenCount": 3}, Usage(output=3), True),
        # The thoughts may be counted with the candidates: the total says so.
        (
            {"promptTokenCount": 7, "candidatesTokenCount": 30, "thoughtsTokenCount": 20, "totalTokenCount": 37},
            Usage(uncached_input=7, output=30, reasoning=20),
            False,
        ),
    ],
)
async def test_usage(usage, expected, clamped):
    reply = await answered(g_part({"text": "x"}, finish="STOP", usage=usage))
    assert (reply.usage, reply.usage_clamped) == (expected, clamped)


async def test_usage_that_falls_is_marked_and_the_larger_counts():
    reply = await answered(
        g_part({"text": "x"}, usage={"promptTokenCount": 7, "candidatesTokenCount": 30}),
        g_part({"text": "y"}, finish="STOP", usage={"promptTokenCount": 7, "candidatesTokenCount": 3}),
    )
    assert reply.usage_clamped
    assert reply.usage == Usage(uncached_input=7, output=30)


@pytest.mark.parametrize(
    ("finish", "stop_reason"),
    [("STOP", "end_turn"), ("MAX_TOKENS", "max_tokens"), ("SAFETY", "refusal"), ("OTHER", "other")],
)
async def test_why_it_stopped(finish, stop_reason):
    assert (await answered(g_part({"text": "x"}, finish=finish, usage=G_USAGE))).stop_reason == stop_reason


async def test_a_call_at_the_limit_is_broken():
    reply = await answered(g_part(g_call("read", {}), finish="MAX_TOKENS", usage=G_USAGE))
    assert isinstance(reply.blocks[0], BrokenToolCall)


@pytest.mark.parametrize(
    "last",
    [
        [],
        ["{broken"],
        [{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}],
        [g_part(finish="STOP")],
    ],
    ids=["no end", "torn", "error", "no usage at the end"],
)
async def test_an_answer_that_breaks_off(last):
    heard = Heard()
    with pytest.raises(AnswerCut) as failure:
        await answered(g_part({"text": "hi there"}), *last, heard=heard)
    assert failure.value.text_seen
    async with fault_server() as server:
        assert provider_at(server, "gemini").kept_from(heard.kept) == (Text(text="hi there"),)


async def test_an_end_without_usage_where_that_is_forgiven():
    reply = await answered(g_part({"text": "hi"}, finish="STOP"), lenient_end=True)
    assert (reply.blocks, reply.usage) == ((Text(text="hi"),), None)


async def test_a_limit():
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [{"x": 1}]}}
    async with fault_server() as server:
        server.will(whole(429, json.dumps(error).encode()))
        with pytest.raises(LimitReached, match="slow down"):
            await ask(provider_at(server, "gemini"))
