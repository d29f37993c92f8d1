"""Gemini's generateContent: the body, and a streamed answer whose usage grows with its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from bursar.domain.conversation import Block, BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult
from bursar.domain.money.usage import Usage
from bursar.providers.canonical import canonical_bytes, canonical_text, reported_text
from bursar.providers.growing import GrowingAnswer, RawCall, blocks_of, code_in, text_in
from bursar.providers.sse import SseEvent, SseParser
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Figures, Reported, larger, shrunk
from bursar.providers.wire import (
    BadStream,
    Reading,
    StreamError,
    whole_blocks,
)

_STOP_REASONS = {"STOP": "end_turn", "MAX_TOKENS": "max_tokens"}
_REFUSALS = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE")

# Newer models ask for the signature of the thought behind each call. A conversation that others may go on with keeps
# none; the vendor's own word for such a history.
_NO_SIGNATURE = "skip_thought_signature_validator"


def open_wire(*, base_url: str) -> GeminiWire:
    """The adapter for the server at this address."""
    return GeminiWire()


class GeminiWire:
    """The wire format of POST {base}/models/MODEL:streamGenerateContent."""

    name = "gemini"
    seller = "google"
    limit_path = ("generationConfig", "maxOutputTokens")
    # How little a model may think differs from model to model, and a wrong value is refused: the words ask alone.
    terse_fields: Mapping[str, Any] = MappingProxyType({})

    def knows(self, part: dict[str, Any], /) -> bool:
        """An answer or a part of one, by its candidates or its usage."""
        return isinstance(part.get("candidates"), list) or isinstance(part.get("usageMetadata"), dict)

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go: this format has the model in the address. A base URL without a path gets the usual one."""
        base = base_url.rstrip("/")
        if not urlsplit(base).path:
            base += "/v1beta"
        return f"{base}/models/{quote(model, safe='')}:streamGenerateContent?alt=sse"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """The format's own headers."""
        return {} if key is None else {"x-goog-api-key": key}

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical body, with the model that its address is made of."""
        names: dict[str, str] = {}
        body: dict[str, Any] = {
            "model": request.model,
            "contents": [_content(each, names) for each in request.messages],
            "generationConfig": {"maxOutputTokens": request.max_tokens},
        }
        if request.system.strip():
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        if request.tools:
            declared = [
                {"name": each.name, "description": each.description, "parametersJsonSchema": each.input_schema}
                for each in request.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
        return canonical_bytes(body)

    def sent(self, body: bytes, /) -> bytes:
        """The body without the model."""
        data = json_object(body.decode("utf-8", "replace")) or {}
        return canonical_bytes({key: value for key, value in data.items() if key != "model"})

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """The instruction, tool definitions and contents, as the model reads them."""
        parts = [each["text"] for each in body.get("systemInstruction", {}).get("parts", [])]
        for tool in body.get("tools", []):
            parts += [canonical_text(each) for each in tool["functionDeclarations"]]
        for content in body["contents"]:
            for part in content["parts"]:
                if "text" in part:
                    parts.append(part["text"])
                elif "functionCall" in part:
                    parts += [part["functionCall"]["name"], canonical_text(part["functionCall"]["args"])]
                else:
                    parts.append(canonical_text(part["functionResponse"]["response"]))
        return "\n".join(parts)

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> GeminiReader:
        """A reader for one answer."""
        return GeminiReader(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)


class GeminiReader(GrowingAnswer):
    """Reads one answer: parts with the text so far; the last one has a finish reason and the usage of all."""

    parser = SseParser

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        super().__init__(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._finish_reason = ""
        self._usage: dict[str, Any] = {}

    @property
    def may_end(self) -> bool:
        """Whether a finish reason has come."""
        return bool(self._finish_reason)

    def take(self, event: SseEvent, /) -> None:
        """Read one part; raises StreamError and BadStream."""
        data = json_object(event.data)
        if data is None:
            raise BadStream("a part is not a JSON object")
        self._note_damage(event)
        self.take_whole(data)

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read an answer in one piece, which is a part that says everything."""
        error = answer.get("error")
        if error:
            raise _error(error)
        self.request_id = self.request_id or text_in(answer.get("responseId")) or None
        self._model = self._model or text_in(answer.get("modelVersion")) or None
        usage = answer.get("usageMetadata")
        if isinstance(usage, dict):
            # What the model says grows with each part; what it was asked does not, and may be told with more or less.
            self._usage_fell += shrunk(
                {key: self._usage.get(key) for key in ("candidatesTokenCount", "thoughtsTokenCount")},
                usage,
                root="usageMetadata",
            )
            self._usage = larger(self._usage, usage)
        candidates = answer.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else []:
            if isinstance(candidate, dict) and candidate.get("index", 0) == 0:
                self._candidate(candidate)
        feedback = answer.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._finish_reason = self._finish_reason or text_in(feedback["blockReason"])
        # A finish reason alone is no end: the usage of the whole answer comes with the last part.
        self.ended = bool(self._finish_reason) and isinstance(usage, dict)
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        stop_reason = self._stop_reason()
        return Reading(
            request_id=self.request_id,
            model=self._model,
            blocks=tuple(self._blocks(stop_reason)),
            stop_reason=stop_reason,
            reported=self.so_far() if self._finish_reason else None,
            usage_raw=reported_text(self._usage) if self._usage else None,
            said="".join([*self._thoughts, *self._text, *(reported_text(each) for each in self._calls)]),
        )

    def so_far(self) -> Reported | None:
        """The usage as the last part told it."""
        if not self._usage:
            return None
        reported = gemini_usage(
            self._usage,
            most_input_tokens=self._most_input_tokens,
            most_output_tokens=self._most_output_tokens,
            content_seen=self.chars > 0,
        )
        return replace(reported, impossible=self._usage_fell + reported.impossible)

    def kept(self) -> tuple[Block, ...]:
        """The text so far and the calls, which come whole."""
        return whole_blocks(self._blocks(self._stop_reason()))

    def _candidate(self, candidate: dict[str, Any]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else []:
            if not isinstance(part, dict):
                continue
            where = self._thoughts if part.get("thought") is True else self._text
            self._hear(where, text_in(part.get("text")))
            call = part.get("functionCall")
            if isinstance(call, dict):
                self._calls.append(call)
                self.chars += len(text_in(call.get("name"))) + len(reported_text(call.get("args")))
        self._finish_reason = text_in(candidate.get("finishReason")) or self._finish_reason

    def _stop_reason(self) -> str:
        reason = self._finish_reason
        if reason in _REFUSALS:
            return "refusal"
        if self._calls and reason == "STOP":
            return "tool_use"
        return _STOP_REASONS.get(reason, reason.lower())

    def _blocks(self, stop_reason: str) -> list[Block]:
        calls = [
            RawCall(call_id=text_in(each.get("id")), name=text_in(each.get("name")), raw=_arguments(each))
            for each in self._calls
        ]
        return blocks_of(self._text, calls, stop_reason=stop_reason, damaged=self._damaged)


def gemini_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> Reported:
    """The buckets of Gemini's usage: cached tokens inside the prompt's; thoughts and tool prompts beside the others.

    A count of zero is left out there. Some servers count the thoughts with the candidates: the total tells.
    """
    figures = Figures("usageMetadata")
    prompt = figures.number(raw, "promptTokenCount", most=most_input_tokens, needed=True)
    of_tools = figures.number(raw, "toolUsePromptTokenCount", most=most_input_tokens)
    cached = figures.at_most(
        figures.number(raw, "cachedContentTokenCount", most=prompt),
        prompt,
        what="cachedContentTokenCount",
        whole="promptTokenCount",
    )
    spoken = figures.number(raw, "candidatesTokenCount", most=most_output_tokens)
    thoughts = figures.number(raw, "thoughtsTokenCount", most=most_output_tokens)
    total = figures.number(raw, "totalTokenCount", most=most_input_tokens + most_output_tokens)
    output = spoken + thoughts
    if total and thoughts and total == prompt + of_tools + spoken and thoughts <= spoken:
        output = spoken
    elif total and total != prompt + of_tools + output:
        figures.doubts.append(
            f"usageMetadata.totalTokenCount is {total}, and its parts are {prompt + of_tools + output} together"
        )
        output = max(output, total - prompt - of_tools)
    if content_seen and output == 0 and not figures.impossible:
        figures.doubts.append("usageMetadata.candidatesTokenCount is missing, and the answer has content")
    usage = Usage(
        uncached_input=prompt - cached + of_tools, cache_read=cached, output=output, reasoning=min(thoughts, output)
    )
    return figures.reported(usage)


def _content(message: Message, names: dict[str, str]) -> dict[str, Any]:
    """A turn in this format; ``names`` are the tools of the calls so far by their ids, for a result names its tool."""
    parts: list[dict[str, Any]] = [
        {
            "functionResponse": {
                "name": names.get(each.call_id, "unknown_tool"),
                "response": {"error" if each.is_error else "output": each.content},
            }
        }
        for each in message.blocks
        if isinstance(each, ToolResult)
    ]
    for block in message.blocks:
        if isinstance(block, Text) and block.text.strip():
            parts.append({"text": block.text})
        elif isinstance(block, ToolCall | BrokenToolCall):
            name = block.name or "unknown_tool"
            names[block.id] = name
            # What was no object cannot go back as it came; its result says what was wrong with it.
            args = block.input if isinstance(block, ToolCall) else {}
            parts.append({"functionCall": {"name": name, "args": args}, "thoughtSignature": _NO_SIGNATURE})
    role = "model" if message.role == "assistant" else "user"
    return {"role": role, "parts": parts or [{"text": "(empty)"}]}


def _error(error: Any) -> StreamError:
    if not isinstance(error, dict):
        return StreamError(kind="", code="", message=text_in(error))
    return StreamError(kind=text_in(error.get("status")), code=code_in(error), message=text_in(error.get("message")))


def _arguments(call: dict[str, Any]) -> str:
    arguments = call.get("args")
    return "" if arguments is None else reported_text(arguments)
