"""Each fault, a client that leaves, and a server that is told to stop."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from .support import CLAUDE, claude, claude_text, gpt, gpt_text, simulator, sse

REPLY = {"when": {}, "text": "one two three four five six seven eight", "chunk_tokens": 2}
FAULTLESS = {"replies": [REPLY]}


def script(kind: str, **more: Any) -> dict[str, Any]:
    return {"replies": [REPLY], "faults": [{"kind": kind, **more}]}


async def test_429_strikes_as_often_as_told_with_its_headers_and_costs_nothing(tmp_path: Path) -> None:
    fault = script("429", times=2, headers={"Retry-After": "2"}, when={"contains": "unlucky"})
    async with simulator(tmp_path, fault) as server:
        lucky = await server.ask(claude("fine"))
        one, two, three = [await server.ask(claude("unlucky")) for _ in range(3)]
        rows = server.rows()
    assert [r.status_code for r in (lucky, one, two, three)] == [200, 429, 429, 200]
    assert one.headers["retry-after"] == "2"
    assert "retry-after" not in three.headers
    assert one.json()["error"]["type"] == "rate_limit_error"
    assert one.json()["request_id"] == one.headers["request-id"] == rows[1]["request_id"]
    assert [(r["outcome"], r["cost_usd"] == "0") for r in rows] == [
        ("complete", False),
        ("refused", True),
        ("refused", True),
        ("complete", False),
    ]


async def test_overload_has_each_vendor_s_status(tmp_path: Path) -> None:
    async with simulator(tmp_path, script("529", times=2)) as server:
        anthropic, openai = await server.ask(claude()), await server.ask(gpt())
    assert anthropic.status_code == 529
    assert anthropic.json()["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert openai.status_code == 503


@pytest.mark.parametrize(("after", "words"), [(0, ""), (2, "one two three four")])
async def test_a_cut_answer_costs_its_whole_input_and_what_was_generated(
    tmp_path: Path, after: int, words: str
) -> None:
    async with simulator(tmp_path, script("cut", times=2, after_chunks=after)) as server:
        for body, read in ((claude(stream=True), claude_text), (gpt(stream=True), gpt_text)):
            raw = ""
            with pytest.raises(httpx.RemoteProtocolError):
                async with server.client.stream(
                    "POST", "/v1/messages" if body["model"] == CLAUDE else "/v1/chat/completions", json=body
                ) as response:
                    assert response.status_code == 200
                    async for part in response.aiter_text():
                        raw += part
            assert read(raw) == words
        whole = await server.ask(claude())
        rows, log = server.rows(), server.log()
    assert whole.status_code == 200
    assert [r["outcome"] for r in rows] == ["cut", "cut", "complete"]
    generated = 2 * after
    assert [r["billed_tokens"]["output"] for r in rows] == [generated, generated, 8]
    taken = rows[0]["billed_tokens"]["uncached_input"]
    assert taken == rows[2]["billed_tokens"]["uncached_input"] > 0
    assert Decimal(rows[0]["cost_usd"]) == Decimal(taken * 2 + generated * 10) / 10**6
    assert [(e["outcome"], e["generated_tokens"]) for e in log[:2]] == [("cut", generated)] * 2


async def test_an_unstreamed_answer_can_be_cut_too(tmp_path: Path) -> None:
    async with simulator(tmp_path, script("cut", after_chunks=1)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await server.ask(claude())
        assert server.rows()[0]["billed_tokens"]["output"] == 2


async def test_a_stall_holds_the_line_until_the_client_gives_up(tmp_path: Path) -> None:
    async with simulator(tmp_path, script("stall", after_chunks=1)) as server:
        async with server.client.stream("POST", "/v1/messages", json=claude(stream=True)) as response:
            raw, parts = "", response.aiter_text()
            while "content_block_delta" not in raw:
                raw += await anext(parts)
            assert server.rows() == []
        rows = await server.rows_when(1)
    assert (rows[0]["outcome"], rows[0]["billed_tokens"]["output"]) == ("cut", 2)


@pytest.mark.parametrize("body", [claude(), claude(stream=True), gpt(), gpt(stream=True)])
async def test_usage_that_is_not_reported_is_billed_all_the_same(tmp_path: Path, body: dict[str, Any]) -> None:
    async with simulator(tmp_path, script("no_usage")) as server:
        body = body | ({"stream_options": {"include_usage": True}} if "max_tokens" not in body else {})
        response = await server.ask(body)
        row = server.rows()[0]
    assert '"usage":{' not in response.text
    assert row["outcome"] == "complete"
    assert row["billed_tokens"]["output"] == 8
    assert Decimal(row["cost_usd"]) > 0


async def test_a_stream_without_its_end_mark_ends_cleanly_and_is_no_complete_one(tmp_path: Path) -> None:
    async with simulator(tmp_path, script("no_end", times=2)) as server:
        one, two = await server.ask(claude(stream=True)), await server.ask(gpt(stream=True))
        rows = server.rows()
    assert claude_text(one.text) == gpt_text(two.text) == REPLY["text"]
    assert sse(one.text)[-1]["type"] == "message_delta"
    assert {"done": True} not in sse(two.text)
    assert [(r["outcome"], r["billed_tokens"]["output"]) for r in rows] == [("cut", 8), ("cut", 8)]


async def test_no_end_after_some_chunks(tmp_path: Path) -> None:
    async with simulator(tmp_path, script("no_end", after_chunks=1)) as server:
        response = await server.ask(claude(stream=True))
        assert claude_text(response.text) == "one two"
        assert server.rows()[0]["billed_tokens"]["output"] == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_is_billed_for_what_was_generated(tmp_path: Path, stream: bool) -> None:
    """The answer would take hours at its pace: only the hang-up can end it."""
    slow = {"replies": [REPLY | {"chunk_ms": 3_600_000}]}
    async with simulator(tmp_path, slow) as server:
        body = httpx.Request("POST", server.url + "/v1/messages", json=claude(stream=stream))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body.content)}\r\n\r\n"
        writer.write(head.encode() + body.content)
        if stream:
            await reader.readuntil(b"message_start")
        else:
            await writer.drain()
        writer.close()
        rows = await server.rows_when(1)
    assert rows[0]["outcome"] == "cut"
    assert rows[0]["billed_tokens"]["output"] == 0
    assert Decimal(rows[0]["cost_usd"]) == Decimal(rows[0]["billed_tokens"]["uncached_input"] * 2) / 10**6 > 0


async def test_stopping_settles_what_is_under_way_as_cut(tmp_path: Path) -> None:
    slow = {"replies": [REPLY | {"chunk_ms": 3_600_000}]}
    async with (
        simulator(tmp_path, slow) as server,
        server.client.stream("POST", "/v1/messages", json=claude(stream=True)) as response,
    ):
        parts = response.aiter_text()
        assert "message_start" in await anext(parts)
        await server.stop()
        rows, log = server.rows(), server.log()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(parts)
    assert [r["outcome"] for r in rows] == [e["outcome"] for e in log] == ["cut"]
    assert Decimal(rows[0]["cost_usd"]) > 0


async def test_requests_at_once_are_each_billed_once(tmp_path: Path) -> None:
    async with simulator(tmp_path, FAULTLESS) as server:
        answers = await asyncio.gather(*(server.ask(claude(f"number {i}", stream=True)) for i in range(12)))
        rows = server.rows()
    assert {a.headers["request-id"] for a in answers} == {r["request_id"] for r in rows}
    assert [r["n"] for r in rows] == list(range(1, 13))
