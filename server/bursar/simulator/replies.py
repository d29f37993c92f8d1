"""Which answer and which fault a request meets: chosen by what its body contains, never by a counter of requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bursar.simulator import tokens
from bursar.simulator.generic import generic_answer
from bursar.simulator.request import Ask, Refusal
from bursar.simulator.scenario import FAULT_KINDS, Fault, Reply, Scenario, ScriptedCall, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A bit of the answer as it is generated: of which part, whether it opens or closes it, what it costs."""

    part: int
    text: str
    tokens: int
    opens: bool
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an answer: text, or a tool call with its arguments as JSON text."""

    text: str
    call_id: str | None = None
    call_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The whole answer to a request, cut into chunks at a pace."""

    parts: tuple[Part, ...]
    chunks: tuple[Chunk, ...]
    chunk_ms: int
    cut_by_limit: bool


class Faults:
    """The faults of a scenario and how often each has struck."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = list(faults)
        self._struck = [0] * len(faults)

    def strike(self, ask: Ask, kinds: Sequence[str] = FAULT_KINDS) -> Fault | None:
        """The first fault of these kinds that meets this request and is not used up yet; counts it."""
        for i, fault in enumerate(self._faults):
            if fault.kind in kinds and self._struck[i] < fault.times and holds(fault.when, ask):
                self._struck[i] += 1
                return fault
        return None


def holds(when: When, ask: Ask) -> bool:
    """Whether every part of a condition is true of this request."""
    return (
        (when.task is None or when.task == ask.task)
        and (when.contains is None or when.contains in ask.text)
        and (when.tool_results is None or when.tool_results == ask.tool_results)
    )


def answer(scenario: Scenario, ask: Ask, body_sha256: str, call_prefix: str) -> Answer:
    """The answer to this request, the same for the same bytes; raises Refusal where the scenario has none."""
    reply = next((r for r in scenario.replies if holds(r.when, ask)), None)
    if reply is None:
        if scenario.otherwise == "error":
            raise Refusal(400, "invalid_request_error", "No reply of the scenario matches this request.")
        reply = Reply(when=When())
    text, calls = reply.text, reply.tool_calls
    if not text and not calls:
        text, calls = generic_answer(ask)
    return _cut(_parts(text, calls, body_sha256, call_prefix), reply, ask.max_tokens)


def _parts(text: str, calls: Sequence[ScriptedCall], body_sha256: str, call_prefix: str) -> tuple[Part, ...]:
    parts = [Part(text=text)] if text else []
    for i, call in enumerate(calls):
        name = hashlib.sha256(f"{body_sha256}/{i}".encode()).hexdigest()[:24]
        arguments = json.dumps(call.input, ensure_ascii=False)
        parts.append(Part(text=arguments, call_id=call_prefix + name, call_name=call.name))
    return tuple(parts)


def _cut(parts: tuple[Part, ...], reply: Reply, max_tokens: int | None) -> Answer:
    """Cut an answer into chunks, and off where the request's limit of tokens is reached."""
    chunks: list[Chunk] = []
    left = max_tokens
    for number, part in enumerate(parts):
        words = tokens.pieces(part.text)
        extra = tokens.count(part.call_name or "")
        start = 0
        while start < len(words):
            name = extra if start == 0 else 0
            size = min(reply.chunk_tokens, len(words) - start)
            if left is not None:
                size = min(size, left - name)
                if size <= 0:
                    return Answer(parts=parts, chunks=tuple(chunks), chunk_ms=reply.chunk_ms, cut_by_limit=True)
                left -= size + name
            text, end = "".join(words[start : start + size]), start + size
            chunks.append(Chunk(part=number, text=text, tokens=size + name, opens=start == 0, closes=end == len(words)))
            start = end
    return Answer(parts=parts, chunks=tuple(chunks), chunk_ms=reply.chunk_ms, cut_by_limit=False)
