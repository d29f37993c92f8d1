"""Carries requests from a simulated process to the simulated provider, in the place of HTTP over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar

import httpx

from .fate import Fate
from .seeded import Chance, SeededClock
from .vendor import Plan, Vendor

RUN: ContextVar[str] = ContextVar("run")
"""Which run the code that is running now is about."""
DRIVE: ContextVar[str] = ContextVar("drive")
"""Which of its drives that is."""


class Network(httpx.AsyncBaseTransport):
    """One process's way to the provider; ends with the process."""

    def __init__(
        self, vendor: Vendor, fate: Fate, chance: Chance, clock: SeededClock, generation: Mapping[str, int]
    ) -> None:
        self._vendor = vendor
        self._fate = fate
        self._chance = chance
        self._clock = clock
        self._generation = generation

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and get the head of its answer."""
        body = b"".join([chunk async for chunk in request.stream])  # type: ignore[union-attr]
        self._fate.point("before the socket")
        await self._fate.pause()
        trace = request.extensions["trace"]
        await trace("http11.send_request_headers.started", {})
        self._fate.point("before the socket")
        run = RUN.get()
        plan = self._vendor.take(
            request.url.path,
            body,
            run=run,
            generation=self._generation[run],
            who=DRIVE.get(),
            day=self._clock.local_day(),
        )
        self._fate.point("after the socket")
        await asyncio.sleep(self._chance.choice((0.0, 0.01, 0.3, 2.0)))
        if plan.status == 0:
            raise httpx.ConnectError("connection refused", request=request)
        if plan.fault == "silent":
            await self._for_ever(plan)
        headers = {"content-type": "text/event-stream", **plan.headers}
        if plan.row is not None and (plan.status != 200 or plan.row.names == "everywhere"):
            headers["request-id"] = plan.row.request_id
        if plan.status != 200:
            headers["content-type"] = "application/json"
            if plan.row is not None:
                plan.row.outcome = "failed"
            return httpx.Response(plan.status, headers=headers, stream=_Refusal(plan.refusal), request=request)
        return httpx.Response(200, headers=headers, stream=_Answer(self, plan, request), request=request)

    async def pieces(self, plan: Plan, request: httpx.Request) -> AsyncIterator[bytes]:
        """The body of an answer, as it comes; what is not read is noticed."""
        row, sent = plan.row, 0
        try:
            for number, each in enumerate(plan.pieces, 1):
                await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.02, 0.2)))
                self._fate.point("before a piece")
                sent += len(each.data)
                whole = number == len(plan.pieces) and plan.fault in ("", "no usage")
                if row is not None:
                    row.output = each.tokens
                    row.outcome = "complete" if whole else row.outcome
                yield each.data
                self._fate.point("after a piece")
            if plan.fault == "cut":
                raise httpx.ReadError("connection reset by peer", request=request)
            while plan.fault == "stall":
                await asyncio.sleep(30)
                if plan.pings:
                    yield b": still here\n\n"
        finally:
            if row is not None:
                self._vendor.left(row, sent, goes_on=plan.goes_on, pieces=plan.pieces)

    async def _for_ever(self, plan: Plan) -> None:
        try:
            while True:
                await asyncio.sleep(30)
        finally:
            self.hang_up(plan)

    def hang_up(self, plan: Plan) -> None:
        """Nobody listens any more."""
        if plan.row is not None:
            self._vendor.left(plan.row, 0, goes_on=plan.goes_on, pieces=plan.pieces)


class _Answer(httpx.AsyncByteStream):
    """The stream of one answer."""

    def __init__(self, network: Network, plan: Plan, request: httpx.Request) -> None:
        self._network = network
        self._plan = plan
        self._pieces = network.pieces(plan, request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for each in self._pieces:
            yield each

    async def aclose(self) -> None:
        """Hang up."""
        await self._pieces.aclose()  # type: ignore[attr-defined]
        self._network.hang_up(self._plan)


class _Refusal(httpx.AsyncByteStream):
    """What a refusal says."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data
