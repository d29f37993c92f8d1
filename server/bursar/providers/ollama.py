"""Ollama's own chat format: the body, and an answer of one JSON object to a line whose last one has the counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from bursar.domain.conversation import Block, BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.domain.money.usage import Usage
from bursar.providers.canonical import canonical_bytes, reported_text
from bursar.providers.growing import GrowingAnswer, RawCall, blocks_of, text_in
from bursar.providers.openai_words import function_tools, prompt_of
from bursar.providers.sse import MAX_EVENT_BYTES, MAX_TOTAL_BYTES, SseEvent, StreamTooLarge
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Figures, Reported
from bursar.providers.wire import (
    BadStream,
    Reading,
    StreamError,
    whole_blocks,
)

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}


def open_wire(*, base_url: str) -> OllamaWire:
    """The adapter for the server at this address."""
    return OllamaWire()


class OllamaWire:
    """The wire format of POST /api/chat."""

    name = "ollama"
    seller = "ollama"
    limit_path = ("options", "num_predict")
    terse_fields: Mapping[str, Any] = MappingProxyType({"think": False})

    def knows(self, part: dict[str, Any], /) -> bool:
        """A line of an answer, by its mark that says whether it is the last one."""
        return isinstance(part.get("done"), bool) and ("message" in part or "response" in part)

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go, for a base URL with or without its /api."""
        base = base_url.rstrip("/")
        return f"{base}/chat" if urlsplit(base).path.endswith("/api") else f"{base}/api/chat"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """A server on this machine needs no key."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical body; the length of the context is the server's own setting."""
        messages: list[dict[str, Any]] = []
        if request.system.strip():
            messages.append({"role": "system", "content": request.system})
        names: dict[str, str] = {}
        for message in request.messages:
            messages += _messages(message, names)
        body: dict[str, Any] = {
            "model": request.model,
            "messages": messages,
            "stream": True,
            "options": {"num_predict": request.max_tokens},
        }
        if request.tools:
            body["tools"] = function_tools(request)
        if request.terse:
            body |= self.terse_fields
        return canonical_bytes(body)

    def sent(self, body: bytes, /) -> bytes:
        """All of it."""
        return body

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """Tool definitions and messages, as the model reads them."""
        return prompt_of(body)

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> OllamaReader:
        """A reader for one answer."""
        return OllamaReader(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)


class LineParser:
    """Cuts an answer at its line ends; only LF ends a line, because JSON has the others inside of texts."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._total_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """The lines that this chunk completes; raises StreamTooLarge past a cap."""
        self._total_bytes += len(chunk)
        if self._total_bytes > MAX_TOTAL_BYTES:
            raise StreamTooLarge(f"the answer is larger than {MAX_TOTAL_BYTES} bytes")
        *lines, rest = bytes(self._rest + chunk).split(b"\n")
        self._rest = bytearray(rest)
        if len(rest) > MAX_EVENT_BYTES:
            raise StreamTooLarge(f"one line is larger than {MAX_EVENT_BYTES} bytes")
        for line in lines:
            text = line.decode("utf-8", "replace")
            if text.strip():
                yield SseEvent(name="message", data=text, damaged=not _is_utf8(line))


class OllamaReader(GrowingAnswer):
    """Reads one answer: lines with a piece of the message each, the last one with ``done`` and the counts."""

    parser = LineParser

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        super().__init__(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._last: dict[str, Any] = {}

    @property
    def may_end(self) -> bool:
        """Never: the counts come with the mark that it is done."""
        return False

    def take(self, event: SseEvent, /) -> None:
        """Read one line; raises StreamError and BadStream."""
        data = json_object(event.data)
        if data is None:
            raise BadStream("a line is not a JSON object")
        self._note_damage(event)
        self.take_whole(data)

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read an answer in one piece, which is a last line that says everything."""
        if answer.get("error"):
            raise StreamError(kind="", code="", message=text_in(answer["error"]) or "an error")
        self._model = self._model or text_in(answer.get("model")) or None
        given = answer.get("message")
        message = given if isinstance(given, dict) else {}
        self._hear(self._text, text_in(message.get("content")) or text_in(answer.get("response")))
        self._think(text_in(message.get("thinking")) or text_in(answer.get("thinking")))
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                self._calls.append({**function, "id": text_in(call.get("id"))})
                self.chars += len(text_in(function.get("name"))) + len(_arguments(function))
        if answer.get("done") is True:
            self._last = answer
            self.ended = True
        return True

    def reading(self) -> Reading:
        """The answer with its counts."""
        reason = text_in(self._last.get("done_reason")) or "stop"
        stop_reason = _STOP_REASONS.get(reason, reason)
        if self._calls and stop_reason == "end_turn":
            stop_reason = "tool_use"
        counts = {key: value for key, value in self._last.items() if key in ("prompt_eval_count", "eval_count")}
        return Reading(
            request_id=None,
            model=self._model,
            blocks=tuple(self._blocks(stop_reason)),
            stop_reason=stop_reason,
            reported=self.so_far(),
            usage_raw=reported_text(counts) if counts else None,
            said="".join(
                [*self._thoughts, *self._text, *(text_in(each.get("name")) + _arguments(each) for each in self._calls)]
            ),
        )

    def so_far(self) -> Reported | None:
        """The counts of the last line; nothing comes before it."""
        if not {"prompt_eval_count", "eval_count"} & self._last.keys():
            return None
        return ollama_usage(
            self._last, most_input_tokens=self._most_input_tokens, most_output_tokens=self._most_output_tokens
        )

    def kept(self) -> tuple[Block, ...]:
        """The text so far and the calls, which come whole."""
        return whole_blocks(self._blocks(""))

    def _blocks(self, stop_reason: str) -> list[Block]:
        calls = [
            RawCall(call_id=each["id"], name=text_in(each.get("name")), raw=_arguments(each)) for each in self._calls
        ]
        return blocks_of(self._text, calls, stop_reason=stop_reason, damaged=self._damaged)


def ollama_usage(raw: Mapping[str, Any], *, most_input_tokens: int, most_output_tokens: int) -> Reported:
    """The buckets of Ollama's counts. A server that had the whole prompt in its cache may not count it at all."""
    figures = Figures("")
    asked = figures.number(raw, "prompt_eval_count", most=most_input_tokens)
    is_known = raw.get("prompt_eval_count") is not None
    if not is_known:
        figures.doubts.append("prompt_eval_count is missing, so its input is not known")
    answered = figures.number(raw, "eval_count", most=most_output_tokens)
    return figures.reported(Usage(uncached_input=asked, output=answered), input_known=is_known)


def _messages(message: Message, names: dict[str, str]) -> list[dict[str, Any]]:
    """A turn in this format; ``names`` are the tools of the calls so far by their ids, for a result names its tool."""
    out: list[dict[str, Any]] = [
        {
            "role": "tool",
            "tool_name": names.get(each.call_id, "unknown_tool"),
            "content": f"error: {each.content}" if each.is_error else each.content,
        }
        for each in message.blocks
        if isinstance(each, ToolResult)
    ]
    calls = [each for each in message.blocks if isinstance(each, ToolCall | BrokenToolCall)]
    names |= {each.id: each.name or "unknown_tool" for each in calls}
    text = "\n".join(each.text for each in message.blocks if isinstance(each, Text))
    if calls:
        out.append({"role": message.role, "content": text, "tool_calls": [_call_out(each) for each in calls]})
    elif text or not out:
        out.append({"role": message.role, "content": text})
    return out


def _call_out(call: ToolCall | BrokenToolCall) -> dict[str, Any]:
    # What was no object cannot go back as it came; its result says what was wrong with it.
    arguments = call.input if isinstance(call, ToolCall) else {}
    return {"function": {"name": call.name or "unknown_tool", "arguments": arguments}}


def _arguments(function: dict[str, Any]) -> str:
    arguments = function.get("arguments")
    return text_in(arguments) if isinstance(arguments, str) else reported_text({} if arguments is None else arguments)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
