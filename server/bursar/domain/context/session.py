"""A recorded session: what each of its requests carried, in the order of the prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

TurnKind: TypeAlias = Literal["system", "user", "assistant", "tool_call", "tool_result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One part of a prompt. ``request`` is the first request that carried it, ``index`` its place in the record."""

    index: int
    kind: TurnKind
    text: str
    request: int
    tokens: int
    at_s: float | None = None
    tool: str = ""
    call: str = ""
    is_error: bool = False
    is_thinking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a session; ``at_s`` is when its answer began, in seconds since the session did."""

    n: int
    at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """What an agent sent, request by request. ``turns`` are in the order of the prompt, so by ``request``."""

    id: str
    source: str
    turns: tuple[Turn, ...]
    requests: tuple[Request, ...]
    base_tokens: int
    window_tokens: int
    tokens_per_character: float

    def gap_s(self, request: int) -> float:
        """The silence before a request; 0 for the first, and where a time is not known."""
        if request == 0:
            return 0.0
        before, now = self.requests[request - 1].at_s, self.requests[request].at_s
        return 0.0 if before is None or now is None else now - before

    def by_request(self) -> list[tuple[Turn, ...]]:
        """The turns that each request carried first; what none carried is in no list."""
        groups: list[list[Turn]] = [[] for _ in self.requests]
        for turn in self.turns:
            if turn.request < len(groups):
                groups[turn.request].append(turn)
        return [tuple(each) for each in groups]


def arguments_of(text: str) -> Any:
    """The arguments of a call from its turn's text; the text itself where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in order; keys are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
