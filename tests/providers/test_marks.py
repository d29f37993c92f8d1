"""Where the marks of a conversation stand, held against a cache that looks back 20 blocks from each and no further."""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.domain.conversation import Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.providers import make_provider
from simulator.support import CLAUDE, simulator
from support.fakes import CountingIds, FakeClock

LONG = " ".join(f"word{n}" for n in range(3_000))


def conversation(turns: int, parallel: int) -> tuple[Message, ...]:
    made = [Message(role="user", blocks=(Text(text=LONG), Text(text="Do it.")))]
    for turn in range(turns):
        ids = [f"c{turn}_{n}" for n in range(parallel)]
        made.append(Message(role="assistant", blocks=tuple(ToolCall(id=each, name="read", input={}) for each in ids)))
        found = (ToolResult(call_id=each, content=f"result {each} " * 20) for each in ids)
        made.append(Message(role="user", blocks=tuple(found)))
    return tuple(made)


@pytest.mark.parametrize("parallel", [1, 7, 10, 11, 40])
async def test_each_request_reads_all_that_the_one_before_it_left_there(tmp_path: Path, parallel: int) -> None:
    provider = make_provider(
        name="acme",
        wire="anthropic",
        base_url="http://127.0.0.1:9",
        key=lambda: None,
        key_name=None,
        clock=FakeClock(),
        ids=CountingIds(),
    )
    async with simulator(tmp_path) as server:
        for turns in range(4):
            request = ModelRequest(
                model=CLAUDE, system="Rules.", tools=(), messages=conversation(turns, parallel), max_tokens=50
            )
            body = provider.body(request)
            assert body.count(b'"cache_control"') <= 4, "more are refused"
            answer = await server.client.post("/v1/messages", content=body)
            assert answer.status_code == 200
        billed = [row["billed_tokens"] for row in await server.rows_when(4)]
    left = [each["cache_read"] + each["cache_write_5m"] for each in billed]
    assert [each["cache_read"] for each in billed[1:]] == left[:-1]
    assert all(each["uncached_input"] == 0 for each in billed), "nothing stands behind the last mark"
