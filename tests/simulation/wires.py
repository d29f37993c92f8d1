"""Two wire formats from the provider's side: what a body asks, and an answer as the bytes of a stream.

Written from the vendors' pages and not from the product: nothing of it is imported here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .brain import Asked, Call, Said

Json = dict[str, Any]
_TALK = ("type", "role", "id", "tool_use_id", "tool_call_id", "cache_control", "is_error")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a prompt: its tokens, and whether what ends with it may be kept."""

    sha256: str
    tokens: int
    marked: bool


@dataclass(frozen=True, slots=True)
class Used:
    """The input of a request, by how it is billed."""

    plain: int
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of an answer, and how many tokens were generated when they left."""

    data: bytes
    tokens: int


class AnthropicSide:
    """POST /v1/messages, streamed."""

    path = "/v1/messages"
    writes = True

    def asked(self, body: Json) -> Asked:
        texts, calls, results, turns = [], [], {}, 0
        ended_with_calls = True
        for message in body["messages"]:
            blocks = message["content"]
            if message["role"] == "assistant":
                turns += 1
                ended_with_calls = any(each["type"] == "tool_use" for each in blocks)
            for block in blocks:
                if block["type"] == "tool_use":
                    calls.append(Call(block["id"], block["name"], block["input"]))
                elif block["type"] == "tool_result":
                    said = "".join(each["text"] for each in block["content"])
                    results[block["tool_use_id"]] = (said, bool(block.get("is_error")))
                elif message["role"] == "user":
                    texts.append(block["text"])
        return Asked(tuple(texts), tuple(calls), results, turns, ended_with_calls)

    def parts(self, body: Json) -> list[Part]:
        found = [_part(each) for each in body.get("tools", [])]
        found += [_part(each) for each in body.get("system", [])]
        found += [_part(block) for message in body["messages"] for block in message["content"]]
        return found

    def answer(
        self, said: Said, used: Used, *, model: str, request_id: str | None, with_usage: bool = True
    ) -> list[Piece]:
        tokens = 1
        out: list[Piece] = []

        def event(kind: str, data: Json) -> None:
            text = json.dumps({"type": kind, **data}, ensure_ascii=False)
            out.append(Piece(f"event: {kind}\ndata: {text}\n\n".encode(), tokens))

        usage = {
            "input_tokens": used.plain,
            "cache_read_input_tokens": used.read,
            "cache_creation_input_tokens": used.written,
            "output_tokens": 1,
        }
        start = {**_named("msg_", request_id), "type": "message", "role": "assistant", "model": model, "content": []}
        event("message_start", {"message": {**start, **({"usage": usage} if with_usage else {})}})
        event("ping", {})
        index = 0
        if said.text:
            event("content_block_start", {"index": index, "content_block": {"type": "text", "text": ""}})
            for some in _pieces(said.text, 17):
                tokens += _tokens(some)
                event("content_block_delta", {"index": index, "delta": {"type": "text_delta", "text": some}})
            event("content_block_stop", {"index": index})
            index += 1
        for call in said.calls:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            event("content_block_start", {"index": index, "content_block": block})
            for some in _pieces(json.dumps(call.given), 23):
                tokens += _tokens(some)
                event(
                    "content_block_delta", {"index": index, "delta": {"type": "input_json_delta", "partial_json": some}}
                )
            event("content_block_stop", {"index": index})
            index += 1
        reason = "tool_use" if said.calls else "end_turn"
        ended = {"usage": {"output_tokens": tokens}} if with_usage else {}
        event("message_delta", {"delta": {"stop_reason": reason}, **ended})
        event("message_stop", {})
        return out

    def broken(self, kind: str) -> bytes:
        error = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
        return f"event: error\ndata: {json.dumps(error)}\n\n".encode()


class ChatSide:
    """POST /v1/chat/completions, streamed; the prompt's beginning is kept without being asked for."""

    path = "/v1/chat/completions"
    writes = False

    def asked(self, body: Json) -> Asked:
        texts, calls, results, turns = [], [], {}, 0
        ended_with_calls = True
        for message in body["messages"]:
            if message["role"] == "assistant":
                turns += 1
                ended_with_calls = bool(message.get("tool_calls"))
                for each in message.get("tool_calls", []):
                    calls.append(Call(each["id"], each["function"]["name"], json.loads(each["function"]["arguments"])))
            elif message["role"] == "tool":
                said = message["content"]
                results[message["tool_call_id"]] = (said, said.startswith("error: "))
            elif message["role"] == "user":
                texts.append(message["content"])
        return Asked(tuple(texts), tuple(calls), results, turns, ended_with_calls)

    def parts(self, body: Json) -> list[Part]:
        tools = [_part(each, marked=True) for each in body.get("tools", [])]
        return tools + [_part(each, marked=True) for each in body["messages"]]

    def answer(
        self, said: Said, used: Used, *, model: str, request_id: str | None, with_usage: bool = True
    ) -> list[Piece]:
        tokens = 1
        out: list[Piece] = []

        def chunk(data: Json) -> None:
            whole = {**_named("chatcmpl-", request_id), "object": "chat.completion.chunk", "model": model, **data}
            out.append(Piece(f"data: {json.dumps(whole, ensure_ascii=False)}\n\n".encode(), tokens))

        def delta(data: Json, reason: str | None = None) -> None:
            chunk({"choices": [{"index": 0, "delta": data, "finish_reason": reason}]})

        delta({"role": "assistant", "content": ""})
        for some in _pieces(said.text, 17):
            tokens += _tokens(some)
            delta({"content": some})
        for index, call in enumerate(said.calls):
            function = {"name": call.name, "arguments": ""}
            delta({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})
            for some in _pieces(json.dumps(call.given), 23):
                tokens += _tokens(some)
                delta({"tool_calls": [{"index": index, "function": {"arguments": some}}]})
        delta({}, "tool_calls" if said.calls else "stop")
        prompt = used.plain + used.read
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": tokens,
            "total_tokens": prompt + tokens,
            "prompt_tokens_details": {"cached_tokens": used.read},
        }
        if with_usage:
            chunk({"choices": [], "usage": usage})
        out.append(Piece(b"data: [DONE]\n\n", tokens))
        return out

    def broken(self, kind: str) -> bytes:
        error = {"error": {"type": kind, "code": kind, "message": "Overloaded"}}
        return f"data: {json.dumps(error)}\n\n".encode()


def answered(body: bytes) -> int:
    """How many answers a body holds: requests with as many are sendings of one."""
    return sum(message["role"] == "assistant" for message in json.loads(body)["messages"])


def conversation(body: bytes) -> tuple[str, ...]:
    """What a body says from its beginning on, block by block, each as one word that is the same wherever it may be
    kept from."""
    parsed = json.loads(body)
    words = [_word(parsed.get("system")), _word(parsed.get("tools"))]
    for message in parsed["messages"]:
        content = message.get("content") or []
        blocks = content.split("\n") if isinstance(content, str) else content
        words += [_word([message["role"], each]) for each in (*blocks, *message.get("tool_calls", []))]
    return tuple(words)


def _named(kind: str, request_id: str | None) -> Json:
    return {} if request_id is None else {"id": f"{kind}{request_id}"}


def _part(value: Any, *, marked: bool = False) -> Part:
    return Part(_word(value), _tokens_in(value), marked or (isinstance(value, dict) and "cache_control" in value))


def _word(value: Any) -> str:
    text = json.dumps(_unmarked(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(each) for key, each in value.items() if key != "cache_control"}
    return [_unmarked(each) for each in value] if isinstance(value, list) else value


def _tokens_in(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_tokens_in(each) for key, each in value.items() if key not in _TALK)
    if isinstance(value, list):
        return sum(_tokens_in(each) for each in value)
    return _tokens(value) if isinstance(value, str) else 0


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // 3)


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
