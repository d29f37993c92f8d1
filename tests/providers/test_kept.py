"""What can be used of an answer that broke off: every prefix of a stream, cut between any two bytes."""

from __future__ import annotations

import pytest

from bursar.domain.conversation import Text, ToolCall
from support.fault_server import FaultServer

from .support import (
    WIRES,
    a_end,
    a_start,
    a_text,
    a_tool,
    numbered,
    o_chunk,
    o_end,
    o_text,
    provider_at,
    r_call,
    r_end,
    r_start,
    r_text,
    sse,
)

CALLS = [("read", '{"path": "a.py"}'), ("read", '{"path": "b.py"}')]


def stream(wire: str) -> bytes:
    """A text, then two calls."""
    if wire == "anthropic":
        calls = [each for n, (name, raw) in enumerate(CALLS) for each in a_tool(raw, n + 1, name=name)]
        return sse(a_start(), *a_text("I look."), *calls, *a_end(stop_reason="tool_use"))
    if wire == "openai-responses":
        items = [each for n, (name, raw) in enumerate(CALLS) for each in r_call(raw, n + 1, name=name)]
        return sse(*numbered(*r_start(), *r_text("I look."), *items, r_end()))
    deltas = []
    for n, (name, raw) in enumerate(CALLS):
        deltas.append(o_chunk({"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": name}}]}))
        for piece in (raw[:9], raw[9:]):
            deltas.append(o_chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}))
    return sse(o_text("I look."), *deltas, *o_end("tool_calls"))


@pytest.mark.parametrize("wire", WIRES)
def test_every_prefix_gives_its_text_and_only_calls_that_are_whole(wire: str) -> None:
    provider = provider_at(FaultServer(port=9), wire)
    data = stream(wire)
    counts = []
    for end in range(len(data)):
        text, calls = "", []
        for block in provider.kept_from(data[:end]):
            if isinstance(block, Text):
                text += block.text
            else:
                assert isinstance(block, ToolCall)
                calls.append((block.name, block.input))
        assert "I look.".startswith(text)
        whole = [("read", {"path": "a.py"}), ("read", {"path": "b.py"})]
        assert calls == whole[: len(calls)], "a call that may be cut is never among them"
        counts.append((len(text), len(calls)))
    assert counts == sorted(counts), "more bytes never give less"
    assert {each for _, each in counts} == {0, 1, 2}


@pytest.mark.parametrize("missing", range(2, 14))
def test_behind_a_missing_event_nothing_is_used(missing: int) -> None:
    provider = provider_at(FaultServer(port=9), "openai-responses")
    events = stream("openai-responses").split(b"\n\n")
    before = provider.kept_from(b"\n\n".join(events[:missing]) + b"\n\n")
    del events[missing]
    assert provider.kept_from(b"\n\n".join(events)) == before
    assert before != provider.kept_from(stream("openai-responses"))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"data: {", b"event: x\ndata: []\n\n"])
def test_what_is_no_answer_gives_nothing(wire: str, data: bytes) -> None:
    assert provider_at(FaultServer(port=9), wire).kept_from(data) == ()
