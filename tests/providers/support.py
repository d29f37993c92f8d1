"""What the tests of the providers share: a clock that is told the time, requests, and answers in every format."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bursar.domain.conversation import Accepted, Delta, Message, ModelReply, ModelRequest, StreamEvent, Text, ToolSpec
from bursar.domain.ports import ModelProvider
from bursar.providers import Deadlines, make_provider
from support.fakes import CountingIds
from support.fault_server import FaultServer

CANARY = "sk-canary-0123456789-ABCDEFGHIJ"
WIRES = ("anthropic", "openai-chat", "openai-responses")
SHORT = Deadlines(connect_s=2.0, first_byte_s=0.4, progress_s=0.4, total_s=5.0, look_again_s=0.01)


class FakeClock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)
        self.monotonic = 100.0

    def now_utc(self) -> str:
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def local_day(self) -> str:
        return self.now_utc()[:10]

    def next_local_midnight_utc(self) -> str:
        return "2026-11-22T00:00:00.000Z"

    def local_midnight_utc(self, day: str) -> str:
        return f"{day}T00:00:00.000Z"

    def zone(self) -> tzinfo:
        return UTC

    def utc_in(self, seconds: float) -> str:
        return (self.at + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def seconds_until(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - self.at).total_seconds()

    def monotonic_s(self) -> float:
        return self.monotonic

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a provider never waits on the clock")


class Heard:
    """Remembers the stream's events and the kept bytes, in order."""

    def __init__(self, clock: FakeClock | None = None, *, ms_per_event: int = 0) -> None:
        self.events: list[StreamEvent] = []
        self.kept = b""
        self.order: list[str] = []
        self._clock = clock
        self._ms = ms_per_event

    def __call__(self, event: StreamEvent, /) -> None:
        self.events.append(event)
        self.order.append("accepted" if isinstance(event, Accepted) else "delta")
        if self._clock is not None:
            self._clock.monotonic += self._ms / 1000

    def keep(self, data: bytes) -> None:
        self.kept += data
        self.order.append("kept")

    @property
    def accepted(self) -> list[str]:
        return [each.request_id for each in self.events if isinstance(each, Accepted)]

    @property
    def chars(self) -> list[int]:
        return [each.chars for each in self.events if isinstance(each, Delta)]


IDS = CountingIds()
"""One source for every provider of a test, as in a process."""


def provider_at(
    server: FaultServer,
    wire: str,
    *,
    key: str | None = CANARY,
    clock: FakeClock | None = None,
    deadlines: Deadlines | None = None,
    lenient_end: bool = False,
    key_name: str | None = "ACME_API_KEY",
    base: str | None = None,
) -> ModelProvider:
    return make_provider(
        name="acme",
        wire=wire,
        base_url=f"{server.url}/v1" if base is None else base,
        key=lambda: key,
        key_name=key_name,
        clock=clock or FakeClock(),
        ids=IDS,
        deadlines=deadlines or Deadlines(),
        lenient_end=lenient_end,
    )


def request(text: str = "hello", *, model: str = "some-model") -> ModelRequest:
    tool = ToolSpec(name="read", description="Read a file", input_schema={"type": "object"})
    message = Message(role="user", blocks=(Text(text=text),))
    return ModelRequest(model=model, system="You are careful.", tools=(tool,), messages=(message,), max_tokens=1000)


async def ask(provider: ModelProvider, heard: Heard | None = None) -> ModelReply:
    heard = heard or Heard()
    return await provider.send(provider.body(request()), on_stream=heard, keep=heard.keep)


def sse(*datas: dict[str, Any] | str) -> bytes:
    """Events as the vendors send them; where an event has a type, it is named by it."""
    lines = []
    for data in datas:
        if isinstance(data, dict) and "type" in data:
            lines.append(f"event: {data['type']}\n")
        lines.append(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")
    return "".join(lines).encode()


# --- Anthropic Messages ---------------------------------------------------------------------------------------------


def a_start(usage: dict[str, Any] | None = None, *, model: str = "claude-x") -> dict[str, Any]:
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    message["usage"] = {"input_tokens": 7, "output_tokens": 1} if usage is None else usage
    return {"type": "message_start", "message": message}


def a_text(text: str, index: int = 0) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": index},
    ]


def a_tool(raw: str, index: int = 0, *, name: str = "read", stop: bool = True) -> list[dict[str, Any]]:
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    events = [{"type": "content_block_start", "index": index, "content_block": block}]
    for start in range(0, len(raw), 5):
        delta = {"type": "input_json_delta", "partial_json": raw[start : start + 5]}
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
    return [*events, {"type": "content_block_stop", "index": index}] if stop else events


def a_end(usage: dict[str, Any] | None = None, *, stop_reason: str = "end_turn") -> list[dict[str, Any]]:
    delta: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}}
    delta["usage"] = {"output_tokens": 3} if usage is None else usage
    return [delta, {"type": "message_stop"}]


# --- Chat Completions -----------------------------------------------------------------------------------------------


def o_chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [choice], **more}


def o_usage(usage: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [], "usage": usage}


def o_text(text: str) -> dict[str, Any]:
    return o_chunk({"content": text})


def o_end(finish: str = "stop") -> list[dict[str, Any] | str]:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return [o_chunk({}, finish), o_usage(usage), "[DONE]"]


# --- Responses ------------------------------------------------------------------------------------------------------

R_USAGE = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}


def r_response(status: str = "in_progress", **more: Any) -> dict[str, Any]:
    base = {"id": "resp_1", "object": "response", "background": True, "model": "gpt-x", "output": [], "usage": None}
    return {**base, "status": status, "error": None, "incomplete_details": None, **more}


def r_start(**more: Any) -> list[dict[str, Any]]:
    response = r_response(**more)
    return [{"type": f"response.{each}", "response": response} for each in ("created", "in_progress")]


def r_message(text: str, status: str = "completed") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": content}


def r_text(text: str, index: int = 0, *, done: bool = True, size: int = 3) -> list[dict[str, Any]]:
    where = {"item_id": "msg_1", "output_index": index, "content_index": 0}
    item = {"type": "response.output_item.added", "output_index": index, "item": r_message("", "in_progress")}
    deltas = [
        {"type": "response.output_text.delta", **where, "delta": text[at : at + size]}
        for at in range(0, len(text), size)
    ]
    ends = [
        {"type": "response.output_text.done", **where, "text": text},
        {"type": "response.output_item.done", "output_index": index, "item": r_message(text)},
    ]
    return [item, *deltas, *(ends if done else [])]


def r_call(raw: str, index: int = 0, *, name: str = "read", status: str = "completed", done: bool = True):
    item = {"type": "function_call", "id": f"fc_{index}", "call_id": f"call_{index}x", "name": name, "arguments": ""}
    where = {"item_id": f"fc_{index}", "output_index": index}
    events = [{"type": "response.output_item.added", "output_index": index, "item": {**item, "status": "in_progress"}}]
    for start in range(0, len(raw), 5):
        events.append({"type": "response.function_call_arguments.delta", **where, "delta": raw[start : start + 5]})
    if done:
        whole = {**item, "arguments": raw, "status": status}
        events.append({"type": "response.function_call_arguments.done", **where, "arguments": raw})
        events.append({"type": "response.output_item.done", "output_index": index, "item": whole})
    return events


def r_end(status: str = "completed", **more: Any) -> dict[str, Any]:
    response = r_response(status, **{"usage": R_USAGE, **more})
    return {"type": f"response.{status}", "response": response}


def numbered(*events: dict[str, Any], first: int = 0) -> list[dict[str, Any]]:
    """The events with their numbers, as the vendor counts them."""
    return [{**each, "sequence_number": number} for number, each in enumerate(events, first)]


def good(wire: str) -> bytes:
    """A whole short answer: the text "hi there", seven tokens in and three out."""
    if wire == "anthropic":
        return sse(a_start(), *a_text("hi there"), *a_end())
    if wire == "openai-responses":
        return sse(*numbered(*r_start(), *r_text("hi there"), r_end(output=[r_message("hi there")])))
    return sse(o_chunk({"role": "assistant", "content": ""}), o_text("hi "), o_text("there"), *o_end())


def begun(wire: str) -> bytes:
    """The beginning of an answer, with eight characters of content."""
    if wire == "openai-responses":
        return sse(*numbered(*r_start(), *r_text("hi there", done=False)))
    return sse(a_start(), *a_text("hi there")[:2]) if wire == "anthropic" else sse(o_text("hi there"))
