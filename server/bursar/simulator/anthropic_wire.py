"""Anthropic Messages: requests in, answers and events out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bursar.simulator import tokens
from bursar.simulator.cache import PromptCache, Taken
from bursar.simulator.replies import Chunk
from bursar.simulator.request import (
    GIVEN_UP,
    Ask,
    Block,
    Call,
    Refusal,
    canonical,
    flag,
    invalid,
    messages_of,
    model_name,
    parts_of,
    positive,
    strings,
    text_of,
)
from bursar.simulator.scenario import Model
from bursar.simulator.wire import Exchange, event, generated, output_tokens

MAX_MARKS = 4


class AnthropicWire:
    """The wire format of POST /v1/messages."""

    name = "anthropic"
    id_header = "request-id"
    call_prefix = "toolu_"
    overloaded_status = 529

    def read(self, body: dict[str, Any]) -> Ask:
        """The request in a decoded body; raises Refusal."""
        model = model_name(body)
        max_tokens = positive(body, "max_tokens")
        if max_tokens is None:
            raise invalid("max_tokens: Field required")
        messages = messages_of(body, ("user", "assistant", "system"))
        spoken = [(m["role"], parts_of(m.get("content"), f"messages.{i}.content")) for i, m in enumerate(messages)]
        _check_pairs(spoken)
        tools = body.get("tools") or []
        if not isinstance(tools, list) or not all(isinstance(t, dict) for t in tools):
            raise invalid("tools: Input should be a list of tools")
        system = parts_of(body["system"], "system") if body.get("system") else []
        blocks = [_block(tool, b"tool", tokens.count_json(tool)) for tool in tools]
        blocks += [_block(part, b"system", tokens.count_json(part)) for part in system]
        # A changed tool choice or thinking setting keeps what is before the messages and loses the messages.
        setting = canonical([body.get("tool_choice"), body.get("thinking")])
        for role, parts in spoken:
            for i, part in enumerate(parts):
                head = b"|".join((role.encode(), setting, b"first" if i == 0 else b""))
                blocks.append(_block(part, head, tokens.count_json(part) + (tokens.MESSAGE_TOKENS if i == 0 else 0)))
        parts = [part for _, some in spoken for part in some]
        calls = [_call(p) for p in parts if p["type"] == "tool_use"]
        return Ask(
            model=model,
            stream=flag(body, "stream"),
            max_tokens=max_tokens,
            include_usage=True,
            blocks=_marked(blocks, body.get("cache_control")),
            first_user_text=next((text_of(some) for role, some in spoken if role == "user"), ""),
            text="\n".join(strings(body)),
            calls=tuple(calls),
            tool_results=sum(1 for p in parts if p["type"] == "tool_result"),
            tools=frozenset(t["name"] for t in tools if isinstance(t.get("name"), str)),
        )

    def take(self, cache: PromptCache, model: Model, ask: Ask) -> Taken:
        """The prompt through the cache of marked prefixes."""
        return cache.marked(model, ask.blocks)

    def error(self, refusal: Refusal, request_id: str) -> dict[str, Any]:
        """The error body, as {"type": "error", ...}."""
        error = {"type": refusal.kind, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": request_id}

    def whole(self, exchange: Exchange) -> dict[str, Any]:
        """The answer that is not streamed; a call that was cut off is left out, because its input is no JSON."""
        content: list[dict[str, Any]] = []
        for part, text, closed in generated(exchange.answer):
            if part.call_id is None:
                content.append({"type": "text", "text": text})
            elif closed:
                content.append(
                    {"type": "tool_use", "id": part.call_id, "name": part.call_name, "input": json.loads(text)}
                )
        message = _message(exchange, content, _stop_reason(exchange))
        if exchange.with_usage:
            message["usage"] = _usage(exchange.taken, output_tokens(exchange.answer))
        return message

    def begin(self, exchange: Exchange) -> bytes:
        """`message_start`, with the input's buckets."""
        message = _message(exchange, [], None)
        if exchange.with_usage:
            message["usage"] = _usage(exchange.taken, 1)
        return event({"type": "message_start", "message": message}, "message_start")

    def chunk(self, exchange: Exchange, chunk: Chunk) -> bytes:
        """The delta of one chunk, with the start and the stop of its block where it opens or closes it."""
        part, out = exchange.answer.parts[chunk.part], b""
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": chunk.text}
        if part.call_id is not None:
            block = {"type": "tool_use", "id": part.call_id, "name": part.call_name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": chunk.text}
        if chunk.opens:
            start = {"type": "content_block_start", "index": chunk.part, "content_block": block}
            out += event(start, "content_block_start")
            if chunk.part == 0:
                out += event({"type": "ping"}, "ping")
        out += event({"type": "content_block_delta", "index": chunk.part, "delta": delta}, "content_block_delta")
        if chunk.closes or (exchange.answer.cut_by_limit and chunk is exchange.answer.chunks[-1]):
            out += event({"type": "content_block_stop", "index": chunk.part}, "content_block_stop")
        return out

    def end(self, exchange: Exchange) -> bytes:
        """`message_delta`, with the counts so far."""
        data: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": _stop_reason(exchange), "stop_sequence": None},
        }
        if exchange.with_usage:
            usage = _usage(exchange.taken, output_tokens(exchange.answer))
            data["usage"] = {name: usage[name] for name in usage if name.endswith("_tokens")}
        return event(data, "message_delta")

    def end_mark(self, exchange: Exchange) -> bytes:
        """`message_stop`."""
        return event({"type": "message_stop"}, "message_stop")

    def given_up(self, exchange: Exchange, chunks: int) -> bytes:
        """An `error` event."""
        return event(self.error(GIVEN_UP, exchange.request_id), "error")


def _message(exchange: Exchange, content: list[dict[str, Any]], stop_reason: str | None) -> dict[str, Any]:
    return {
        "model": exchange.ask.model,
        "id": "msg_" + exchange.request_id.removeprefix("req_"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _usage(taken: Taken, output: int) -> dict[str, Any]:
    return {
        "input_tokens": taken.uncached_input,
        "cache_creation_input_tokens": taken.cache_write_5m + taken.cache_write_1h,
        "cache_read_input_tokens": taken.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": taken.cache_write_5m,
            "ephemeral_1h_input_tokens": taken.cache_write_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
    }


def _stop_reason(exchange: Exchange) -> str:
    if exchange.answer.cut_by_limit:
        return "max_tokens"
    return "tool_use" if any(part.call_id for part in exchange.answer.parts) else "end_turn"


def _call(part: Mapping[str, Any]) -> Call:
    given = part.get("input")
    return Call(id=str(part.get("id")), name=str(part.get("name")), input=given if isinstance(given, dict) else {})


def _block(part: dict[str, Any], head: bytes, size: int) -> Block:
    """One block of the prompt; its cache marks are taken off before its bytes are compared."""
    mark = _mark(part.get("cache_control"))
    bare = {name: value for name, value in part.items() if name != "cache_control"}
    inner = part.get("content")
    if part.get("type") == "tool_result" and isinstance(inner, list):
        for item in inner:
            mark = (isinstance(item, dict) and _mark(item.get("cache_control"))) or mark
        bare["content"] = [
            {k: v for k, v in item.items() if k != "cache_control"} if isinstance(item, dict) else item
            for item in inner
        ]
    return Block(content=head + b"|" + canonical(bare), tokens=size, mark=mark)


def _mark(control: object) -> str | None:
    if control is None:
        return None
    if not isinstance(control, dict) or control.get("type") != "ephemeral":
        raise invalid("cache_control.type: Input should be 'ephemeral'")
    ttl = control.get("ttl", "5m")
    if ttl not in ("5m", "1h"):
        raise invalid("cache_control.ttl: Input should be '5m' or '1h'")
    return str(ttl)


def _marked(blocks: list[Block], automatic: object) -> tuple[Block, ...]:
    """The blocks with the request's own mark, if any, at the end; raises Refusal for marks that do not go together."""
    mark = _mark(automatic)
    if mark is not None and blocks[-1].mark is None:
        last = blocks[-1]
        blocks[-1] = Block(content=last.content, tokens=last.tokens, mark=mark)
    marks = [block.mark for block in blocks if block.mark]
    if len(marks) > MAX_MARKS:
        raise invalid(f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {len(marks)}.")
    if "5m" in marks and "1h" in marks[marks.index("5m") :]:
        raise invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")
    return tuple(blocks)


def _check_pairs(spoken: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Raise Refusal unless each tool_use is answered in the very next message, and each tool_result answers one.

    A system message between turns, which newer clients send, belongs to neither side.
    """
    asked: set[object] = set()
    for i, (role, parts) in enumerate(spoken):
        if role == "system":
            continue
        given = {p.get("tool_use_id") for p in parts if p["type"] == "tool_result"} if role == "user" else set()
        if asked - given:
            raise invalid(f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after.")
        if given - asked:
            raise invalid(f"messages.{i}: unexpected `tool_use_id` found in `tool_result` blocks.")
        asked = {p.get("id") for p in parts if p["type"] == "tool_use"} if role == "assistant" else set()
    if asked:
        raise invalid("messages: `tool_use` ids were found without `tool_result` blocks immediately after.")
