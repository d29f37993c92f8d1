"""Answers that are made whether or not anybody listens: kept by their id, read and read again, billed once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bursar.simulator.bill import Books
from bursar.simulator.connection import Connection
from bursar.simulator.exchange import Job
from bursar.simulator.responses_wire import OpenAIResponsesWire
from bursar.simulator.scenario import Fault
from bursar.simulator.wire import Exchange

STREAMS_FOR_S = 300
"""How long after its beginning an answer can be streamed; after that it can be looked at only."""


class Answer:
    """One answer in the making: its events so far, and how far it has got."""

    def __init__(self, wire: OpenAIResponsesWire, exchange: Exchange, job: Job, books: Books, began_s: float) -> None:
        self.exchange = exchange
        self.began_s = began_s
        self._wire = wire
        self._job = job
        self._books = books
        self._events: list[bytes] = []
        # How many events there are after each chunk: where a fault strikes is told in chunks.
        self._after_chunks: list[int] = []
        self._ended = False
        self._gave_up_after: int | None = None
        self._cancelled = False
        self._more = asyncio.Event()

    async def make(self) -> None:
        """Generate to the end and put it on the bill, once, before the end can be read."""
        exchange = self.exchange
        self._add(self._wire.begin(exchange))
        self._after_chunks.append(len(self._events))
        fault = self._job.fault
        last = fault.after_chunks or 0 if fault is not None and fault.kind == "failed" else None
        for chunk in exchange.answer.chunks[:last]:
            await asyncio.sleep(exchange.answer.chunk_ms / 1000)
            if self._cancelled:
                return
            self._job.generated_tokens += chunk.tokens
            self._add(self._wire.chunk(exchange, chunk))
            self._after_chunks.append(len(self._events))
        if self._cancelled:
            return
        self._job.settle(self._books, "complete" if last is None else "cut")
        self._ended, self._gave_up_after = True, last
        self._add(self._wire.end_mark(exchange) if last is None else self._wire.given_up(exchange, last))

    def cancel(self) -> None:
        """Make no more of it; what was generated is on the bill. One that has ended stays as it is."""
        if self._ended:
            return
        self._job.settle(self._books, "cut")
        self._ended = self._cancelled = True
        self._gave_up_after = max(len(self._after_chunks) - 1, 0)
        self._more.set()

    def as_it_stands(self) -> Mapping[str, object]:
        """The answer as an object."""
        if self._cancelled and self._gave_up_after is not None:
            return self._wire.cancelled(self.exchange, self._gave_up_after)
        if self._gave_up_after is not None:
            return self._wire.failed(self.exchange, self._gave_up_after)
        return self._wire.whole(self.exchange) if self._ended else self._wire.under_way(self.exchange)

    async def stream(
        self, connection: Connection, headers: Mapping[str, str], *, after: int, fault: Fault | None
    ) -> bool:
        """Send the events behind a number as they come; a fault breaks this reading off and not the answer.

        False when the connection is to be closed. Raises ClientGone.
        """
        await connection.start(
            200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **headers}
        )
        number = after + 1
        while True:
            stop_at = self._stop_at(fault)
            if stop_at is not None and number >= stop_at:
                return await _break_off(connection, fault)
            if number < len(self._events):
                await connection.data(self._events[number])
                number += 1
            elif self._ended:
                await connection.finish()
                return True
            else:
                await self._wait(connection)

    def _stop_at(self, fault: Fault | None) -> int | None:
        """Before which event a reading breaks off; None as long as that is not known, or where it does not."""
        if fault is None or fault.kind not in ("cut", "stall", "no_end"):
            return None
        chunks = fault.after_chunks if fault.kind == "no_end" else fault.after_chunks or 0
        if chunks == 0:
            return 0
        if chunks is not None and chunks < len(self._after_chunks):
            return self._after_chunks[chunks]
        return len(self._events) - 1 if self._ended else None

    async def _wait(self, connection: Connection) -> None:
        """Wait for more of the answer; raises ClientGone as soon as the client leaves."""
        more = asyncio.ensure_future(self._more.wait())
        try:
            await asyncio.wait({more, connection.watch()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            more.cancel()
        await connection.pause(0)

    def _add(self, raw: bytes) -> None:
        # One event is one block: the JSON in it has no line ends of its own.
        self._events += [block + b"\n\n" for block in raw.split(b"\n\n") if block]
        self._more.set()
        self._more = asyncio.Event()


async def _break_off(connection: Connection, fault: Fault | None) -> bool:
    if fault is not None and fault.kind == "stall":
        await connection.pause(None)
    if fault is not None and fault.kind == "no_end":
        await connection.finish()
        return True
    return False
