"""Both wire formats, streamed and not, as a client sees them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from .support import CLAUDE, GPT, claude, claude_text, gpt, gpt_text, simulator, sse

SCRIPT = {
    "replies": [
        {"when": {"contains": "say"}, "text": "one two three four five six", "chunk_tokens": 2},
        {
            "when": {"contains": "call"},
            "text": "I do.",
            "tool_calls": [{"name": "read_file", "input": {"path": "src/a.py", "ends": "caf\u00e9 \u2028"}}],
            "chunk_tokens": 2,
        },
    ]
}


async def test_anthropic_stream_carries_the_text_the_buckets_and_its_end_mark(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        response = await server.ask(claude("say it", stream=True))
        events = sse(response.text)
        row = server.rows()[0]
    assert response.headers["request-id"] == row["request_id"]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [e["type"] for e in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert claude_text(response.text) == "one two three four five six"
    start, delta = events[0]["message"], events[-2]
    assert start["model"] == CLAUDE
    assert start["usage"]["output_tokens"] == 1
    assert start["usage"]["input_tokens"] == row["billed_tokens"]["uncached_input"] > 0
    assert start["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    assert delta["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert delta["usage"]["output_tokens"] == row["billed_tokens"]["output"] == 6
    assert row["outcome"] == "complete"


async def test_anthropic_tool_input_is_streamed_in_pieces_and_is_the_whole_answer_s_input(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        streamed = await server.ask(claude("call", stream=True))
        whole = (await server.ask(claude("call"))).json()
    events = sse(streamed.text)
    starts = [e["content_block"] for e in events if e["type"] == "content_block_start"]
    pieces = [e["delta"]["partial_json"] for e in events if e.get("delta", {}).get("type") == "input_json_delta"]
    assert [s["type"] for s in starts] == ["text", "tool_use"]
    assert len(pieces) > 2
    assert whole["content"][0] == {"type": "text", "text": "I do."}
    assert whole["content"][1]["input"] == json.loads("".join(pieces)) == SCRIPT["replies"][1]["tool_calls"][0]["input"]
    assert whole["stop_reason"] == "tool_use"
    assert whole["content"][1]["id"].startswith("toolu_")


async def test_openai_stream_has_usage_only_when_asked_for(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        plain = await server.ask(gpt("say it", stream=True))
        counted = await server.ask(gpt("say it", stream=True, stream_options={"include_usage": True}))
        row = server.rows()[1]
    assert gpt_text(plain.text) == gpt_text(counted.text) == "one two three four five six"
    assert not any("usage" in e for e in sse(plain.text))
    events = sse(counted.text)
    assert events[-1] == {"done": True}
    assert events[-2]["choices"] == []
    assert all(e["usage"] is None for e in events[:-2])
    assert events[-3]["choices"][0]["finish_reason"] == "stop"
    usage = events[-2]["usage"]
    assert usage["completion_tokens"] == row["billed_tokens"]["output"] == 6
    assert usage["prompt_tokens"] == row["billed_tokens"]["uncached_input"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + 6
    assert counted.headers["x-request-id"] == row["request_id"]


async def test_openai_tool_call_arguments_are_streamed_in_pieces(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        streamed = await server.ask(gpt("call", stream=True))
        whole = (await server.ask(gpt("call"))).json()
    calls = [c for e in sse(streamed.text) for ch in e.get("choices", []) for c in ch["delta"].get("tool_calls", [])]
    assert calls[0]["function"] == {"name": "read_file", "arguments": ""}
    assert calls[0]["id"].startswith("call_")
    arguments = "".join(c["function"]["arguments"] for c in calls)
    message = whole["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == arguments
    assert json.loads(arguments)["path"] == "src/a.py"
    assert message["content"] == "I do."
    assert whole["choices"][0]["finish_reason"] == "tool_calls"


async def test_the_answer_stops_at_the_request_s_limit_and_only_that_is_billed(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        one = (await server.ask(claude("say it", max_tokens=3))).json()
        two = await server.ask(gpt("say it", max_completion_tokens=3, stream=True))
        rows = server.rows()
    assert (one["stop_reason"], one["content"][0]["text"]) == ("max_tokens", "one two three")
    assert sse(two.text)[-2]["choices"][0]["finish_reason"] == "length"
    assert [row["billed_tokens"]["output"] for row in rows] == [3, 3]


async def test_cost_is_tokens_times_price_and_the_bill_sums_its_rows(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        for body in (claude("say it"), gpt("say this"), claude("call"), claude("x", model="none")):
            await server.ask(body)
        bill = server.bill()
    rows = bill["requests"]
    first = rows[0]["billed_tokens"]
    # $2 in and $10 out per million tokens.
    assert Decimal(rows[0]["cost_usd"]) == Decimal(first["uncached_input"] * 2 + first["output"] * 10) / 1_000_000
    assert Decimal(bill["total_usd"]) == sum(Decimal(row["cost_usd"]) for row in rows)
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert rows[3]["outcome"] == "refused"
    assert rows[3]["cost_usd"] == "0"
    assert set(rows[3]["billed_tokens"].values()) == {0}


@pytest.mark.parametrize(
    ("path", "raw", "status", "kind"),
    [
        ("/v1/messages", b"{", 400, "invalid_request_error"),
        ("/v1/messages", b"[1]", 400, "invalid_request_error"),
        ("/v1/messages", b"[" * 100_000, 400, "invalid_request_error"),
        ("/v1/messages", b'{"a":' * 900 + b"1" + b"}" * 900, 400, "invalid_request_error"),
        (
            "/v1/messages",
            b'{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"x"}]}',
            400,
            "max_tokens",
        ),
        (
            "/v1/messages",
            b'{"model":"gpt-6-sol","max_tokens":1,"messages":[{"role":"user","content":"x"}]}',
            404,
            "model",
        ),
        ("/v1/chat/completions", b'{"model":"no","messages":[{"role":"user","content":"x"}]}', 404, "model_not_found"),
        ("/v1/chat/completions", b'{"model":"gpt-6-sol","messages":[]}', 400, "invalid_request_error"),
        ("/v1/chat/completions", b'{"model":"gpt-6-sol","messages":[{"role":"tool","content":"x"}]}', 400, "tool"),
    ],
)
async def test_bad_requests_get_the_vendor_s_error_and_cost_nothing(
    tmp_path: Path, path: str, raw: bytes, status: int, kind: str
) -> None:
    async with simulator(tmp_path) as server:
        response = await server.client.post(path, content=raw)
        rows, log = server.rows(), server.log()
    assert response.status_code == status
    error = response.json()
    assert kind in json.dumps(error)
    if path == "/v1/messages":
        assert error["type"] == "error"
        assert error["request_id"] == response.headers["request-id"]
    else:
        assert set(error["error"]) == {"message", "type", "param", "code"}
    assert [(row["outcome"], row["cost_usd"]) for row in rows] == [("refused", "0")]
    assert log[0]["outcome"] == "refused"


async def test_a_tool_call_without_its_result_is_refused_on_both_wires(tmp_path: Path) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "finish", "input": {}}
    function = {"id": "c1", "type": "function", "function": {"name": "finish", "arguments": "{}"}}
    async with simulator(tmp_path) as server:
        body = claude()
        body["messages"] += [{"role": "assistant", "content": [use]}, {"role": "user", "content": "and?"}]
        one = await server.ask(body)
        other = gpt()
        other["messages"] += [{"role": "assistant", "tool_calls": [function]}, {"role": "user", "content": "and?"}]
        two = await server.ask(other)
    assert (one.status_code, two.status_code) == (400, 400)
    assert "tool_result" in one.json()["error"]["message"]


async def test_a_key_is_checked_and_is_nowhere_on_disk(tmp_path: Path) -> None:
    async with simulator(tmp_path, {"require_key": "canary-right"}) as server:
        none = await server.ask(claude())
        wrong = await server.ask(gpt(), authorization="Bearer canary-wrong")
        right = await server.ask(claude(), **{"x-api-key": "canary-right"})
        bearer = await server.ask(gpt(), authorization="Bearer canary-right")
        written = server.bill_path.read_text() + server.log_path.read_text()
    assert none.json()["error"]["type"] == "authentication_error"
    assert wrong.json()["error"]["code"] == "invalid_api_key"
    assert [r.status_code for r in (none, wrong, right, bearer)] == [401, 401, 200, 200]
    assert "canary" not in written


async def test_models_root_and_unknown_paths(tmp_path: Path) -> None:
    async with simulator(tmp_path) as server:
        models = (await server.client.get("/v1/models")).json()
        native = (await server.client.get("/v1/models", headers={"anthropic-version": "2023-06-01"})).json()
        head, root = await server.client.head("/"), await server.client.get("/")
        lost, wrong = await server.client.get("/nowhere"), await server.client.get("/v1/messages")
        assert server.rows() == []
    assert [m["id"] for m in models["data"]] == [CLAUDE, GPT]
    assert (native["first_id"], native["last_id"]) == (CLAUDE, CLAUDE)
    assert (head.status_code, head.content, root.status_code) == (200, b"", 200)
    assert (lost.status_code, wrong.status_code) == (404, 405)


async def test_too_much_is_refused(tmp_path: Path) -> None:
    async with simulator(tmp_path) as server:
        response = await server.client.get("/", headers={"x-long": "a" * 70_000})
        assert response.status_code == 431
        big = await server.client.post("/v1/messages", content=b" " * (33 * 1024 * 1024))
        assert big.status_code == 413
        assert (await server.ask(claude())).status_code == 200


async def test_the_same_bytes_get_the_same_answer_and_show_as_a_repeat(tmp_path: Path) -> None:
    body = claude("call")
    async with simulator(tmp_path, SCRIPT) as server:
        one, two = (await server.ask(body)).json(), (await server.ask(body)).json()
        await server.ask(claude("call again"))
        log, rows = server.log(), server.rows()
    assert one["content"] == two["content"]
    assert one["id"] != two["id"]
    assert log[0]["sha256_of_body"] == log[1]["sha256_of_body"] != log[2]["sha256_of_body"]
    assert log[0]["body"] == body
    assert [entry["request_id"] for entry in log] == [row["request_id"] for row in rows]
    assert log[0]["at"] == "2026-11-20T00:16:40.000Z"


async def test_a_system_message_between_turns_separates_no_call_from_its_result(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "read_file", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
    told = {"role": "system", "content": [{"type": "text", "text": "The day is new."}]}
    messages = [
        {"role": "user", "content": "say it"},
        told,
        {"role": "assistant", "content": [call]},
        told,
        {"role": "user", "content": [result]},
    ]
    async with simulator(tmp_path, SCRIPT) as server:
        whole = await server.ask(claude("say it") | {"messages": messages})
        lost = await server.ask(claude("say it") | {"messages": messages[:-1]})
    assert (whole.status_code, lost.status_code) == (200, 400)
    assert "tool_result" in lost.json()["error"]["message"]
