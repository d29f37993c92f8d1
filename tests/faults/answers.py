"""What a failing server sends, in each format; and a provider that soon loses its patience with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bursar.domain.ports import ModelProvider
from bursar.providers import Deadlines, make_provider
from providers.support import a_end, a_start, a_tool, numbered, o_chunk, o_end, r_call, r_end, r_start, sse
from support.fault_server import LAST_CHUNK, Hold, Step, Wait, chunk, head, whole
from support.world import Workshop

QUICK = Deadlines(connect_s=0.5, first_byte_s=0.25, progress_s=0.25, total_s=5.0, look_again_s=0.01)
"""For what must run into a deadline."""
PATIENT = Deadlines(connect_s=10.0, first_byte_s=30.0, progress_s=30.0, total_s=60.0, look_again_s=0.01)
"""For what must not, on a slow machine."""
Connection = list[Step]
Script = Callable[[str], list[Connection]]


def provider(shop: Workshop, wire: str, url: str, deadlines: Deadlines = PATIENT) -> ModelProvider:
    return make_provider(
        name="acme",
        wire=wire,
        base_url=url,
        key=lambda: "k",
        key_name="K",
        clock=shop.clock,
        ids=shop.ids,
        deadlines=deadlines,
    )


def calls(wire: str, raw: str, *, name: str = "finish", reason: str = "tool", usage: bool = True) -> bytes:
    """A whole answer that is one call with these arguments."""
    if wire == "anthropic":
        stop = "max_tokens" if reason == "length" else "tool_use"
        start = a_start({"input_tokens": 7, "output_tokens": 1}) if usage else {**a_start(), "message": {"id": "msg_1"}}
        end = a_end({"output_tokens": 3} if usage else {}, stop_reason=stop)
        if not usage:
            del end[0]["usage"]
        return sse(start, *a_tool(raw, name=name), *end)
    if wire == "openai-chat":
        call = {"index": 0, "id": "c0", "function": {"name": name, "arguments": raw}}
        end_ = o_end("length" if reason == "length" else "tool_calls")
        return sse(o_chunk({"tool_calls": [call]}), *(end_ if usage else [end_[0], end_[2]]))
    figures = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10} if usage else None
    more: dict[str, Any] = {"usage": figures}
    status = "completed"
    if reason == "length":
        status, more["incomplete_details"] = "incomplete", {"reason": "max_output_tokens"}
    item = r_call(raw, name=name, status=status)
    return sse(*numbered(*r_start(), *item, r_end(status, **more)))


def good(wire: str) -> bytes:
    return calls(wire, '{"summary": "done"}')


def stream(*data: bytes) -> Connection:
    return [head(), *[chunk(each) for each in data], LAST_CHUNK]


def ok(wire: str) -> Connection:
    return stream(good(wire))


def error(wire: str, kind: str, message: str = "no", **more: object) -> bytes:
    body = {"type": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": body} if wire == "anthropic" else {"error": body}).encode()


def status(code: int, *headers: str, kind: str = "some_error", message: str = "no", times: int = 1) -> Script:
    return lambda wire: [[whole(code, error(wire, kind, message), *headers)] for _ in range(times)]


def event(wire: str, code: str) -> bytes:
    """An error inside the stream."""
    if wire == "openai-responses":
        return sse({"type": "error", "code": code, "message": "no", "sequence_number": 99})
    body = {"type": code, "message": "no", "code": code}
    return sse({"type": "error", "error": body} if wire == "anthropic" else {"error": body})


def given_up(number: int) -> Callable[[str], bytes]:
    """The provider's word, as the event of this number, that the answer will not come and what it cost."""
    return lambda _: sse(*numbered(r_end("failed", error={"code": "server_error", "message": "no"}), first=number))


def doubled(wire: str) -> bytes:
    """A good answer with each of its events twice."""
    return b"".join(each + b"\n\n" for each in good(wire).split(b"\n\n") if each for _ in range(2))


def gap(answer: bytes) -> bytes:
    """An answer without its last event but one."""
    *before, _, last, rest = answer.split(b"\n\n")
    return b"\n\n".join([*before, last, rest])


def started(wire: str) -> bytes:
    """The beginning of an answer without content."""
    if wire == "anthropic":
        return sse(a_start())
    return sse(*numbered(*r_start())) if wire == "openai-responses" else sse(o_chunk({"role": "assistant"}))


def broke(*steps: Callable[[str], bytes] | Step, fetched: bool = True) -> Script:
    """Steps of one connection; the format that could fetch the answer is told that it is gone."""

    def script(wire: str) -> list[Connection]:
        played: Connection = [head()]
        for step in steps:
            data = step(wire) if callable(step) else step
            played.append(chunk(data) if isinstance(data, bytes) and data != LAST_CHUNK else data)
        gone = [[whole(404, error(wire, "not_found"))]] if wire == "openai-responses" and fetched else []
        return [played, *gone]

    return script


def raw(*steps: Step) -> Script:
    return lambda wire: [list(steps)]


def twice(script: Script) -> Script:
    return lambda wire: [*script(wire), *script(wire)]


def pings(wire: str) -> Connection:
    """Signs of life without content, for longer than an answer may stand still."""
    loop, played = asyncio.get_running_loop(), [head(), chunk(started(wire))]
    for number in range(1, 9):
        due = asyncio.Event()
        loop.call_later(0.04 * number, due.set)
        ping = b'event: ping\ndata: {"type": "ping"}\n\n' if wire == "anthropic" else b": still here\n\n"
        played += [Wait(due), chunk(ping)]
    return [*played, Hold()]


def only_pings(wire: str) -> list[Connection]:
    return [pings(wire), *([[whole(404, error(wire, "not_found"))]] if wire == "openai-responses" else [])]


def absurd(wire: str) -> bytes:
    """A good answer that reports more input than any model takes."""
    name = b'"prompt_tokens": 7' if wire == "openai-chat" else b'"input_tokens": 7'
    return good(wire).replace(name, name[:-1] + b"1" + b"0" * 12)


def split(data: bytes) -> list[bytes]:
    return [chunk(data[at : at + 1]) for at in range(len(data))]
