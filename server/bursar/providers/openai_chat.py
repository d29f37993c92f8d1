"""OpenAI Chat Completions, as many servers speak it: the body, and the state machine of a streamed answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from bursar.domain.conversation import Block, BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.providers.canonical import canonical_bytes, canonical_text, reported_text, whole_text
from bursar.providers.growing import GrowingAnswer, RawCall, blocks_of, code_in, text_in
from bursar.providers.openai_words import (
    BREAKPOINT,
    VENDORS_HOST,
    cache_key,
    function_tools,
    marks_prefix,
    prompt_of,
    usual_service,
)
from bursar.providers.sse import SseEvent, SseParser
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Reported, larger, llama_cpp_timings, openai_usage, shrunk
from bursar.providers.wire import (
    BadStream,
    Reading,
    StreamError,
    whole_blocks,
)

# One vocabulary for all formats, so that what drives a run need not know which one it spoke.
_STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def open_wire(*, base_url: str) -> OpenAIChatWire:
    """The adapter for the server at this address."""
    return OpenAIChatWire(base_url=base_url)


class OpenAIChatWire:
    """The wire format of POST {base}/chat/completions."""

    name = "openai-chat"
    seller = "openai"
    terse_fields: Mapping[str, Any] = MappingProxyType({"reasoning_effort": "low", "verbosity": "low"})

    def __init__(self, *, base_url: str) -> None:
        # The vendor refuses the old name for its newer models; most other servers know only the old one.
        self._limit_field = "max_completion_tokens" if urlsplit(base_url).hostname == VENDORS_HOST else "max_tokens"
        self.limit_path: tuple[str, ...] = (self._limit_field,)
        self._service = usual_service(base_url)
        self._base_url = base_url

    def knows(self, part: dict[str, Any], /) -> bool:
        """A completion or a chunk of one, by its choices."""
        return isinstance(part.get("choices"), list)

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go; a base URL without a path gets the usual /v1."""
        base = base_url.rstrip("/")
        if not urlsplit(base).path:
            base += "/v1"
        return f"{base}/chat/completions"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """The format's own headers."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical body; usage is always asked for, no sampling parameter is set."""
        messages: list[dict[str, Any]] = []
        if request.system.strip():
            messages.append({"role": "system", "content": request.system})
        for message in request.messages:
            messages += _messages(message)
        body: dict[str, Any] = {
            "model": request.model,
            self._limit_field: request.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": messages,
            **self._service,
        }
        if request.tools:
            body["tools"] = function_tools(request)
        texts = _opening(request)
        if self._service:
            shared = texts[0] if texts else None
            body["prompt_cache_key"] = cache_key([request.model, request.system, body.get("tools"), shared])
        if len(texts) > 1 and marks_prefix(request, self._base_url):
            # What is marked must be a block of its own; the model reads the same.
            own = next(each for each in messages if each["role"] == "user")
            rest = "\n".join(texts[1:])
            own["content"] = [{"type": "text", "text": texts[0], **BREAKPOINT}, {"type": "text", "text": rest}]
        if request.terse:
            body |= self.terse_fields
        return canonical_bytes(body)

    def sent(self, body: bytes, /) -> bytes:
        """All of it."""
        return body

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """Tool definitions and messages, as the model reads them."""
        return prompt_of(body)

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> OpenAIChatReader:
        """A reader for one answer."""
        return OpenAIChatReader(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)


class OpenAIChatReader(GrowingAnswer):
    """Reads one streamed completion: deltas, a finish reason, usage, [DONE]."""

    parser = SseParser

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        super().__init__(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)
        self._text: list[str] = []
        self._calls: list[_Call] = []
        self._finish_reason = ""
        self._usage: dict[str, Any] | None = None
        self._timings: dict[str, Any] | None = None

    @property
    def may_end(self) -> bool:
        """Whether a finish reason has come."""
        return bool(self._finish_reason)

    def take(self, event: SseEvent, /) -> None:
        """Read one chunk; raises StreamError and BadStream."""
        if event.data.strip() == "[DONE]":
            if not self._finish_reason:
                raise BadStream("[DONE] came without a finish reason")
            self.ended = True
            return
        data = json_object(event.data)
        if data is None:
            raise BadStream("a chunk is not a JSON object")
        self._note_damage(event)
        self._take(data)

    def _take(self, data: dict[str, Any]) -> None:
        if data.get("error"):
            raise _error(data["error"])
        self.request_id = self.request_id or text_in(data.get("id")) or None
        self._model = self._model or text_in(data.get("model")) or None
        self._note(data)
        choices = data.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                self._choice(choice)

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read a completion that came in one piece: its message is a delta that says everything."""
        choices = answer.get("choices")
        found = [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
        as_chunk = [{**each, "delta": each.get("message")} for each in found]
        self._take({**answer, "choices": as_chunk})
        self.ended = bool(self._finish_reason)
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        stop_reason = _STOP_REASONS.get(self._finish_reason, self._finish_reason)
        if self._calls and stop_reason == "end_turn":
            # Some servers finish a call with "stop".
            stop_reason = "tool_use"
        reported, raw = self._reported()
        return Reading(
            request_id=self.request_id,
            model=self._model,
            blocks=tuple(self._blocks(stop_reason)),
            stop_reason=stop_reason,
            reported=reported,
            usage_raw=raw,
            said="".join([*self._thoughts, *self._text, *(part for each in self._calls for part in each.said)]),
            tier=self._tier,
        )

    def so_far(self) -> Reported | None:
        """The running total of a server that sends one with each chunk."""
        return self._reported()[0]

    def _note(self, data: dict[str, Any]) -> None:
        """Remember what a chunk says of tokens; a total that comes with every chunk cannot fall."""
        usage, timings = data.get("usage"), data.get("timings")
        if isinstance(usage, dict):
            self._usage_fell += shrunk(self._usage or {}, usage)
            self._usage = usage if self._usage is None else larger(self._usage, usage)
        if isinstance(timings, dict):
            self._timings = timings
        self._tier = text_in(data.get("service_tier")) or self._tier

    def _reported(self) -> tuple[Reported | None, str | None]:
        most = {"most_input_tokens": self._most_input_tokens, "most_output_tokens": self._most_output_tokens}
        if self._usage:
            reported = openai_usage(self._usage, **most, content_seen=self.chars > 0)
            reported = replace(reported, impossible=self._usage_fell + reported.impossible)
            return reported, reported_text(self._usage)
        if self._timings:
            return llama_cpp_timings(self._timings, **most), reported_text(self._timings)
        return None, None

    def kept(self) -> tuple[Block, ...]:
        """The text so far and the calls that another one followed: the last one has no end of its own."""
        stop_reason = _STOP_REASONS.get(self._finish_reason, self._finish_reason)
        blocks = self._blocks(stop_reason)
        if self._calls and not self._finish_reason:
            del blocks[-1]
        return whole_blocks(blocks)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for key in ("content", "refusal"):
                self._hear(self._text, text_in(delta.get(key)))
            self._think(text_in(delta.get("reasoning_content")) or text_in(delta.get("reasoning")))
            calls = delta.get("tool_calls")
            for call in calls if isinstance(calls, list) else []:
                if isinstance(call, dict):
                    self._call(call)
        self._finish_reason = text_in(choice.get("finish_reason")) or self._finish_reason

    def _call(self, data: dict[str, Any]) -> None:
        given = data.get("function")
        function = given if isinstance(given, dict) else {}
        call = self._find(data.get("index"), text_in(data.get("id")))
        name, arguments = text_in(function.get("name")), function.get("arguments")
        call.name = call.name or name
        # Some servers send the arguments as an object instead of its text.
        text = reported_text(arguments) if isinstance(arguments, dict) else text_in(arguments)
        call.parts.append(text)
        self.chars += len(name) + len(text)

    def _find(self, index: Any, call_id: str) -> _Call:
        """The call that a delta belongs to: by its index, or a new one where a new id comes under an old index."""
        if index is None:
            known = self._calls[-1] if self._calls and (not call_id or self._calls[-1].call_id == call_id) else None
        else:
            known = next((each for each in reversed(self._calls) if each.index == index), None)
            if known is not None and call_id and known.call_id and call_id != known.call_id:
                known = None
        if known is None:
            known = _Call(index=index, call_id=call_id)
            self._calls.append(known)
        known.call_id = known.call_id or call_id
        return known

    def _blocks(self, stop_reason: str) -> list[Block]:
        calls = [RawCall(call_id=each.call_id, name=each.name, raw="".join(each.parts)) for each in self._calls]
        return blocks_of(self._text, calls, stop_reason=stop_reason, damaged=self._damaged)


class _Call:
    """A tool call as it grows."""

    __slots__ = ("call_id", "index", "name", "parts")

    def __init__(self, *, index: Any, call_id: str) -> None:
        self.index = index
        self.call_id = call_id
        self.name = ""
        self.parts: list[str] = []

    @property
    def said(self) -> list[str]:
        """Everything of it that the model generated."""
        return [self.name, *self.parts]


def _opening(request: ModelRequest) -> list[str]:
    """The texts of the first turn, where that is the user's and nothing else."""
    first = next(iter(request.messages), None)
    if first is None or first.role != "user" or not all(isinstance(each, Text) for each in first.blocks):
        return []
    return [each.text for each in first.blocks if isinstance(each, Text)]


def _messages(message: Message) -> list[dict[str, Any]]:
    """A turn in this format: each result is a message of its own, before the text of its turn."""
    results = [each for each in message.blocks if isinstance(each, ToolResult)]
    text = "\n".join(each.text for each in message.blocks if isinstance(each, Text))
    calls = [each for each in message.blocks if isinstance(each, ToolCall | BrokenToolCall)]
    out: list[dict[str, Any]] = [
        {
            "role": "tool",
            "tool_call_id": each.call_id,
            "content": f"error: {each.content}" if each.is_error else each.content,
        }
        for each in results
    ]
    if calls:
        out.append({"role": message.role, "content": text or None, "tool_calls": [_call_out(each) for each in calls]})
    elif text or not results:
        out.append({"role": message.role, "content": text})
    return out


def _call_out(call: ToolCall | BrokenToolCall) -> dict[str, Any]:
    # What was no object cannot go back as it came; its result says what was wrong with it.
    arguments = whole_text(canonical_text(call.input)) if isinstance(call, ToolCall) else "{}"
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name or "unknown_tool", "arguments": arguments},
    }


def _error(error: Any) -> StreamError:
    if not isinstance(error, dict):
        return StreamError(kind="", code="", message=text_in(error))
    return StreamError(kind=text_in(error.get("type")), code=code_in(error), message=text_in(error.get("message")))
