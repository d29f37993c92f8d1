"""OpenAI Responses in background mode: addresses and bodies, asking for an answer that can be fetched again.

The provider goes on with a background response when nobody listens, and keeps it: an answer that broke off is read on
from the last event that arrived, and is paid once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

from bursar.domain.conversation import BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.providers.canonical import canonical_bytes, canonical_text, whole_text
from bursar.providers.openai_responses_reader import ResponsesReader
from bursar.providers.openai_words import BREAKPOINT, cache_key, marks_prefix, usual_service
from bursar.providers.strict_json import json_object

# What a server of this format may not know; a request without them is the same request, but cannot be fetched again.
_OPTIONS = ("background", "prompt_cache_key", "store")
_MARK = "prompt_cache_breakpoint"
_NAMES_AN_OPTION = re.compile(rf"\b(?:{'|'.join((*_OPTIONS, _MARK))})\b")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def open_wire(*, base_url: str) -> OpenAIResponsesWire:
    """The adapter for the server at this address."""
    return OpenAIResponsesWire(base_url=base_url)


class OpenAIResponsesWire:
    """The wire format of POST {base}/responses."""

    name = "openai-responses"
    seller = "openai"
    limit_path = ("max_output_tokens",)
    terse_fields: Mapping[str, Any] = MappingProxyType({"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}})

    def __init__(self, *, base_url: str) -> None:
        self._service = usual_service(base_url)
        self._base_url = base_url

    def knows(self, part: dict[str, Any], /) -> bool:
        """A response in one piece, or an event that holds one."""
        kind, output = part.get("type"), part.get("output")
        is_event = isinstance(kind, str) and kind.startswith("response.")
        return is_event or part.get("object") == "response" or (isinstance(output, list) and "status" in part)

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go; a base URL without a path gets the usual /v1."""
        base = base_url.rstrip("/")
        if not urlsplit(base).path:
            base += "/v1"
        return f"{base}/responses"

    def answer_url(self, base_url: str, /, *, response_id: str, after: int | None) -> str:
        """Where an answer is fetched again: as a stream after an event's number, or with None as it stands."""
        url = f"{self.url(base_url)}/{response_id}"
        return url if after is None else f"{url}?{urlencode({'stream': 'true', 'starting_after': after})}"

    def cancel_url(self, base_url: str, /, *, response_id: str) -> str:
        """Where an answer that is being made is ended."""
        return f"{self.url(base_url)}/{response_id}/cancel"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """The format's own headers."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical body; no sampling parameter is set, and ``strict``, which would be the default, is off."""
        items: list[dict[str, Any]] = []
        for message in request.messages:
            items += _items(message)
        body: dict[str, Any] = {
            "model": request.model,
            "max_output_tokens": request.max_tokens,
            "stream": True,
            "background": True,
            "store": True,
            "input": items,
            **self._service,
        }
        if request.system.strip():
            body["instructions"] = request.system
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": each.name,
                    "description": each.description,
                    "parameters": each.input_schema,
                    "strict": False,
                }
                for each in request.tools
            ]
        opening: list[dict[str, Any]] = next((each["content"] for each in items if each["type"] == "message"), [])
        first = opening[0] if opening else None
        body["prompt_cache_key"] = cache_key([body["model"], body.get("instructions"), body.get("tools"), first])
        if len(opening) > 1 and marks_prefix(request, self._base_url):
            opening[0] |= BREAKPOINT
        if request.terse:
            body |= self.terse_fields
        return canonical_bytes(body)

    def refuses_options(self, body: bytes, refusal: str, /) -> bool:
        """Whether a refusal of this body names an option that the request can do without."""
        data = json_object(body.decode("utf-8", "replace"))
        return data is not None and "background" in data and _NAMES_AN_OPTION.search(refusal) is not None

    def without_options(self, body: bytes, /) -> bytes:
        """The same request for a server that does not know the options: its answer cannot be fetched again."""
        data = json_object(body.decode("utf-8", "replace")) or {}
        for item in data.get("input", []):
            for part in item.get("content", []):
                part.pop(_MARK, None)
        return canonical_bytes({key: value for key, value in data.items() if key not in _OPTIONS})

    def sent(self, body: bytes, /) -> bytes:
        """All of it."""
        return body

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """Instructions, tool definitions and items, as the model reads them."""
        parts = [body["instructions"]] if body.get("instructions") else []
        for tool in body.get("tools", []):
            parts.append(canonical_text({key: tool[key] for key in ("name", "description", "parameters")}))
        for item in body["input"]:
            if item["type"] == "message":
                parts += [each["text"] for each in item["content"]]
            elif item["type"] == "function_call":
                parts += [item["name"], item["arguments"]]
            else:
                parts.append(item["output"])
        return "\n".join(parts)

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> ResponsesReader:
        """A reader for one answer."""
        return ResponsesReader(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)


def _items(message: Message) -> list[dict[str, Any]]:
    """A turn in this format: results, then its texts as one message, then each call; ids of items are never sent."""
    out: list[dict[str, Any]] = []
    for block in message.blocks:
        if isinstance(block, ToolResult):
            content = block.content if block.content.strip() else "(no output)"
            output = f"error: {content}" if block.is_error else content
            out.append({"type": "function_call_output", "call_id": block.call_id, "output": output})
    texts = [each.text for each in message.blocks if isinstance(each, Text) and each.text.strip()]
    calls = [each for each in message.blocks if isinstance(each, ToolCall | BrokenToolCall)]
    if texts or not (out or calls):
        kind = "input_text" if message.role == "user" else "output_text"
        parts = [{"type": kind, "text": each} for each in texts or ["(empty)"]]
        out.append({"type": "message", "role": message.role, "content": parts})
    return out + [_call_out(each) for each in calls]


def _call_out(call: ToolCall | BrokenToolCall) -> dict[str, Any]:
    # What was no object cannot go back as it came; its result says what was wrong with it.
    arguments = whole_text(canonical_text(call.input)) if isinstance(call, ToolCall) else "{}"
    name = _NOT_IN_A_NAME.sub("_", call.name)[:128] or "unknown_tool"
    return {"type": "function_call", "call_id": call.id, "name": name, "arguments": arguments}
