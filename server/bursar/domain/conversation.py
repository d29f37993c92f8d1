"""What is sent to and received from a model; a tool call and its result never split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bursar.domain.money.usage import Usage
from bursar.domain.pacing import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Plain text in a message."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model asks for one tool; ``input`` is the parsed JSON object."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenToolCall:
    """A tool call whose arguments are not one JSON object; it is never run, the model is told why."""

    id: str
    name: str
    raw_input: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool call gave."""

    call_id: str
    content: str
    is_error: bool = False


Block = Text | ToolCall | BrokenToolCall | ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of one side."""

    role: Literal["user", "assistant"]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as the model sees it; ``input_schema`` is a JSON Schema object."""

    name: str
    description: str
    input_schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request before it is bytes; the same value always gives the same bytes.

    ``terse`` asks for little thought and few words in the format's own fields, where it has some. ``once`` says that
    no later request begins with this one, so that keeping its prefix at the provider would be paid for nothing.
    """

    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    terse: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """A whole answer: it ended with the format's own end mark.

    ``usage`` is None where the provider reported none; ``usage_clamped`` says that what it reported was impossible
    and that ``usage`` is the clamped figure. Times are from the first byte sent. ``said`` is everything that the model
    generated, its thoughts too, for counting where nothing is reported; it is not kept.
    """

    request_id: str
    model: str
    blocks: tuple[Block, ...]
    stop_reason: str
    usage: Usage | None
    usage_raw: str | None
    usage_clamped: bool
    ttft_ms: int | None
    duration_ms: int
    service: str | None = None
    """The provider's word for the service that it answered in; None where it names none."""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider answered 200; its headers give ``request_id`` and, in ``windows``, what is left of its limits."""

    request_id: str
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Some more of the answer arrived: ``chars`` so far in total."""

    chars: int


StreamEvent = Accepted | Delta


class OnStream(Protocol):
    """Called on the event loop for each sign of life; must return at once."""

    def __call__(self, event: StreamEvent, /) -> None: ...
