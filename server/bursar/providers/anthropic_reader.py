"""The state machine of a streamed Anthropic message: what was said and called, and what is owed for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bursar.domain.conversation import Block
from bursar.providers.canonical import reported_text
from bursar.providers.growing import GrowingAnswer, object_in, text_in
from bursar.providers.sse import SseEvent, SseParser
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Reported, anthropic_usage, larger, shrunk
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

_NEEDS_A_START = frozenset(
    ("content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop")
)


class AnthropicReader(GrowingAnswer):
    """Reads one streamed message: message_start, blocks one after the other, message_delta, message_stop."""

    parser = SseParser

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        super().__init__(most_input_tokens=most_input_tokens, most_output_tokens=most_output_tokens)
        self._started = False
        self._blocks: list[_Open] = []
        self._stop_reason = ""
        self._usage_start: dict[str, Any] | None = None
        self._usage_delta: dict[str, Any] | None = None

    @property
    def may_end(self) -> bool:
        """Whether a stop reason has come."""
        return bool(self._stop_reason)

    def take(self, event: SseEvent, /) -> None:
        """Read one event; raises StreamError and BadStream."""
        data = json_object(event.data)
        kind = str(data.get("type", event.name)) if data is not None else event.name
        if kind == "ping":
            return
        if data is None:
            raise BadStream(f"the event {event.name[:40]!r} is not a JSON object")
        self._note_damage(event)
        if kind == "error":
            raise _error(data)
        if kind == "message_start":
            self._start(object_in(data.get("message")))
        elif kind in _NEEDS_A_START and not self._started:
            raise BadStream(f"{kind} came before message_start")
        elif kind == "content_block_start":
            self._open(data)
        elif kind == "content_block_delta":
            self._add(self._block(data), object_in(data.get("delta")))
        elif kind == "content_block_stop":
            self._block(data).closed = True
        elif kind == "message_delta":
            self._delta(data)
        elif kind == "message_stop":
            if not self._stop_reason:
                raise BadStream("message_stop came without a stop reason")
            self.ended = True

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read a message that came in one piece."""
        if answer.get("type") == "error":
            raise _error(answer)
        self._start(answer)
        content = answer.get("content")
        for index, block in enumerate(content if isinstance(content, list) else []):
            self._open({"index": index, "content_block": block})
            self._think(text_in(object_in(block).get("thinking")))
            self._blocks[-1].closed = True
        self._delta({"delta": {"stop_reason": answer.get("stop_reason")}, "usage": answer.get("usage")})
        self.ended = bool(self._stop_reason)
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        # message_start knows the input only; its output figure is what stood there before the answer.
        reported = None if self._usage_delta is None else self._reported()
        return Reading(
            request_id=self.request_id,
            model=self._model,
            blocks=tuple(self._finished()),
            stop_reason=self._stop_reason,
            reported=reported,
            usage_raw=self._usage_raw(),
            said="".join([*self._thoughts, *(each.said for each in self._blocks)]),
            tier=self._tier,
        )

    def so_far(self) -> Reported | None:
        """The input that message_start reports, with what message_delta had said by then."""
        return self._reported() if self._usage_start or self._usage_delta else None

    def kept(self) -> tuple[Block, ...]:
        """The texts so far and the calls whose blocks were closed."""
        return whole_blocks(self._finished())

    def _start(self, message: dict[str, Any]) -> None:
        if self._started:
            raise BadStream("message_start came twice")
        self._started = True
        self.request_id = text_in(message.get("id")) or None
        self._model = text_in(message.get("model")) or None
        usage = message.get("usage")
        self._usage_start = usage if isinstance(usage, dict) and usage else None
        self._tier = _service(object_in(usage))

    def _open(self, data: dict[str, Any]) -> None:
        if data.get("index") != len(self._blocks) or (self._blocks and not self._blocks[-1].closed):
            raise BadStream("content blocks are out of order")
        block = object_in(data.get("content_block"))
        opened = _Open(
            kind=text_in(block.get("type")), call_id=text_in(block.get("id")), name=text_in(block.get("name"))
        )
        self._blocks.append(opened)
        if opened.kind == "text":
            self._hear(opened.parts, text_in(block.get("text")))
        elif opened.kind == "tool_use":
            self.chars += len(opened.name)
            if block.get("input"):
                opened.whole_input = reported_text(block["input"])

    def _block(self, data: dict[str, Any]) -> _Open:
        if not self._blocks or data.get("index") != len(self._blocks) - 1 or self._blocks[-1].closed:
            raise BadStream("an event names a content block that is not open")
        return self._blocks[-1]

    def _add(self, block: _Open, delta: dict[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self._hear(block.parts, text_in(delta.get("text")))
        elif kind == "input_json_delta":
            self._hear(block.parts, text_in(delta.get("partial_json")))
        elif kind == "thinking_delta":
            self._think(text_in(delta.get("thinking")))

    def _delta(self, data: dict[str, Any]) -> None:
        self._stop_reason = text_in(object_in(data.get("delta")).get("stop_reason")) or self._stop_reason
        usage = data.get("usage")
        if isinstance(usage, dict) and usage:
            before = self._usage_delta or {}
            # The figures are running totals: they cannot fall.
            self._usage_fell += shrunk(before, usage)
            self._usage_delta = larger(before, usage)
            self._tier = _service(usage) or self._tier

    def _finished(self) -> Iterable[Block]:
        for number, block in enumerate(self._blocks):
            if block.kind == "text":
                text = text_block(block.parts)
                if text is not None:
                    yield text
            elif block.kind == "tool_use":
                last = number == len(self._blocks) - 1
                damage = None
                if self._damaged:
                    damage = NOT_UTF8
                elif last and self._stop_reason == "max_tokens":
                    damage = CUT_BY_LIMIT
                elif not block.closed:
                    damage = NOT_CLOSED
                raw = "".join(block.parts) or block.whole_input
                yield call_block(call_id=block.call_id or f"call_{number}", name=block.name, raw=raw, damage=damage)

    def _usage_raw(self) -> str | None:
        if self._usage_start is None and self._usage_delta is None:
            return None
        return reported_text({"message_start": self._usage_start, "message_delta": self._usage_delta})

    def _reported(self) -> Reported:
        delta = self._usage_delta or {}
        merged = {key: value for key, value in (self._usage_start or {}).items() if value is not None}
        if "cache_creation_input_tokens" in delta and "cache_creation" not in delta:
            split = merged.get("cache_creation")
            if merged.get("cache_creation_input_tokens") != delta["cache_creation_input_tokens"] and split:
                del merged["cache_creation"]
        merged |= delta
        reported = anthropic_usage(
            merged,
            most_input_tokens=self._most_input_tokens,
            most_output_tokens=self._most_output_tokens,
            content_seen=self.chars > 0,
        )
        return replace(reported, impossible=self._usage_fell + reported.impossible)


class _Open:
    """A content block as it grows."""

    __slots__ = ("call_id", "closed", "kind", "name", "parts", "whole_input")

    def __init__(self, *, kind: str, call_id: str, name: str) -> None:
        self.kind = kind
        self.call_id = call_id
        self.name = name
        self.parts: list[str] = []
        self.whole_input = ""
        self.closed = False

    @property
    def said(self) -> str:
        """Everything of it that the model generated."""
        return "".join((self.name, *(self.parts or [self.whole_input])))


def _service(usage: dict[str, Any]) -> str | None:
    """The service that an answer names where another price may hold for it: its speed, or else its tier."""
    speed = text_in(usage.get("speed"))
    return speed if speed not in ("", "standard") else text_in(usage.get("service_tier")) or None


def _error(data: dict[str, Any]) -> StreamError:
    error = object_in(data.get("error"))
    return StreamError(kind=str(error.get("type", "")), code=_code_of(error), message=str(error.get("message", "")))


def _code_of(error: dict[str, Any]) -> str:
    return str(object_in(error.get("details")).get("error_code") or "")
