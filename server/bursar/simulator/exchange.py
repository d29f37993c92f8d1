"""One request from acceptance to its row on the bill: the answer is generated, paced, sent, and fails on cue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bursar.simulator.bill import Books, Row, cost_usd
from bursar.simulator.cache import Taken
from bursar.simulator.connection import ClientGone, Connection
from bursar.simulator.request import GIVEN_UP
from bursar.simulator.scenario import Fault, Model
from bursar.simulator.wire import Exchange, Wire


@dataclass(slots=True, kw_only=True)
class Job:
    """A request under way and what it has cost so far; settled exactly once."""

    n: int
    now: Callable[[], datetime]
    at: datetime
    request_id: str
    sha256: str
    raw: bytes
    body: Any = None
    asked_model: str = ""
    model: Model | None = None
    fault: Fault | None = None
    taken: Taken = field(default_factory=Taken)
    generated_tokens: int = 0
    settled: bool = False
    in_background: bool = False
    batch: bool = False

    def settle(self, books: Books, outcome: str) -> None:
        """Put the request on the bill and into the log; what is settled already stays as it is.

        A request that was taken in costs its whole input and all that was generated, however it ended.
        """
        if self.settled:
            return
        self.settled = True
        if self.model is None:
            outcome = "refused"
        cost = Decimal(0)
        if self.model:
            cost = cost_usd(self.model, self.taken, self.generated_tokens, batch=self.batch)
        row = Row(
            n=self.n,
            request_id=self.request_id,
            model=self.asked_model,
            taken=self.taken,
            output=self.generated_tokens,
            cost_usd=cost,
            outcome=outcome,
        )
        line = {
            "n": self.n,
            "at": _rfc3339(self.at),
            "ended_at": _rfc3339(self.now()),
            "request_id": self.request_id,
            "sha256_of_body": self.sha256,
            "body": self.raw.decode("utf-8", "replace") if self.body is None else self.body,
            "outcome": outcome,
            "generated_tokens": self.generated_tokens,
            "cache": {"read": self.taken.cache_read, "missed": self.taken.missed, "known": self.taken.known},
        }
        books.enter(row, line)


async def play(
    connection: Connection, wire: Wire, exchange: Exchange, job: Job, books: Books, headers: Mapping[str, str]
) -> bool:
    """Answer an accepted request and settle it; False when the connection is to be closed. Raises ClientGone."""
    try:
        send = _stream if exchange.ask.stream else _whole
        return await send(connection, wire, exchange, job, books, headers)
    except ClientGone:
        job.settle(books, "cut")
        raise


async def _stream(
    connection: Connection, wire: Wire, exchange: Exchange, job: Job, books: Books, headers: Mapping[str, str]
) -> bool:
    head = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **headers}
    stop_after = _stop_after(job.fault)
    await connection.start(200, {**head, **_fault_headers(job.fault)})
    chunks = exchange.answer.chunks
    if stop_after != 0 or (job.fault and job.fault.kind == "failed"):
        await connection.data(wire.begin(exchange))
        for chunk in chunks[:stop_after]:
            await connection.pause(exchange.answer.chunk_ms / 1000)
            # Generated first, sent after: the provider bills also what the client does not live to see.
            job.generated_tokens += chunk.tokens
            await connection.data(wire.chunk(exchange, chunk))
    if job.fault and job.fault.kind == "failed":
        job.settle(books, "cut")
        await connection.data(wire.given_up(exchange, stop_after or 0))
        await connection.finish()
        return True
    if stop_after is not None:
        return await _fail(connection, job, books)
    await connection.data(wire.end(exchange))
    if job.fault and job.fault.kind == "no_end":
        await connection.finish()
        job.settle(books, "cut")
        return True
    # The row is on disk before the last bytes go out: a client that has the end finds it on the bill.
    job.settle(books, "complete")
    await connection.data(wire.end_mark(exchange))
    await connection.finish()
    return True


async def _whole(
    connection: Connection, wire: Wire, exchange: Exchange, job: Job, books: Books, headers: Mapping[str, str]
) -> bool:
    stop_after = _stop_after(job.fault)
    connection.watch()
    for chunk in exchange.answer.chunks[:stop_after]:
        await connection.pause(exchange.answer.chunk_ms / 1000)
        job.generated_tokens += chunk.tokens
    if job.fault and job.fault.kind == "failed":
        job.settle(books, "cut")
        await connection.json(GIVEN_UP.status, wire.error(GIVEN_UP, job.request_id), headers)
        return True
    if stop_after is not None:
        await connection.start(200, {"content-type": "application/json", **headers, **_fault_headers(job.fault)})
        return await _fail(connection, job, books)
    job.settle(books, "complete")
    await connection.json(200, wire.whole(exchange), {**headers, **_fault_headers(job.fault)})
    return True


async def _fail(connection: Connection, job: Job, books: Books) -> bool:
    """Stop in the middle: hold the connection open without a word, end it cleanly, or break it off."""
    if job.fault and job.fault.kind == "stall":
        await connection.pause(None)
    job.settle(books, "cut")
    if job.fault and job.fault.kind == "no_end":
        await connection.finish()
        return True
    return False


def _stop_after(fault: Fault | None) -> int | None:
    """After how many chunks the answer stops, or None where it goes on to the end."""
    if fault is None or fault.kind not in ("cut", "stall", "no_end", "failed"):
        return None
    return fault.after_chunks or 0 if fault.kind != "no_end" else fault.after_chunks


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fault_headers(fault: Fault | None) -> Mapping[str, str]:
    return fault.headers if fault else {}
