"""Each fault that a provider can show, in each format, through the real provider and the real loop.

What holds in every cell: one request is sent at most four times; what may have been billed is repeated at most once,
and never after any of its answer was seen; what the ledger charges is never below what could be billed, and equals
what was reported where an answer ended; nothing is left held; and Resume gets the task done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from bursar.domain.money.budget import Scope
from bursar.domain.money.price import Price, cost_of
from bursar.domain.money.usage import Usage
from bursar.runs.world import Finished, Outcome, Paused
from providers.support import WIRES, begun
from support.fault_server import LAST_CHUNK, FaultServer, Hold, Reset, chunk, fault_server, head, whole
from support.world import MODEL, RATES, Workshop

from .answers import (
    PATIENT,
    QUICK,
    Script,
    absurd,
    broke,
    calls,
    doubled,
    event,
    gap,
    given_up,
    good,
    ok,
    only_pings,
    provider,
    raw,
    split,
    started,
    status,
    stream,
    twice,
)

DAY = Scope(kind="day", key="2026-11-21")
REPORTED = Usage(uncached_input=7, output=3)


@dataclass(frozen=True)
class Cell:
    """A fault, and what comes of it: how the run ends, how often it was sent and what each of these is booked as.

    A cell that ends with "done" gets a good answer after the fault, and ``waits`` is between which seconds it waited.
    """

    name: str
    script: Script
    end: str
    sent: int
    booked: tuple[str, ...] = ()
    waits: tuple[float, float] | None = None
    visible: bool = False
    parked: bool = False
    wires: tuple[str, ...] = WIRES
    tail: int = 1


ONCE_MORE = ("unknown", "billed")
RESPONSES = ("openai-responses",)
STILL = ("F22", "F27", "F28")
"""Faults that end at a deadline."""
UNKNOWN = "Unrecognized request argument supplied: store"
LOGIN = b"<!doctype html><title>Sign in</title>"


def refused(name: str, code: int, end: str = "provider", **how: Any) -> Cell:
    return Cell(name, status(code, **how), end, 1)


def uncertain(name: str, script: Script, **how: Any) -> list[Cell]:
    """May be billed and nothing was seen: repeated once, and not a second time."""
    return [
        Cell(name, script, "done", 2, ONCE_MORE, **how),
        Cell(f"{name}, twice", twice(script), "cut", 2, ("unknown", "unknown"), tail=0, **how),
    ]


def visible(name: str, script: Script, **how: Any) -> Cell:
    return Cell(name, script, "cut", 1, ("unknown",), visible=True, tail=0, **how)


def waited(name: str, *headers: str, low: float = 0.0, high: float = 0.0, code: int = 429) -> Cell:
    return Cell(name, status(code, *headers, kind="rate_limit_error"), "done", 2, ("billed",), waits=(low, high))


CELLS = [
    *[refused(f"F03 redirect {code}", code) for code in (301, 302, 307, 308)],
    refused("F04 invalid request", 400),
    refused("F05 context too long", 400, "window", message="prompt is too long: 210000 tokens > 200000 maximum"),
    refused("F06 key refused", 401),
    refused("F07 payment required", 402, "limit"),
    refused("F07 permission", 403),
    refused("F07 spend limit", 403, "limit", kind="billing_error"),
    refused("F08 model not known", 404),
    *uncertain("F09 408", status(408)),
    *uncertain("F10 409", status(409)),
    refused("F11 too large", 413),
    refused("F12 unprocessable", 422),
    Cell(
        "F12 an option that is not known",
        status(400, message=UNKNOWN),
        "done",
        2,
        ("billed",),
        waits=(0.0, 0.0),
        wires=RESPONSES,
    ),
    Cell(
        "F12 an option that is not known, then overloaded",
        lambda wire: [*status(400, message=UNKNOWN)(wire), *status(503, times=3)(wire)],
        "provider",
        4,
        wires=RESPONSES,
        tail=0,
    ),
    Cell(
        "F12 overloaded, then an option that is not known",
        lambda wire: [*status(503, times=3)(wire), *status(400, message=UNKNOWN)(wire)],
        "provider",
        4,
        wires=RESPONSES,
        tail=0,
    ),
    waited("F13 429 with seconds", "retry-after: 2", low=2.0, high=2.2),
    waited("F13 429 with a fraction", "retry-after: 1.5", low=1.5, high=1.65),
    waited("F13 429 with milliseconds", "retry-after-ms: 1200", low=1.2, high=1.32),
    waited("F13 429 with a date", "retry-after: Sat, 21 Nov 2026 08:00:20 GMT", low=20.0, high=22.0),
    waited("F13 429 without a word", low=0.0, high=1.0),
    Cell("F13 429 four times", status(429, "retry-after: 1", times=4), "limit", 4, tail=0),
    Cell("F14 429 for a day", status(429, "retry-after: 86400"), "limit", 1, parked=True),
    Cell("F14 429 until tomorrow", status(429, "retry-after: Sun, 22 Nov 2026 08:00:00 GMT"), "limit", 1, parked=True),
    *[
        waited(f"F15 429 with {name}", *headers, low=0.0, high=1.0)
        for name, headers in {
            "a negative wait": ("retry-after: -1",),
            "NaN": ("retry-after: NaN",),
            "a word": ("retry-after: abc",),
            "infinity": ("retry-after: 1e400",),
            "two waits": ("retry-after: 3", "retry-after: 900"),
        }.items()
    ],
    refused("F16 quota used up", 429, "limit", kind="insufficient_quota"),
    refused("F16 no balance", 429, "limit", message="Your credit balance is too low"),
    *[each for code in (500, 502, 504) for each in uncertain(f"F17 {code}", status(code))],
    waited("F18 503", code=503, high=1.0),
    waited("F18 503 with a wait", "retry-after: 7", code=503, low=7.0, high=7.7),
    Cell("F18 503 four times", status(503, times=4), "provider", 4, tail=0),
    waited("F19 529", code=529, high=1.0),
    *uncertain("F20 500 with a page", raw(whole(500, LOGIN, kind="text/html"))),
    *uncertain("F20 500 without a body", raw(whole(500, b""))),
    *uncertain("F20 500 of a foreign kind", raw(whole(500, b"\x89PNG", kind="image/png"))),
    Cell("F21 overloaded as an object", status(200, kind="overloaded_error"), "done", 2, ("billed",)),
    *uncertain("F21 an unknown error as an object", status(200, kind="api_error")),
    *uncertain("F22 headers never come", raw(Hold())),
    Cell(
        "F23 overloaded before content",
        lambda wire: [stream(event(wire, "overloaded_error"))],
        "done",
        2,
        ("billed",),
        wires=("anthropic", "openai-chat"),
    ),
    visible("F24 an error after content", broke(begun, lambda wire: event(wire, "overloaded_error"), LAST_CHUNK)),
    visible("F25 ended in mid-answer", broke(begun)),
    visible("F25 reset in mid-answer", broke(begun, Reset())),
    *uncertain("F25 ended before content", broke(started)),
    *uncertain("F25 reset before the head", raw(Reset())),
    visible("F26 clean end without the end mark", broke(begun, LAST_CHUNK)),
    visible("F27 stands still after content", broke(begun, Hold())),
    *uncertain("F27 stands still before content", broke(started, Hold())),
    *uncertain("F28 nothing but pings", only_pings),
    Cell(
        "F30 cut between all bytes",
        lambda wire: [[head(), *split(good(wire)), LAST_CHUNK]],
        "done",
        1,
        ("billed",),
        tail=0,
    ),
    Cell("F31 CRLF", lambda wire: [stream(good(wire).replace(b"\n", b"\r\n"))], "done", 1, ("billed",), tail=0),
    visible(
        "F34 an event that is no JSON",
        broke(begun, lambda wire: b'event: x\ndata: {"a": \n\n', LAST_CHUNK),
        wires=("anthropic", "openai-chat"),
    ),
    visible(
        "F35 a line of nine megabytes",
        broke(begun, lambda wire: b"data: " + b"x" * 9_000_000, LAST_CHUNK, fetched=False),
    ),
    *uncertain(
        "F36 packed unasked", lambda wire: [[head(200, "content-encoding: gzip"), chunk(b"\x1f\x8b"), LAST_CHUNK]]
    ),
    *uncertain(
        "F37 shorter than it said",
        raw(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n"),
    ),
    Cell(
        "F41 every event twice", lambda wire: [stream(doubled(wire))], "done", 1, ("billed",), wires=RESPONSES, tail=0
    ),
    visible("F41 a missing event", broke(lambda wire: gap(begun(wire)), LAST_CHUNK), wires=RESPONSES),
    Cell("F38 more after the end", lambda wire: [stream(good(wire), good(wire))], "done", 1, ("billed",), tail=0),
    Cell(
        "F39 a call cut by the limit",
        lambda wire: [stream(calls(wire, '{"path": "x", "te', name="write_file", reason="length"))],
        "done",
        2,
        ("billed", "billed"),
    ),
    *[
        Cell(
            f"F40 arguments {raw_}",
            lambda wire, raw_=raw_: [stream(calls(wire, raw_, name="write_file"))],
            "done",
            2,
            ("billed", "billed"),
        )
        for raw_ in ("null", "[]", '{"path": "x", "path": "y", "text": ""}', '{"path": NaN}', '{"path": "x"')
    ],
    Cell(
        "F33 no UTF-8 in a call",
        lambda wire: [stream(good(wire).replace(b"sum", b"s\xffm"))],
        "done",
        2,
        ("billed", "billed"),
    ),
    Cell("F43 absurd usage", lambda wire: [stream(absurd(wire))], "done", 1, ("estimated",), tail=0),
    Cell(
        "F42 no usage",
        lambda wire: [stream(calls(wire, '{"summary": "s"}', usage=False))],
        "done",
        1,
        ("estimated",),
        tail=0,
    ),
    Cell(
        "F42 given up and billed before content",
        broke(started, given_up(2), LAST_CHUNK, fetched=False),
        "done",
        2,
        ("billed", "billed"),
        wires=RESPONSES,
    ),
    Cell(
        "F42 given up and billed after content",
        broke(begun, given_up(6), LAST_CHUNK, fetched=False),
        "cut",
        1,
        ("billed",),
        visible=True,
        wires=RESPONSES,
        tail=0,
    ),
    *uncertain("F46 nothing in it", lambda wire: [[head(), LAST_CHUNK]]),
    Cell("F48 a login page", raw(whole(200, LOGIN, kind="text/html")), "provider", 1),
]


def posts(server: FaultServer) -> list[bytes]:
    return [each.body for each in server.received if each.line.startswith("POST")]


@pytest.mark.parametrize(
    ("cell", "wire"),
    [pytest.param(cell, wire, id=f"{cell.name}-{wire}") for cell in CELLS for wire in cell.wires],
)
async def test_cell(shop: Workshop, played: list[str], cell: Cell, wire: str) -> None:
    shop.jitter.usual = 0.5
    async with fault_server() as server:
        for connection in cell.script(wire) + [ok(wire)] * (cell.tail if cell.end == "done" else 0):
            server.will(*connection)
        model = provider(shop, wire, f"{server.url}/v1", QUICK if cell.name.startswith(STILL) else PATIENT)
        run = await shop.begin(model)  # type: ignore[arg-type]
        outcome = await shop.drive(model, run)  # type: ignore[arg-type]
        played.append(f"{cell.name} {wire}")
        sent = posts(server)
        check(shop, run, outcome, cell, sent)
        assert server.scripts == [], "the server had more to say"
        if cell.waits is not None:
            low, high = cell.waits
            assert low <= shop.clock.slept_s <= high + 0.001
        if isinstance(outcome, Finished):
            return
        server.will(*ok(wire))
        assert isinstance(await shop.drive(model, run), Finished)  # type: ignore[arg-type]
        assert len(posts(server)) == len(sent) + 1
    rows = shop.summary(run).requests
    assert [each.certainty for each in rows] == [*cell.booked, "billed"]


def check(shop: Workshop, run: str, outcome: Outcome, cell: Cell, sent: list[bytes]) -> None:
    ended = "done" if isinstance(outcome, Finished) else outcome.reason if isinstance(outcome, Paused) else "stopped"
    assert (ended, len(sent)) == (cell.end, cell.sent)
    assert len(sent) <= 4
    assert not cell.visible or len(sent) == 1, "nothing is repeated after visible output"
    if isinstance(outcome, Paused):
        assert (outcome.resume_at is not None) == cell.parked
    summary = shop.summary(run)
    assert tuple(each.certainty for each in summary.requests) == cell.booked
    assert sum(each.certainty == "unknown" for each in summary.requests) <= 2
    # Nothing is left held; what is charged is never below what the provider could bill.
    assert shop.journal.held_pico(DAY) == 0
    for row in summary.requests:
        if row.certainty == "billed":
            assert row.cost_pico == pico(REPORTED)
        elif row.certainty == "unknown":
            body = max(sent, key=len)
            assert row.at_most_pico >= pico(Usage(uncached_input=len(body) // 4, output=asked_for(body)))
        else:
            assert row.cost_pico is not None
            assert row.at_most_pico >= row.cost_pico >= pico(REPORTED)
    charged = sum(pico(REPORTED) if row.certainty == "billed" else row.at_most_pico for row in summary.requests)
    assert shop.journal.charged_pico(DAY) == charged <= sum(row.at_most_pico for row in summary.requests)
    ran = [each for each in shop.journal.steps(run) if each.kind in ("edit", "command")]
    assert ran == [], "no call of a broken answer was run"


def pico(usage: Usage) -> int:
    found = cost_of(usage, Price(model=MODEL, rates=RATES, rate_card="test"))
    return found.pico  # type: ignore[union-attr]


def asked_for(body: bytes) -> int:
    data = json.loads(body)
    return int(
        next(data[each] for each in ("max_tokens", "max_completion_tokens", "max_output_tokens") if each in data)
    )


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("where", ["F01 refused", "F01 no such name", "F02 no TLS there"])
async def test_nobody_is_there(shop: Workshop, played: list[str], where: str, wire: str) -> None:
    async with fault_server() as server:
        url = f"https://127.0.0.1:{server.port}"
        server.scripts = [[] for _ in range(4)]
        if where == "F01 refused":
            url = "http://127.0.0.1:1"
        elif where == "F01 no such name":
            url = "https://nobody.invalid"
        model = provider(shop, wire, url, QUICK)
        run = await shop.begin(model)  # type: ignore[arg-type]
        outcome = await shop.drive(model, run)  # type: ignore[arg-type]
    played.append(f"{where} {wire}")
    assert isinstance(outcome, Paused)
    assert outcome.reason == "provider"
    assert "cannot be reached" in outcome.detail
    assert server.received == []
    assert shop.told("request_started")["attempt"] == 4
    assert shop.summary(run).requests == ()
    assert shop.journal.held_pico(DAY) == shop.journal.charged_pico(DAY) == 0
