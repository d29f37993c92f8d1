"""What the wire formats have in common, as the server sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bursar.simulator.cache import PromptCache, Taken
from bursar.simulator.replies import Answer, Chunk, Part
from bursar.simulator.request import Ask, Refusal
from bursar.simulator.scenario import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What an answer's bytes are made of, beside its text."""

    request_id: str
    created_s: int
    ask: Ask
    answer: Answer
    taken: Taken
    with_usage: bool

    @property
    def response_id(self) -> str:
        """The id of the answer, where the format gives it one of its own."""
        return "resp_" + self.request_id.removeprefix("req_")


class Wire(Protocol):
    """One wire format: bodies into asks, answers into bytes."""

    name: str
    id_header: str
    call_prefix: str
    overloaded_status: int

    def read(self, body: dict[str, Any]) -> Ask:
        """The request in a decoded body; raises Refusal."""

    def take(self, cache: PromptCache, model: Model, ask: Ask) -> Taken:
        """The prompt through this vendor's cache."""

    def error(self, refusal: Refusal, request_id: str) -> dict[str, Any]:
        """The error body of this vendor."""

    def whole(self, exchange: Exchange) -> dict[str, Any]:
        """The answer that is not streamed."""

    def begin(self, exchange: Exchange) -> bytes:
        """The events before the first chunk."""

    def chunk(self, exchange: Exchange, chunk: Chunk) -> bytes:
        """The events of one chunk."""

    def end(self, exchange: Exchange) -> bytes:
        """The events after the last chunk, without the mark that says that all is well."""

    def end_mark(self, exchange: Exchange) -> bytes:
        """The mark of a stream that ended as it should."""

    def given_up(self, exchange: Exchange, chunks: int) -> bytes:
        """The error in a stream whose answer the provider gives up after so many chunks."""


def event(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n".encode("utf-8", "replace")


def generated(answer: Answer) -> list[tuple[Part, str, bool]]:
    """The parts of an answer with the text that was generated of each, and whether it is whole."""
    texts: dict[int, list[Chunk]] = {}
    for chunk in answer.chunks:
        texts.setdefault(chunk.part, []).append(chunk)
    return [(answer.parts[n], "".join(c.text for c in some), some[-1].closes) for n, some in texts.items()]


def output_tokens(answer: Answer) -> int:
    """The tokens of a whole answer."""
    return sum(chunk.tokens for chunk in answer.chunks)
