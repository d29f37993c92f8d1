"""What a wire format gives the transport: how a request is written and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bursar.domain.conversation import Block, BrokenToolCall, ModelRequest, Text, ToolCall
from bursar.domain.money.usage import Owed
from bursar.providers.canonical import whole_text
from bursar.providers.sse import SseEvent
from bursar.providers.strict_json import tool_input
from bursar.providers.usage_fields import Reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer as the wire told it; ``model``, ``request_id`` and ``tier`` are None where it named none.

    ``reported`` is its usage as far as it was told. ``said`` is everything that the model generated, thoughts and
    arguments too: what is counted where nothing is reported.
    """

    request_id: str | None
    model: str | None
    blocks: tuple[Block, ...]
    stop_reason: str
    reported: Reported | None
    usage_raw: str | None
    said: str = ""
    tier: str | None = None


class StreamError(Exception):
    """The stream holds an error: ``kind``, ``code`` and the message are the provider's own, ``owed`` is its bill."""

    def __init__(self, *, kind: str, code: str, message: str, owed: Owed | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.owed = owed


class BadStream(Exception):
    """The stream breaks the rules of its format; what came before it stands."""


class Parser(Protocol):
    """Turns chunks of bytes into events."""

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """The events that this chunk completes; raises StreamTooLarge past a cap."""


class Reader(Protocol):
    """Reads one answer, event by event.

    ``chars`` counts the content so far (text, thoughts, arguments); ``ended`` is true from the end mark on, and
    ``may_end`` once everything but the mark has come.
    """

    chars: int
    ended: bool
    request_id: str | None

    @property
    def parser(self) -> Callable[[], Parser]:
        """Cuts the bytes of an answer into its events, however they are framed."""

    @property
    def may_end(self) -> bool: ...

    def take(self, event: SseEvent, /) -> None:
        """Read one event; raises StreamError for an error of the provider's and BadStream for a broken one."""

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read an answer that came in one piece; False where it is still being made. Raises like ``take``."""

    def reading(self) -> Reading:
        """The answer, once it has ended; before that what there is of it, without usage that is not final."""

    def so_far(self) -> Reported | None:
        """What was reported of an answer that has not ended: its input, and its output as far as it was told."""

    def kept(self) -> tuple[Block, ...]:
        """What can be used of an answer that broke off: its text so far, and the calls that are whole for certain."""


class Wire(Protocol):
    """One wire format. Its module has ``open_wire(base_url=...)``: what a server's address tells comes from there."""

    name: str
    seller: str
    """Who sells what speaks it, where a model's own name does not say: a name of the price card."""
    terse_fields: Mapping[str, Any]
    """What a terse request has beside the others; a model that refuses it is asked without."""

    def knows(self, part: dict[str, Any], /) -> bool:
        """Whether an answer, or a part of a streamed one, has the marks of this format and of no other."""

    limit_path: tuple[str, ...]
    """Where a body says how many tokens the answer may have."""

    def url(self, base_url: str, /, *, model: str = "") -> str: ...

    def headers(self, key: str | None, /) -> dict[str, str]: ...

    def body(self, request: ModelRequest, /) -> bytes: ...

    def sent(self, body: bytes, /) -> bytes:
        """What of a body is sent: all of it, but for what this format has in the address."""

    def prompt_text(self, body: dict[str, Any], /) -> str: ...

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> Reader:
        """A reader for one answer; the two bounds stand in for usage that cannot be true."""


def owed_for(reader: Reader) -> Owed | None:
    """What is owed for an answer that broke off, as far as it was reported; None where nothing was."""
    reported = reader.so_far()
    if reported is None:
        return None
    reading = reader.reading()
    return Owed(
        usage=reported.usage,
        raw=reading.usage_raw or "",
        clamped=bool(reported.impossible),
        model=reading.model,
        service=reading.tier,
    )


def text_block(parts: list[str]) -> Text | None:
    """The text of a block, whole; None where it says nothing."""
    text = whole_text("".join(parts))
    return Text(text=text) if text else None


def call_block(*, call_id: str, name: str, raw: str, damage: str | None) -> ToolCall | BrokenToolCall:
    """A tool call from its raw arguments; broken where they are no object, it has no name, or ``damage`` is known."""
    found = damage or tool_input(raw)
    if not name and isinstance(found, dict):
        found = "the call names no tool"
    if isinstance(found, dict):
        return ToolCall(id=call_id, name=name, input=found)
    return BrokenToolCall(id=call_id, name=name, raw_input=whole_text(raw), why=found)


def whole_blocks(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The blocks without the calls that are broken, and without texts that say nothing."""
    return tuple(
        each
        for each in blocks
        if not isinstance(each, BrokenToolCall) and not (isinstance(each, Text) and not each.text.strip())
    )


CUT_BY_LIMIT = "the answer reached its limit of tokens inside this call: ask for less in one call"
NOT_UTF8 = "the answer held bytes that are not UTF-8, so the arguments cannot be trusted"
NOT_CLOSED = "the answer ended before this call was complete"
