"""The Responses format: its events, its cache, and answers that are made whether or not anybody listens."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from .support import GPT, Simulator, simulator, sse

PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"}
MODELS = {GPT: {"wire": "openai-responses", "prices": PRICES, "cache": {"ttl_s": 300, "min_tokens": 1024}}}
TEXT = "one two three four five six seven eight"
REPLY = {"when": {}, "text": TEXT, "chunk_tokens": 2}
CALLS = [{"name": "read_file", "input": {"path": "a.py"}}, {"name": "finish", "input": {}}]
SLOW = 3_600_000


def script(*faults: dict[str, Any], **reply: Any) -> dict[str, Any]:
    return {"models": MODELS, "replies": [{**REPLY, **reply}], "faults": list(faults)}


def ask(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": GPT, "input": [{"role": "user", "content": text}], **more}


BACKGROUND = {"background": True, "stream": True, "store": True}


async def post(server: Simulator, body: dict[str, Any]) -> httpx.Response:
    return await server.client.post("/v1/responses", json=body)


def texts(raw: str) -> str:
    return "".join(event.get("delta", "") for event in sse(raw) if event["type"] == "response.output_text.delta")


async def test_the_events_of_a_stream_are_numbered_and_end_with_the_whole_answer(tmp_path: Path) -> None:
    async with simulator(tmp_path, script(tool_calls=CALLS)) as server:
        streamed = await post(server, ask(stream=True))
        plain = await post(server, ask())
    events = sse(streamed.text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-3:] == ["response.function_call_arguments.done", "response.output_item.done", "response.completed"]
    assert texts(streamed.text) == TEXT
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    whole = events[-1]["response"]
    assert whole["output"] == items
    assert [item["type"] for item in items] == ["message", "function_call", "function_call"]
    assert (items[1]["name"], items[1]["arguments"]) == ("read_file", '{"path": "a.py"}')
    # The same without a stream, but for what is new in each answer.
    other = plain.json()
    assert (other["status"], other["usage"]) == ("completed", whole["usage"])
    assert [item["type"] for item in other["output"]] == ["message", "function_call", "function_call"]
    assert streamed.headers["x-request-id"].removeprefix("req_") == whole["id"].removeprefix("resp_")


async def test_an_answer_at_its_limit_is_incomplete(tmp_path: Path) -> None:
    async with simulator(tmp_path, script()) as server:
        events = sse((await post(server, ask(stream=True, max_output_tokens=3))).text)
        row = server.rows()[0]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert last["response"]["usage"]["output_tokens"] == row["billed_tokens"]["output"] == 3


async def test_the_beginning_of_a_conversation_is_cached_by_itself(tmp_path: Path) -> None:
    long = {"role": "user", "content": "All tasks share this. " * 400}
    call = {"type": "function_call", "call_id": "c1", "name": "read_file", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "text"}
    async with simulator(tmp_path, script()) as server:
        first = (await post(server, ask() | {"input": [long], "instructions": "Rules."})).json()["usage"]
        then = {"input": [long, call, result], "instructions": "Rules."}
        second = (await post(server, ask() | then)).json()["usage"]
        rows = server.rows()
    assert first["input_tokens_details"]["cached_tokens"] == 0
    assert second["input_tokens_details"]["cached_tokens"] == first["input_tokens_details"]["cache_write_tokens"] > 1024
    for usage, row in zip((first, second), rows, strict=True):
        taken = row["billed_tokens"]
        assert taken["cache_read"] == usage["input_tokens_details"]["cached_tokens"]
        assert taken["uncached_input"] + taken["cache_read"] + taken["cache_write_5m"] == usage["input_tokens"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": [7]}, "input.0"),
        ({"input": [{"role": "tool", "content": "x"}]}, "role"),
        ({"input": [{"type": "odd"}]}, "input.0"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "n"}]}, "arguments"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]}, "No tool output"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "No tool call"),
        ({"background": True, "store": False}, "background"),
        ({"background": "yes"}, "background"),
        ({"instructions": 7}, "instructions"),
    ],
)
async def test_what_is_not_well_formed_is_refused(tmp_path: Path, body: dict[str, Any], word: str) -> None:
    async with simulator(tmp_path, script()) as server:
        refused = await post(server, ask() | body)
        rows = server.rows()
    assert refused.status_code == 400
    assert word in refused.json()["error"]["message"]
    assert [(row["outcome"], row["cost_usd"]) for row in rows] == [("refused", "0")]


async def first_piece(server: Simulator, body: dict[str, Any], until: str) -> str:
    """What a client reads that hangs up once this has come."""
    raw = ""
    async with server.client.stream("POST", "/v1/responses", json=body) as response:
        async for part in response.aiter_text():
            raw += part
            if until in raw:
                break
    return raw


async def test_a_background_answer_goes_on_without_its_client_and_is_billed_whole_and_once(tmp_path: Path) -> None:
    async with simulator(tmp_path, script(chunk_ms=5)) as server:
        raw = await first_piece(server, ask(**BACKGROUND), "output_text.delta")
        events = sse(raw[: raw.rindex("\n\n") + 2])
        response_id, number = events[0]["response"]["id"], events[-1]["sequence_number"]
        streams = [
            await server.client.get(f"/v1/responses/{response_id}", params={"stream": "true", "starting_after": after})
            for after in (number, number, -1)
        ]
        looked = (await server.client.get(f"/v1/responses/{response_id}")).json()
        rows, log = server.rows(), server.log()
    rest, again, all_of_it = (sse(each.text) for each in streams)
    assert rest == again
    assert [event["sequence_number"] for event in events + rest] == list(range(len(events + rest)))
    assert all_of_it == events + rest
    assert texts(streams[2].text) == TEXT
    assert looked == all_of_it[-1]["response"]
    # One row and one line for the answer, none for those who read it.
    assert [row["outcome"] for row in rows] == [line["outcome"] for line in log] == ["complete"]
    assert rows[0]["billed_tokens"]["output"] == 8
    assert rows[0]["request_id"].removeprefix("req_") == response_id.removeprefix("resp_")
    assert streams[0].headers["x-request-id"] != rows[0]["request_id"]


async def test_without_background_the_clients_leaving_ends_it_and_nothing_is_kept(tmp_path: Path) -> None:
    async with simulator(tmp_path, script(chunk_ms=SLOW)) as server:
        raw = await first_piece(server, ask(stream=True, store=True), "in_progress")
        rows = await server.rows_when(1)
        gone = await server.client.get(f"/v1/responses/{sse(raw)[0]['response']['id']}")
    assert [(row["outcome"], row["billed_tokens"]["output"]) for row in rows] == [("cut", 0)]
    assert gone.status_code == 404


async def test_an_answer_can_be_looked_at_while_it_is_made_and_is_billed_when_it_is(tmp_path: Path) -> None:
    async with simulator(tmp_path, script(chunk_ms=SLOW)) as server:
        begun = (await post(server, ask(background=True))).json()
        looked = (await server.client.get(f"/v1/responses/{begun['id']}")).json()
        assert server.rows() == []
        await server.stop()
        rows = server.rows()
    assert begun["status"] == looked["status"] == "in_progress"
    # What a server's end cuts off is billed as far as it got.
    assert [(row["outcome"], row["billed_tokens"]["output"]) for row in rows] == [("cut", 0)]
    assert Decimal(rows[0]["cost_usd"]) > 0


async def test_after_five_minutes_it_is_looked_at_and_not_streamed(tmp_path: Path) -> None:
    async with simulator(tmp_path, script()) as server:
        begun = (await post(server, ask(background=True))).json()
        await server.rows_when(1)
        server.hand.seconds += 301
        late = await server.client.get(f"/v1/responses/{begun['id']}", params={"stream": "true"})
        looked = await server.client.get(f"/v1/responses/{begun['id']}")
    assert late.status_code == 400
    assert "more than 5 minutes old" in late.json()["error"]["message"]
    assert looked.json()["status"] == "completed"


async def test_an_answer_that_was_deleted_is_not_found(tmp_path: Path) -> None:
    async with simulator(tmp_path, script() | {"require_key": "canary"}) as server:
        server.client.headers["authorization"] = "Bearer canary"
        path = f"/v1/responses/{(await post(server, ask(background=True))).json()['id']}"
        await server.rows_when(1)
        assert (await server.client.get(path, headers={"authorization": "Bearer wrong"})).status_code == 401
        assert (await server.client.put(path)).status_code == 405
        assert (await server.client.get(path, params={"stream": "true", "starting_after": "x"})).status_code == 400
        assert (await server.client.delete(path)).json()["deleted"] is True
        assert (await server.client.get(path)).status_code == 404
        assert (await server.client.delete(path)).status_code == 404
        assert len(server.rows()) == len(server.log()) == 1


@pytest.mark.parametrize("kind", ["cut", "no_end"])
@pytest.mark.parametrize("after", [0, 2, 99, None])
async def test_a_fault_breaks_off_a_reading_and_not_the_answer(tmp_path: Path, kind: str, after: int | None) -> None:
    fault: dict[str, Any] = {"kind": kind, "times": 1} | ({} if after is None else {"after_chunks": after})
    raw = ""
    async with simulator(tmp_path, script(fault)) as server:
        try:
            async with server.client.stream("POST", "/v1/responses", json=ask(**BACKGROUND)) as response:
                async for part in response.aiter_text():
                    raw += part
        except httpx.RemoteProtocolError:
            assert kind == "cut"
        (row,) = await server.rows_when(1)
        path = f"/v1/responses/resp_{row['request_id'].removeprefix('req_')}"
        whole = await server.client.get(path, params={"stream": "true"})
    assert "response.completed" not in raw
    words = {0: "", 2: "one two three four", 99: TEXT, None: "" if kind == "cut" else TEXT}[after]
    assert texts(raw) == words
    assert (row["outcome"], row["billed_tokens"]["output"]) == ("complete", 8)
    assert texts(whole.text) == TEXT


async def test_a_stall_holds_the_line_and_the_answer_goes_on(tmp_path: Path) -> None:
    async with (
        simulator(tmp_path, script({"kind": "stall", "after_chunks": 1})) as server,
        server.client.stream("POST", "/v1/responses", json=ask(**BACKGROUND)) as response,
    ):
        raw, parts = "", response.aiter_text()
        while "output_text.delta" not in raw:
            raw += await anext(parts)
        (row,) = await server.rows_when(1)
        assert row["outcome"] == "complete"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(parts)


async def test_limit_and_overload_strike_at_the_request_and_at_a_reading(tmp_path: Path) -> None:
    faults = [{"kind": "429", "times": 1, "headers": {"retry-after": "3"}}, {"kind": "529", "times": 1}]
    async with simulator(tmp_path, script(*faults)) as server:
        limit, overload = await post(server, ask(**BACKGROUND)), await post(server, ask(**BACKGROUND))
    async with simulator(tmp_path, script({"kind": "cut", "after_chunks": 1}, faults[0])) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(server, ask(**BACKGROUND))
        (row,) = await server.rows_when(1)
        path = f"/v1/responses/resp_{row['request_id'].removeprefix('req_')}?stream=true"
        at_reading, then = await server.client.get(path), await server.client.get(path)
        assert len(server.rows()) == 1
    assert (limit.status_code, limit.headers["retry-after"], overload.status_code) == (429, "3", 503)
    assert (at_reading.status_code, at_reading.headers["retry-after"], then.status_code) == (429, "3", 200)


async def test_usage_that_is_not_reported_is_billed_all_the_same(tmp_path: Path) -> None:
    async with simulator(tmp_path, script({"kind": "no_usage"})) as server:
        last = sse((await post(server, ask(**BACKGROUND))).text)[-1]
        row = server.rows()[0]
    assert last["response"]["usage"] is None
    assert Decimal(row["cost_usd"]) > 0


async def test_items_beside_the_conversation_are_read_as_prompt(tmp_path: Path) -> None:
    """Agents put tools and sealed reasoning among the items, and a result may be a list of parts."""
    hello = {"role": "user", "content": "Hello"}
    tools = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "read_file"}]}
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "abc" * 50}
    call = {"type": "function_call", "call_id": "c1", "name": "read_file", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "text"}]}
    async with simulator(tmp_path, script()) as server:
        plain = (await post(server, ask() | {"input": [hello]})).json()["usage"]
        more = (await post(server, ask() | {"input": [tools, hello, thought, call, result]})).json()["usage"]
    assert more["input_tokens"] > plain["input_tokens"] + 40


async def test_a_call_of_a_tool_in_a_namespace_names_that(tmp_path: Path) -> None:
    space = {"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read_file"}]}
    async with simulator(tmp_path, script(tool_calls=CALLS)) as server:
        output = (await post(server, ask() | {"tools": [space]})).json()["output"]
    assert [(each["name"], each.get("namespace")) for each in output[1:]] == [("read_file", "files"), ("finish", None)]
