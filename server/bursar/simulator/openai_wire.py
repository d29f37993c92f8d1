"""OpenAI Chat Completions: requests in, answers and chunks out."""

from __future__ import annotations

import json
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

_ROLES = ("system", "developer", "user", "assistant", "tool")
_KINDS = {"authentication_error": "invalid_request_error", "not_found_error": "invalid_request_error"}


class OpenAIChatWire:
    """The wire format of POST /v1/chat/completions."""

    name = "openai-chat"
    id_header = "x-request-id"
    call_prefix = "call_"
    overloaded_status = 503

    def read(self, body: dict[str, Any]) -> Ask:
        """The request in a decoded body; raises Refusal."""
        model = model_name(body)
        messages = messages_of(body, _ROLES)
        calls = [call for i, message in enumerate(messages) for call in _calls(message, i)]
        _check_pairs(messages)
        tools = body.get("tools") or []
        if not isinstance(tools, list) or not all(isinstance(t, dict) for t in tools):
            raise invalid("tools: Input should be a list of tools")
        blocks = []
        if tools:
            size = sum(tokens.count_json(tool) for tool in tools)
            blocks.append(Block(content=canonical(tools), tokens=size, boundary=False))
        blocks += [Block(content=canonical(message), tokens=_size(message, i)) for i, message in enumerate(messages)]
        users = [m for m in messages if m["role"] == "user"]
        options = body.get("stream_options") or {}
        functions = [t.get("function") for t in tools]
        return Ask(
            model=model,
            stream=flag(body, "stream"),
            max_tokens=positive(body, "max_completion_tokens") or positive(body, "max_tokens"),
            include_usage=isinstance(options, dict) and flag(options, "include_usage"),
            blocks=tuple(blocks),
            first_user_text=text_of(parts_of(users[0].get("content"), "messages.content")) if users else "",
            text="\n".join(strings(body)),
            calls=tuple(calls),
            tool_results=sum(1 for m in messages if m["role"] == "tool"),
            tools=frozenset(f["name"] for f in functions if isinstance(f, dict) and isinstance(f.get("name"), str)),
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
        text, calls = None, []
        for part, some, _ in generated(exchange.answer):
            if part.call_id is None:
                text = some
            else:
                function = {"name": part.call_name, "arguments": some}
                calls.append({"id": part.call_id, "type": "function", "function": function})
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(exchange)}
        data = _frame(exchange, "chat.completion", [choice])
        if exchange.with_usage:
            data["usage"] = _usage(exchange)
        return data

    def begin(self, exchange: Exchange) -> bytes:
        """The chunk that names the role."""
        return self._chunk(exchange, {"role": "assistant", "content": "", "refusal": None})

    def chunk(self, exchange: Exchange, chunk: Chunk) -> bytes:
        """The delta of one chunk; a tool call's first one is preceded by its id and name."""
        part = exchange.answer.parts[chunk.part]
        if part.call_id is None:
            return self._chunk(exchange, {"content": chunk.text})
        index = sum(1 for other in exchange.answer.parts[: chunk.part] if other.call_id is not None)
        out = b""
        if chunk.opens:
            function = {"name": part.call_name, "arguments": ""}
            call = {"index": index, "id": part.call_id, "type": "function", "function": function}
            out += self._chunk(exchange, {"tool_calls": [call]})
        return out + self._chunk(exchange, {"tool_calls": [{"index": index, "function": {"arguments": chunk.text}}]})

    def end(self, exchange: Exchange) -> bytes:
        """The finish reason, and the usage where it was asked for."""
        out = self._chunk(exchange, {}, _finish_reason(exchange))
        if exchange.ask.include_usage and exchange.with_usage:
            data = _frame(exchange, "chat.completion.chunk", [])
            data["usage"] = _usage(exchange)
            out += event(data)
        return out

    def end_mark(self, exchange: Exchange) -> bytes:
        """`[DONE]`."""
        return b"data: [DONE]\n\n"

    def given_up(self, exchange: Exchange, chunks: int) -> bytes:
        """The error as data of its own; no `[DONE]` follows."""
        return event(self.error(GIVEN_UP, exchange.request_id))

    def _chunk(self, exchange: Exchange, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        data = _frame(exchange, "chat.completion.chunk", [choice])
        if exchange.ask.include_usage:
            data["usage"] = None
        return event(data)


def _frame(exchange: Exchange, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-" + exchange.request_id.removeprefix("req_"),
        "object": kind,
        "created": exchange.created_s,
        "model": exchange.ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
        "choices": choices,
    }


def _usage(exchange: Exchange) -> dict[str, Any]:
    taken, output = exchange.taken, output_tokens(exchange.answer)
    details = {"cached_tokens": taken.cache_read, "audio_tokens": 0}
    if taken.cache_write_5m:
        details["cache_write_tokens"] = taken.cache_write_5m
    return {
        "prompt_tokens": taken.total,
        "completion_tokens": output,
        "total_tokens": taken.total + output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _finish_reason(exchange: Exchange) -> str:
    if exchange.answer.cut_by_limit:
        return "length"
    return "tool_calls" if any(part.call_id for part in exchange.answer.parts) else "stop"


def _size(message: dict[str, Any], number: int) -> int:
    content = message.get("content")
    size = tokens.MESSAGE_TOKENS
    if content is not None:
        size += sum(tokens.count_json(part) for part in parts_of(content, f"messages.{number}.content"))
    return size + tokens.count_json(message.get("tool_calls"))


def _calls(message: dict[str, Any], number: int) -> list[Call]:
    raw = message.get("tool_calls") or []
    calls = []
    for item in raw if isinstance(raw, list) else [raw]:
        function = item.get("function") if isinstance(item, dict) else None
        if message["role"] != "assistant" or not isinstance(function, dict):
            raise invalid(f"messages.{number}.tool_calls: Input should be a list of function calls of an assistant")
        try:
            given = json.loads(function.get("arguments") or "{}")
        except (ValueError, TypeError, RecursionError):
            given = {}
        arguments = given if isinstance(given, dict) else {}
        calls.append(Call(id=str(item.get("id")), name=str(function.get("name")), input=arguments))
    return calls


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    """Raise Refusal unless each tool call is answered before the next other message, and each answer has its call."""
    asked: set[object] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in asked:
                raise invalid("messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
            asked.discard(message["tool_call_id"])
            continue
        if asked:
            break
        asked = {call["id"] for call in message.get("tool_calls") or [] if isinstance(call.get("id"), str)}
    if asked:
        raise invalid(
            "An assistant message with 'tool_calls' must be followed by tool messages for each 'tool_call_id'."
        )
