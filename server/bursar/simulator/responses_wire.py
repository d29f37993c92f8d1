"""OpenAI Responses: requests in, answers and numbered events out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bursar.simulator import tokens
from bursar.simulator.cache import PromptCache, Taken
from bursar.simulator.replies import Chunk, Part
from bursar.simulator.request import (
    GIVEN_UP,
    Ask,
    Block,
    Call,
    Refusal,
    canonical,
    flag,
    invalid,
    model_name,
    parts_of,
    positive,
    strings,
)
from bursar.simulator.scenario import Model
from bursar.simulator.wire import Exchange, event, generated, output_tokens

_ROLES = ("user", "assistant", "system", "developer")
_KINDS = {"authentication_error": "invalid_request_error", "not_found_error": "invalid_request_error"}
_OPENING_EVENTS = 2
# What agents put among the items beside the conversation: it is read as part of the prompt and answered by nobody.
_BESIDE = ("additional_tools", "reasoning", "agent_message", "compaction", "compaction_trigger")


class OpenAIResponsesWire:
    """The wire format of POST /v1/responses. Events are numbered from 0 without a gap."""

    name = "openai-responses"
    id_header = "x-request-id"
    call_prefix = "call_"
    overloaded_status = 503

    def read(self, body: dict[str, Any]) -> Ask:
        """The request in a decoded body; raises Refusal."""
        model = model_name(body)
        items = _items_of(body)
        _check_pairs(items)
        tools = body.get("tools") or []
        if not isinstance(tools, list) or not all(isinstance(t, dict) for t in tools):
            raise invalid("tools: Input should be a list of tools")
        background = flag(body, "background")
        store = body.get("store") is None or flag(body, "store")
        if background and not store:
            raise invalid("background: Background mode requires 'store' to be true.")
        blocks = []
        if tools:
            size = sum(tokens.count_json(tool) for tool in tools)
            blocks.append(Block(content=canonical(tools), tokens=size, boundary=False))
        instructions = body.get("instructions")
        if instructions is not None:
            if not isinstance(instructions, str):
                raise invalid("instructions: Input should be a string")
            size = tokens.MESSAGE_TOKENS + tokens.count(instructions)
            blocks.append(Block(content=canonical(instructions), tokens=size))
        blocks += [Block(content=canonical(item), tokens=_size(item)) for item in items]
        users = [item for item in items if item["type"] == "message" and item["role"] == "user"]
        tools = [*tools, *(tool for item in items for tool in item.get("tools") or () if isinstance(tool, dict))]
        return Ask(
            model=model,
            stream=flag(body, "stream"),
            max_tokens=positive(body, "max_output_tokens"),
            include_usage=True,
            blocks=tuple(blocks),
            first_user_text="\n".join(_texts(users[0])) if users else "",
            text="\n".join(strings(body)),
            calls=tuple(_call(item) for item in items if item["type"] == "function_call"),
            tool_results=sum(1 for item in items if item["type"] == "function_call_output"),
            tools=frozenset(t["name"] for t in tools if isinstance(t.get("name"), str)),
            background=background,
            store=store,
            namespaces=_namespaces(tools),
        )

    def take(self, cache: PromptCache, model: Model, ask: Ask) -> Taken:
        """The prompt through the automatic cache."""
        return cache.automatic(model, ask.blocks)

    def error(self, refusal: Refusal, request_id: str) -> dict[str, Any]:
        """The error body, as {"error": ...}."""
        kind = _KINDS.get(refusal.kind, refusal.kind)
        return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}}

    def whole(self, exchange: Exchange) -> dict[str, Any]:
        """The answer that is not streamed."""
        output = [
            _item(exchange, exchange.answer.parts.index(part), part, text, "completed" if closed else "incomplete")
            for part, text, closed in generated(exchange.answer)
        ]
        data = _response(exchange, "incomplete" if exchange.answer.cut_by_limit else "completed", output)
        if exchange.with_usage:
            data["usage"] = _usage(exchange, output_tokens(exchange.answer))
        return data

    def under_way(self, exchange: Exchange) -> dict[str, Any]:
        """The answer as long as it is being made."""
        return _response(exchange, "in_progress", [])

    def begin(self, exchange: Exchange) -> bytes:
        """`response.created` and `response.in_progress`."""
        response = self.under_way(exchange)
        return b"".join(
            _event({"type": f"response.{kind}", "sequence_number": number, "response": response})
            for number, kind in enumerate(("created", "in_progress"))
        )

    def chunk(self, exchange: Exchange, chunk: Chunk) -> bytes:
        """The delta of one chunk, with the start and the end of its item where it opens or closes it."""
        number, out = self._first_number(exchange, chunk), b""
        for data in _events_of(exchange, chunk):
            out += _event({**data, "sequence_number": number})
            number += 1
        return out

    def end(self, exchange: Exchange) -> bytes:
        """Nothing: all that follows the last item is the end mark."""
        return b""

    def end_mark(self, exchange: Exchange) -> bytes:
        """`response.completed` or `response.incomplete`, with the whole answer and its usage."""
        response = self.whole(exchange)
        number = self._first_number(exchange, None)
        return _event({"type": f"response.{response['status']}", "sequence_number": number, "response": response})

    def given_up(self, exchange: Exchange, chunks: int) -> bytes:
        """`response.failed`, with the usage of what was generated."""
        number = _OPENING_EVENTS + sum(_count_of(exchange, each) for each in exchange.answer.chunks[:chunks])
        return _event({"type": "response.failed", "sequence_number": number, "response": self.failed(exchange, chunks)})

    def failed(self, exchange: Exchange, chunks: int) -> dict[str, Any]:
        """The answer that was given up after so many chunks."""
        data = _response(exchange, "failed", [])
        data["error"] = {"code": GIVEN_UP.code, "message": GIVEN_UP.message}
        if exchange.with_usage:
            data["usage"] = _usage(exchange, sum(each.tokens for each in exchange.answer.chunks[:chunks]))
        return data

    def cancelled(self, exchange: Exchange, chunks: int) -> dict[str, Any]:
        """The answer that the client ended after so many chunks."""
        data = _response(exchange, "cancelled", [])
        if exchange.with_usage:
            data["usage"] = _usage(exchange, sum(each.tokens for each in exchange.answer.chunks[:chunks]))
        return data

    def _first_number(self, exchange: Exchange, chunk: Chunk | None) -> int:
        number = _OPENING_EVENTS
        for each in exchange.answer.chunks:
            if each is chunk:
                break
            number += _count_of(exchange, each)
        return number


def _event(data: Mapping[str, Any]) -> bytes:
    return event(data, str(data["type"]))


def _last_and_cut(exchange: Exchange, chunk: Chunk) -> bool:
    return exchange.answer.cut_by_limit and chunk is exchange.answer.chunks[-1]


def _count_of(exchange: Exchange, chunk: Chunk) -> int:
    """How many events a chunk makes, without making them."""
    is_text = exchange.answer.parts[chunk.part].call_id is None
    count = 1
    if chunk.opens:
        count += 2 if is_text else 1
    if chunk.closes or _last_and_cut(exchange, chunk):
        count += 3 if is_text else 2
    return count


def _events_of(exchange: Exchange, chunk: Chunk) -> list[dict[str, Any]]:
    index, part = chunk.part, exchange.answer.parts[chunk.part]
    where: dict[str, Any] = {"item_id": _item_id(exchange, index, part), "output_index": index}
    is_text = part.call_id is None
    if is_text:
        where["content_index"] = 0
    out: list[dict[str, Any]] = []
    if chunk.opens:
        item = _item(exchange, index, part, "", "in_progress")
        out.append({"type": "response.output_item.added", "output_index": index, "item": item})
        if is_text:
            out.append({"type": "response.content_part.added", **where, "part": _text_part("")})
    if is_text:
        out.append({"type": "response.output_text.delta", **where, "delta": chunk.text, "logprobs": []})
    else:
        out.append({"type": "response.function_call_arguments.delta", **where, "delta": chunk.text})
    cut = _last_and_cut(exchange, chunk) and not chunk.closes
    if chunk.closes or cut:
        text = "".join(each.text for each in exchange.answer.chunks if each.part == index)
        item = _item(exchange, index, part, text, "incomplete" if cut else "completed")
        if is_text:
            out.append({"type": "response.output_text.done", **where, "text": text, "logprobs": []})
            out.append({"type": "response.content_part.done", **where, "part": _text_part(text)})
        else:
            out.append({"type": "response.function_call_arguments.done", **where, "arguments": text})
        out.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return out


def _item_id(exchange: Exchange, index: int, part: Part) -> str:
    return f"{'msg' if part.call_id is None else 'fc'}_{exchange.request_id.removeprefix('req_')}_{index}"


def _item(exchange: Exchange, index: int, part: Part, text: str, status: str) -> dict[str, Any]:
    base = {"id": _item_id(exchange, index, part), "status": status}
    if part.call_id is not None:
        call = {"call_id": part.call_id, "name": part.call_name, "arguments": text}
        space = exchange.ask.namespaces.get(part.call_name or "")
        return {**base, "type": "function_call", **call, **({"namespace": space} if space else {})}
    content = [_text_part(text)] if text else []
    return {**base, "type": "message", "role": "assistant", "content": content}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response(exchange: Exchange, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": exchange.response_id,
        "object": "response",
        "created_at": exchange.created_s,
        "status": status,
        "background": exchange.ask.background,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "max_output_tokens": exchange.ask.max_tokens,
        "model": exchange.ask.model,
        "output": output,
        "parallel_tool_calls": True,
        "store": exchange.ask.store,
        "usage": None,
    }


def _usage(exchange: Exchange, output: int) -> dict[str, Any]:
    taken = exchange.taken
    details = {"cached_tokens": taken.cache_read}
    if taken.cache_write_5m:
        details["cache_write_tokens"] = taken.cache_write_5m
    return {
        "input_tokens": taken.total,
        "input_tokens_details": details,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": taken.total + output,
    }


def _items_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the input, each an object of a known type; a message's type may be left out."""
    given = body.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise invalid("input: at least one item is required")
    items = []
    for i, item in enumerate(given):
        if not isinstance(item, dict):
            raise invalid(f"input.{i}: Input should be an object")
        kind = item.get("type", "message")
        if kind == "message":
            if item.get("role") not in _ROLES:
                raise invalid(f"input.{i}.role: Input should be one of {', '.join(_ROLES)}")
            parts_of(item.get("content"), f"input.{i}.content")
        elif kind == "function_call":
            for name in ("call_id", "name", "arguments"):
                if not isinstance(item.get(name), str):
                    raise invalid(f"input.{i}.{name}: Input should be a string")
        elif kind not in _BESIDE and (kind != "function_call_output" or not isinstance(item.get("output"), str | list)):
            raise invalid(f"input.{i}: Input should be a message, a function_call or a function_call_output")
        items.append({**item, "type": kind})
    return items


def _namespaces(tools: list[dict[str, Any]]) -> dict[str, str]:
    return {
        str(tool.get("name")): str(space.get("name"))
        for space in tools
        if space.get("type") == "namespace"
        for tool in space.get("tools") or ()
        if isinstance(tool, dict)
    }


def _texts(item: dict[str, Any]) -> list[str]:
    parts = parts_of(item.get("content"), "input.content")
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]


def _size(item: dict[str, Any]) -> int:
    if item["type"] == "message":
        parts = parts_of(item.get("content"), "input.content")
        return tokens.MESSAGE_TOKENS + sum(tokens.count_json(part) for part in parts)
    if item["type"] == "function_call":
        return tokens.MESSAGE_TOKENS + tokens.count(item["name"]) + tokens.count(item["arguments"])
    if item["type"] in _BESIDE or not isinstance(item["output"], str):
        return tokens.MESSAGE_TOKENS + tokens.count_json(item)
    return tokens.MESSAGE_TOKENS + tokens.count(item["output"])


def _call(item: dict[str, Any]) -> Call:
    try:
        given = json.loads(item["arguments"] or "{}")
    except (ValueError, RecursionError):
        given = {}
    return Call(id=item["call_id"], name=item["name"], input=given if isinstance(given, dict) else {})


def _check_pairs(items: list[dict[str, Any]]) -> None:
    """Raise Refusal unless each function call has an output further on, and each output a call before it."""
    asked: set[object] = set()
    for item in items:
        if item["type"] == "function_call":
            asked.add(item["call_id"])
        elif item["type"] == "function_call_output":
            if item.get("call_id") not in asked:
                raise invalid(f"No tool call found for function call output with call_id {item.get('call_id')}.")
            asked.discard(item["call_id"])
    if asked:
        raise invalid(f"No tool output found for function call {sorted(map(str, asked))[0]}.")
