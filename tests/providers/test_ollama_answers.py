"""Ollama's format, end to end over a socket: what is sent, and what comes out of which lines."""

from __future__ import annotations

import json

import pytest

from bursar.domain.conversation import BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.domain.errors import AnswerCut, ModelNotKnown
from bursar.domain.money.usage import Usage
from support.fault_server import LAST_CHUNK, chunk, fault_server, head, whole

from .lines import kind, l_call, l_end, l_line, lines
from .support import Heard, ask, provider_at, request

NDJSON = kind("ollama")


async def answered(data, *, heard=None):
    async with fault_server() as server:
        server.will(head(200, kind=NDJSON) + chunk(data) + LAST_CHUNK)
        return await ask(provider_at(server, "ollama", key=None, key_name=None), heard)


async def test_a_whole_answer():
    heard = Heard()
    reply = await answered(
        lines(
            l_line(message={"thinking": "hm"}),
            l_line("hi "),
            l_line("there\u2028x"),
            l_line(message=l_call("read", {"path": "a"})),
            l_line(message=l_call("list", "{}")),
            l_end(prompt_eval_count=120, eval_count=42),
        ),
        heard=heard,
    )
    assert reply.blocks == (
        Text(text="hi there\u2028x"),
        ToolCall(id="call_0", name="read", input={"path": "a"}),
        ToolCall(id="call_1", name="list", input={}),
    )
    assert (reply.model, reply.stop_reason) == ("llama-x", "tool_use")
    assert reply.usage == Usage(uncached_input=120, output=42)
    assert json.loads(reply.usage_raw) == {"prompt_eval_count": 120, "eval_count": 42}
    assert not reply.usage_clamped
    assert heard.chars[0] == 2
    assert heard.accepted == [reply.request_id]


async def test_what_is_sent_and_where():
    async with fault_server() as server:
        server.will(head(200, kind=NDJSON) + chunk(lines(l_line("x"), l_end())) + LAST_CHUNK)
        provider = provider_at(server, "ollama", key=None, key_name=None, base=server.url)
        asked = request()
        call = ToolCall(id="c1", name="read", input={"path": "ü"})
        turns = (
            *asked.messages,
            Message(role="assistant", blocks=(Text(text="I look"), call)),
            Message(role="user", blocks=(ToolResult(call_id="c1", content="none", is_error=True), Text(text="go on"))),
        )
        full = ModelRequest(
            model="llama-x", system=asked.system, tools=asked.tools, messages=turns, max_tokens=99, terse=True
        )
        heard = Heard()
        await provider.send(provider.body(full), on_stream=heard, keep=heard.keep)
        (received,) = server.received
    assert received.line == "POST /api/chat HTTP/1.1"
    assert received.header("authorization") is None
    body = json.loads(received.body)
    assert body["messages"] == [
        {"role": "system", "content": "You are careful."},
        {"role": "user", "content": "hello"},
        {
            "role": "assistant",
            "content": "I look",
            "tool_calls": [{"function": {"name": "read", "arguments": {"path": "ü"}}}],
        },
        {"role": "tool", "tool_name": "read", "content": "error: none"},
        {"role": "user", "content": "go on"},
    ]
    assert (body["model"], body["stream"], body["options"], body["think"]) == (
        "llama-x",
        True,
        {"num_predict": 99},
        False,
    )
    assert body["tools"][0]["function"]["name"] == "read"
    text = provider.prompt_text(received.body)
    for part in ("You are careful.", "hello", "I look", '{"path":"ü"}', "error: none", "go on", "Read a file"):
        assert part in text


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/"])
async def test_a_base_url_with_or_without_its_api(path):
    async with fault_server() as server:
        server.will(head(200, kind=NDJSON) + chunk(lines(l_line("x"), l_end())) + LAST_CHUNK)
        await ask(provider_at(server, "ollama", key=None, key_name=None, base=f"{server.url}{path}"))
        assert server.received[0].line == "POST /api/chat HTTP/1.1"


@pytest.mark.parametrize(
    ("counts", "usage", "clamped"),
    [
        ({"prompt_eval_count": 9, "eval_count": 0}, Usage(uncached_input=9), False),
        ({"eval_count": 4}, Usage(output=4), True),
        ({"prompt_eval_count": -9, "eval_count": 4}, Usage(output=4), True),
        ({"prompt_eval_count": 10**12, "eval_count": 10**12}, None, True),
        ({"prompt_eval_count": 2.5, "eval_count": "4"}, Usage(), True),
    ],
)
async def test_counts(counts, usage, clamped):
    reply = await answered(lines(l_line("x"), l_end(**counts)))
    assert reply.usage_clamped is clamped
    if usage is None:
        # max_tokens was 1000, and no prompt has more tokens than its body has bytes.
        assert reply.usage.output == 1000
        assert reply.usage.input < 3000
    else:
        assert reply.usage == usage


async def test_counts_that_are_missing_are_none_and_not_zero():
    reply = await answered(lines(l_line("x"), l_line(done=True, done_reason="stop")))
    assert (reply.usage, reply.usage_raw) == (None, None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (l_call("read", "[]"), "stop"),
        (l_call("read", "{broken"), "stop"),
        (l_call("", {}), "stop"),
        (l_call("read", {}), "length"),
    ],
)
async def test_a_call_that_must_not_run_is_broken(message, reason):
    reply = await answered(lines(l_line(message=message), l_end(reason)))
    assert isinstance(reply.blocks[0], BrokenToolCall)


@pytest.mark.parametrize(
    "data",
    [
        lines(l_line("hi there")),
        lines(l_line("hi there"), '{"torn'),
        lines(l_line("hi there"), {"error": "the runner was killed"}),
        lines(l_line("hi there"), "[]", l_end()),
    ],
    ids=["no last line", "torn", "error", "no object"],
)
async def test_an_answer_that_breaks_off(data):
    heard = Heard()
    with pytest.raises(AnswerCut) as failure:
        await answered(data, heard=heard)
    assert failure.value.text_seen
    assert "8 characters" in str(failure.value)
    async with fault_server() as server:
        kept = provider_at(server, "ollama", key=None, key_name=None).kept_from(heard.kept)
    assert kept == (Text(text="hi there"),)


async def test_lines_cut_anywhere_read_the_same():
    data = lines(l_line("zwölf ☃ Möwen"), l_line(message=l_call("read", {"p": "ü"})), l_end())
    async with fault_server() as server:
        pieces = b"".join(chunk(data[at : at + 1]) for at in range(len(data)))
        server.will(head(200, kind=NDJSON) + pieces + LAST_CHUNK)
        reply = await ask(provider_at(server, "ollama", key=None, key_name=None))
    assert reply.blocks == (Text(text="zwölf ☃ Möwen"), ToolCall(id="call_0", name="read", input={"p": "ü"}))


async def test_a_model_that_is_not_there():
    async with fault_server() as server:
        server.will(whole(404, b'{"error":"model \'llama-x\' not found"}'))
        with pytest.raises(ModelNotKnown, match="model 'llama-x' not found"):
            await ask(provider_at(server, "ollama", key=None, key_name=None))
