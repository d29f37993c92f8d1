"""OpenAI Responses in background mode: the body, and the state machine of a streamed answer that can be fetched again.

The provider goes on with a background response when nobody listens, and keeps it: an answer that broke off is read on
from the last event that arrived, and is paid once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

from bursar.domain.conversation import Block, BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.domain.money.usage import Owed, Usage
from bursar.providers.canonical import canonical_bytes, canonical_text, whole_text
from bursar.providers.sse import SseEvent
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import responses_usage
from bursar.providers.wire import (
    CUT_BY_LIMIT,
    NOT_CLOSED,
    NOT_UTF8,
    BadStream,
    Reading,
    StreamError,
    call_block,
    text_block,
    whole_blocks,
)

# What a server of this format may not know; a request without them is the same request, but cannot be fetched again.
_OPTIONS = ("background", "prompt_cache_key", "store")
_NAMES_AN_OPTION = re.compile(rf"\b(?:{'|'.join(_OPTIONS)})\b")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
# The id goes into an address that a key is sent to: nothing but what the vendors' ids are made of.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)

_AT_WORK = ("queued", "in_progress")
_INCOMPLETE = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}
_TEXT_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_THOUGHT_DELTAS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class OpenAIResponsesWire:
    """The wire format of POST {base}/responses."""

    name = "openai-responses"
    terse_fields: Mapping[str, Any] = MappingProxyType({"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}})

    def url(self, base_url: str, /) -> str:
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
        body["prompt_cache_key"] = _cache_key(body)
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
        return canonical_bytes({key: value for key, value in data.items() if key not in _OPTIONS})

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


class ResponsesReader:
    """Reads one streamed response: created, items with their deltas, completed or incomplete.

    Events are numbered: a repeated one is passed over and a missing one ends the answer, because it can be fetched.
    With ``mending``, as kept bytes are read, what is torn or out of its order is passed over too: what was missing
    follows further on. ``failed`` says that the provider gave the answer up, so that there is nothing to fetch.
    """

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        self._most_input_tokens = most_input_tokens
        self._most_output_tokens = most_output_tokens
        self.chars = 0
        self.ended = False
        self.failed = False
        self.mending = False
        self.request_id: str | None = None
        self.sequence: int | None = None
        self._in_background = False
        self._model: str | None = None
        self._started = False
        self._items: dict[int, _Item] = {}
        self._final: dict[str, Any] = {}
        self._damaged = False

    @property
    def may_end(self) -> bool:
        """Never: what comes with the end mark, the usage, comes with nothing else."""
        return False

    @property
    def fetchable(self) -> str | None:
        """The id under which the provider keeps this answer; None where it does not."""
        found = self.request_id if self._in_background and self.sequence is not None else None
        return found if found is not None and _PLAIN_ID.fullmatch(found) else None

    def take(self, event: SseEvent, /) -> None:
        """Read one event; raises StreamError and BadStream."""
        data = json_object(event.data)
        if data is None:
            if event.data.strip() == "[DONE]" or (self.mending and self.sequence is not None):
                return
            raise BadStream(f"the event {event.name[:40]!r} is not a JSON object")
        kind = str(data.get("type", event.name))
        if kind == "error" or (data.get("error") and not kind.startswith("response.")):
            if self.mending:
                # The stream broke off with it, the answer did not: that would have been response.failed.
                return
            raise _error(data)
        if not self._is_next(data.get("sequence_number")):
            return
        self._damaged = self._damaged or event.damaged
        if isinstance(data.get("response"), dict):
            self._start(data["response"])
        elif kind.startswith("response.") and not self._started:
            raise BadStream(f"{kind[:40]} came before response.created")
        if kind in ("response.completed", "response.incomplete"):
            self._finish(_object(data.get("response")))
        elif kind in ("response.failed", "response.cancelled"):
            self._fail(_object(data.get("response")))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._item_event(data, done=kind.endswith("done"))
        elif kind in _TEXT_DELTAS:
            self._grow(self._item(data, "message"), _text(data.get("delta")))
        elif kind == "response.function_call_arguments.delta":
            self._grow(self._item(data, "function_call"), _text(data.get("delta")))
        elif kind == "response.function_call_arguments.done":
            self._whole_arguments(data)
        elif kind in _THOUGHT_DELTAS:
            # Thoughts are billed as output and show that the model is at work; they are not part of the answer.
            self.chars += len(_text(data.get("delta")))

    def take_whole(self, response: dict[str, Any]) -> bool:
        """Read the answer as it stands; False while it is being made. Raises StreamError where it was given up."""
        status = response.get("status")
        if status in _AT_WORK:
            return False
        self._start(response)
        if status not in ("completed", "incomplete"):
            self._fail(response)
        # The whole of it is here: what was streamed before is the beginning of the same.
        self._items = {}
        self._finish(response)
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        reason = _text(_object(self._final.get("incomplete_details")).get("reason"))
        if self._final.get("status") == "incomplete" or reason:
            stop_reason = _INCOMPLETE.get(reason, reason or "max_tokens")
        else:
            stop_reason = "end_turn"
        blocks = self._blocks(stop_reason)
        if stop_reason == "end_turn" and any(not isinstance(each, Text) for each in blocks):
            stop_reason = "tool_use"
        usage, raw, clamped = self._usage(self._final)
        return Reading(
            request_id=self.request_id,
            model=self._model,
            blocks=tuple(blocks),
            stop_reason=stop_reason,
            usage=usage,
            usage_raw=raw,
            usage_clamped=clamped,
        )

    def kept(self) -> tuple[Block, ...]:
        """The texts so far and the calls whose items were closed."""
        return whole_blocks(self._blocks(""))

    def _usage(self, response: dict[str, Any]) -> tuple[Usage | None, str | None, bool]:
        """What a response reports, None where it reports nothing; its raw text, and whether a figure was clamped."""
        reported = response.get("usage")
        if not isinstance(reported, dict):
            return None, None, False
        usage, clamped = responses_usage(
            reported,
            most_input_tokens=self._most_input_tokens,
            most_output_tokens=self._most_output_tokens,
            content_seen=self.chars > 0,
        )
        return usage, whole_text(canonical_text(reported)), clamped

    def _is_next(self, number: Any) -> bool:
        if not isinstance(number, int) or isinstance(number, bool):
            return True
        if self.sequence is not None:
            if number <= self.sequence:
                return False
            if number > self.sequence + 1:
                if self.mending:
                    return False
                raise BadStream(f"the events after number {self.sequence} are missing")
        self.sequence = number
        return True

    def _start(self, response: dict[str, Any]) -> None:
        self._started = True
        self.request_id = self.request_id or _text(response.get("id")) or None
        self._model = self._model or _text(response.get("model")) or None
        self._in_background = self._in_background or response.get("background") is True

    def _finish(self, response: dict[str, Any]) -> None:
        self._final = response
        if not self._items:
            output = response.get("output")
            for index, item in enumerate(output if isinstance(output, list) else []):
                self._item_event({"output_index": index, "item": item}, done=True)
        self.ended = True

    def _fail(self, response: dict[str, Any]) -> None:
        self.failed = True
        error = _object(response.get("error"))
        status = _text(response.get("status")) or "failed"
        raise StreamError(
            kind="",
            code=_code(error) or status,
            message=_text(error.get("message")) or f"the answer was {status}",
            owed=self._owed(response),
        )

    def _owed(self, response: dict[str, Any]) -> Owed | None:
        """What is billed for an answer that was given up; None where nothing is reported, or nothing at all."""
        usage, raw, clamped = self._usage(response)
        if usage is None or raw is None or not (usage.input or usage.output or clamped):
            return None
        return Owed(usage=usage, raw=raw, clamped=clamped, model=self._model)

    def _item(self, data: dict[str, Any], kind: str) -> _Item:
        index = data.get("output_index")
        if not isinstance(index, int) or isinstance(index, bool):
            raise BadStream("an event names no output item")
        return self._items.setdefault(index, _Item(kind=kind))

    def _item_event(self, data: dict[str, Any], *, done: bool) -> None:
        given = _object(data.get("item"))
        item = self._item(data, _text(given.get("type")))
        if not item.name and (name := _text(given.get("name"))):
            item.name = name
            self.chars += len(name)
        item.kind = _text(given.get("type")) or item.kind
        item.call_id = _text(given.get("call_id")) or item.call_id
        if not done:
            return
        item.closed = given.get("status") != "incomplete"
        if item.kind == "message":
            self._replace(item, _spoken(given))
        elif item.kind == "function_call":
            arguments = given.get("arguments")
            # Some servers send the arguments as an object instead of its text.
            text = canonical_text(arguments) if isinstance(arguments, dict) else _text(arguments)
            self._replace(item, [text] if text else [])

    def _whole_arguments(self, data: dict[str, Any]) -> None:
        text = _text(data.get("arguments"))
        self._replace(self._item(data, "function_call"), [text] if text else [])

    def _grow(self, item: _Item, text: str) -> None:
        item.parts.append(text)
        self.chars += len(text)

    def _replace(self, item: _Item, parts: list[str]) -> None:
        """Take the whole of an item for its pieces; a server that sends no whole leaves the pieces."""
        if parts:
            self.chars += max(0, sum(map(len, parts)) - sum(map(len, item.parts)))
            item.parts = parts

    def _blocks(self, stop_reason: str) -> list[Block]:
        blocks: list[Block] = []
        order = sorted(self._items)
        for index in order:
            item = self._items[index]
            if item.kind == "message":
                text = text_block(item.parts)
                blocks += [] if text is None else [text]
            elif item.kind == "function_call":
                damage = None
                if self._damaged:
                    damage = NOT_UTF8
                elif stop_reason == "max_tokens" and (index == order[-1] or not item.closed):
                    damage = CUT_BY_LIMIT
                elif not item.closed:
                    damage = NOT_CLOSED
                call_id = item.call_id or f"call_{index}"
                blocks.append(call_block(call_id=call_id, name=item.name, raw="".join(item.parts), damage=damage))
        return blocks


class _Item:
    """An output item as it grows."""

    __slots__ = ("call_id", "closed", "kind", "name", "parts")

    def __init__(self, *, kind: str) -> None:
        self.kind = kind
        self.call_id = ""
        self.name = ""
        self.parts: list[str] = []
        self.closed = False


def _cache_key(body: dict[str, Any]) -> str:
    """The same for all requests that share their beginning, so that they meet the same cache."""
    opening = next((each["content"][0] for each in body["input"] if each["type"] == "message"), None)
    shared = [body["model"], body.get("instructions"), body.get("tools"), opening]
    return f"bursar-{hashlib.sha256(canonical_bytes(shared)).hexdigest()[:32]}"


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


def _spoken(item: dict[str, Any]) -> list[str]:
    content = item.get("content")
    parts = [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    return [text for each in parts if (text := _text(each.get("text")) or _text(each.get("refusal")))]


def _error(data: dict[str, Any]) -> StreamError:
    """The error in an event: flat as this format has it, or below `error` as others send it."""
    error = data.get("error")
    if isinstance(error, dict):
        return StreamError(kind=_text(error.get("type")), code=_code(error), message=_text(error.get("message")))
    return StreamError(kind="", code=_code(data), message=_text(data.get("message")) or _text(error))


def _code(error: dict[str, Any]) -> str:
    code = error.get("code")
    return str(code) if code is not None else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
