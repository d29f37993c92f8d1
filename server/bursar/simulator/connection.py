"""HTTP/1.1 on one connection: bounded requests in, answers out, and word of a client that has gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h11

MAX_HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
LINGER_S = 2


class ClientGone(Exception):
    """The client has closed its side or the connection broke."""


class BodyTooLarge(Exception):
    """The request's body is over the cap; the rest of it was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request with its whole body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One client's connection, used by one job."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._watch: asyncio.Task[bytes] | None = None
        self._head_only = False

    async def request(self) -> HttpRequest | None:
        """The next request, or None when the client is done.

        Raises ClientGone, BodyTooLarge and h11.RemoteProtocolError.
        """
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        if sum(len(name) + len(value) for name, value in head.headers) > MAX_HEADER_BYTES:
            raise h11.RemoteProtocolError("the headers are too long", error_status_hint=431)
        self._head_only = head.method == b"HEAD"
        body = bytearray()
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ClientGone
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge
        path, _, query = head.target.decode("ascii", "replace").partition("?")
        return HttpRequest(
            method=head.method.decode("ascii"),
            path=path,
            query=query,
            headers={name.decode("ascii").lower(): value.decode("latin-1") for name, value in head.headers},
            body=bytes(body),
        )

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer and begin to watch for the client's leaving; raises ClientGone."""
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        self.watch()
        await self._send(h11.Response(status_code=status, headers=lines, reason=_REASONS.get(status, b"")))

    async def data(self, data: bytes) -> None:
        """Send a piece of the answer; raises ClientGone, also when the client left without a write failing."""
        await self._send(h11.Data(data=data))

    async def finish(self) -> None:
        """End the answer as it should end; raises ClientGone."""
        await self._send(h11.EndOfMessage())

    async def pause(self, seconds: float | None) -> None:
        """Wait that long, or for ever with None; raises ClientGone as soon as the client leaves."""
        while True:
            watch = self.watch()
            done, _ = await asyncio.wait({watch}, timeout=seconds)
            if done:
                self._arrived(watch)
            if seconds is not None:
                return

    async def json(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Send a whole JSON answer; raises ClientGone."""
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        await self.start(status, {"content-type": "application/json", "content-length": str(len(raw)), **headers})
        if not self._head_only:
            await self.data(raw)
        await self.finish()

    def next_cycle(self) -> bool:
        """Whether the connection can take another request; makes it ready for one."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    def watch(self) -> asyncio.Task[bytes]:
        """The job that waits for bytes or the end from the client; started where there is none."""
        if self._watch is None:
            self._watch = asyncio.ensure_future(self._reader.read(65536))
        return self._watch

    async def linger(self) -> None:
        """Read and drop what a refused client still sends, for a moment, so that it reads the answer.

        Closing with bytes unread would reset the connection and take the answer with it.
        """
        with contextlib.suppress(TimeoutError, ClientGone, OSError):
            async with asyncio.timeout(LINGER_S):
                self._writer.write_eof()
                while await self.watch():
                    self._watch = None

    async def close(self) -> None:
        """Close the connection, whatever its state."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._writer.close()
        # A connection that was broken already is as closed as it gets.
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _send(self, event: h11.Event) -> None:
        raw = self._h11.send(event)
        try:
            if raw:
                self._writer.write(raw)
            await self._writer.drain()
        except OSError as error:
            raise ClientGone from error
        # One turn of the loop, so that an end which lies in the socket already is seen.
        await asyncio.sleep(0)
        if self._watch is not None and self._watch.done():
            self._arrived(self._watch)

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            if self._h11.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            watch = self.watch()
            await asyncio.wait({watch})
            self._arrived(watch, end_is_gone=False)
        return event

    def _arrived(self, watch: asyncio.Task[bytes], *, end_is_gone: bool = True) -> None:
        """Take what the watch has read: bytes of a next request are kept, an end means that the client has left."""
        self._watch = None
        try:
            raw = watch.result()
        except OSError as error:
            raise ClientGone from error
        if not raw and end_is_gone:
            raise ClientGone
        self._h11.receive_data(raw)


_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
    529: b"Overloaded",
}
