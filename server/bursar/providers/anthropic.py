"""Anthropic Messages: addresses, headers and the body with its cache marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bursar.domain.conversation import Block, BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.providers.anthropic_reader import AnthropicReader
from bursar.providers.canonical import canonical_bytes, canonical_text

API_VERSION = "2023-06-01"

# The provider looks back 20 blocks from each mark for a prefix it knows; a longer turn needs a mark where the last
# request ended, or all that was cached is written and paid again.
LONG_TURN_BLOCKS = 15

_MARK = {"type": "ephemeral"}
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def open_wire(*, base_url: str) -> AnthropicWire:
    """The adapter for the server at this address."""
    return AnthropicWire()


class AnthropicWire:
    """The wire format of POST /v1/messages."""

    name = "anthropic"
    seller = "anthropic"
    limit_path = ("max_tokens",)
    terse_fields: Mapping[str, Any] = MappingProxyType({"output_config": {"effort": "low"}})

    def knows(self, part: dict[str, Any], /) -> bool:
        """A message in one piece, or the event that begins a streamed one."""
        kind = part.get("type")
        return kind == "message_start" or (kind == "message" and isinstance(part.get("content"), list))

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go, for a base URL with or without its /v1."""
        base = base_url.rstrip("/")
        return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """The format's own headers."""
        headers = {"anthropic-version": API_VERSION}
        if key is not None:
            headers["x-api-key"] = key
        return headers

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical body; no sampling parameter is set, because newer versions of the format refuse them."""
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_tokens,
            "stream": True,
            "messages": [{"role": each.role, "content": _content(each)} for each in request.messages],
        }
        if request.system.strip():
            body["system"] = [{"type": "text", "text": request.system}]
        if request.tools:
            body["tools"] = [
                {"name": each.name, "description": each.description, "input_schema": each.input_schema}
                for each in request.tools
            ]
        if request.terse:
            body |= self.terse_fields
        if not request.once:
            _mark(body)
        return canonical_bytes(body)

    def sent(self, body: bytes, /) -> bytes:
        """All of it."""
        return body

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """System, tool definitions and messages, as the model reads them."""
        parts = [each["text"] for each in body.get("system", [])]
        parts += [canonical_text(each) for each in body.get("tools", [])]
        for message in body["messages"]:
            for block in message["content"]:
                parts += _read_of(block)
        return "\n".join(parts)

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> AnthropicReader:
        """A reader for one answer."""
        return AnthropicReader(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)


def _content(message: Message) -> list[dict[str, Any]]:
    """The blocks of a message, always a list: results first, as the format asks; blank texts are left out."""
    results = [each for each in message.blocks if isinstance(each, ToolResult)]
    others = [each for each in message.blocks if not isinstance(each, ToolResult)]
    blocks = [_as_block(each) for each in (*results, *others) if not (isinstance(each, Text) and not each.text.strip())]
    return blocks or [{"type": "text", "text": "(empty)"}]


def _as_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, ToolCall):
        return {"type": "tool_use", "id": _id(block.id), "name": _name(block.name), "input": block.input}
    if isinstance(block, BrokenToolCall):
        # What was no object cannot go back as it came; its result says what was wrong with it.
        return {"type": "tool_use", "id": _id(block.id), "name": _name(block.name), "input": {}}
    text = block.content if block.content.strip() else "(no output)"
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": _id(block.call_id),
        "content": [{"type": "text", "text": text}],
    }
    if block.is_error:
        result["is_error"] = True
    return result


def _id(given: str) -> str:
    return _NOT_IN_AN_ID.sub("_", given) or "_"


def _name(given: str) -> str:
    return _NOT_IN_AN_ID.sub("_", given)[:128] or "unknown_tool"


def _mark(body: dict[str, Any]) -> None:
    """Mark the ends of the prefixes that later requests share: at most four, and nothing else changes by it.

    An opening of several blocks begins with what other runs share too, so its first block is marked in the system's
    place: a mark further on covers the system as well.
    """
    messages: list[dict[str, Any]] = body["messages"]
    first_user = next((each for each in messages if each["role"] == "user"), None)
    shared_opening = first_user is not None and len(first_user["content"]) > 1
    ends = [body["system"][-1]] if "system" in body and not shared_opening else []
    if first_user is not None:
        ends += [first_user["content"][0], first_user["content"][-1]] if shared_opening else [first_user["content"][-1]]
    if len(messages) > 2 and sum(len(each["content"]) for each in messages[-2:]) > LONG_TURN_BLOCKS:
        ends.append(messages[-3]["content"][-1])
    if messages:
        ends.append(messages[-1]["content"][-1])
    for block in ends:
        block["cache_control"] = dict(_MARK)


def _read_of(block: dict[str, Any]) -> list[str]:
    if block["type"] == "text":
        return [block["text"]]
    if block["type"] == "tool_use":
        return [block["name"], canonical_text(block["input"])]
    return [each["text"] for each in block["content"]]
