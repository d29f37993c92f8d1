"""A server on loopback that sends exactly the bytes it is told to, and remembers exactly the bytes it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("ascii")

    def header(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode("ascii").lower() == name:
                return value.strip().decode("latin-1")
        return None


class Hold:
    """Send nothing more and keep the connection until the client leaves."""


class Reset:
    """End the connection with RST."""


@dataclass(frozen=True)
class Wait:
    """Go on once the event is set."""

    event: asyncio.Event


Step = bytes | Hold | Reset | Wait


@dataclass
class FaultServer:
    """One script for each connection, in order; a connection without a script fails the test."""

    port: int
    scripts: list[list[Step]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    client_left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def will(self, *steps: Step) -> None:
        """Play these steps on the next connection, after its request has come, then close it."""
        self.scripts.append(list(steps))


@contextlib.asynccontextmanager
async def fault_server() -> AsyncIterator[FaultServer]:
    jobs: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                faults.received.append(await _request(reader))
                for step in faults.scripts.pop(0):
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    elif isinstance(step, Wait):
                        await step.event.wait()
                    elif isinstance(step, Hold):
                        await reader.read()
                        faults.client_left.set()
                    else:
                        linger = struct.pack("ii", 1, 0)
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            finally:
                writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job = asyncio.ensure_future(connected(reader, writer))
        jobs.add(job)
        job.add_done_callback(jobs.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    faults = FaultServer(port=server.sockets[0].getsockname()[1])
    try:
        yield faults
    finally:
        server.close()
        for job in list(jobs):
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    received = Received(head=head, body=b"")
    length = int(received.header("content-length") or 0)
    return Received(head=head, body=await reader.readexactly(length))


def head(status: int = 200, *headers: str, kind: str = "text/event-stream", chunked: bool = True) -> bytes:
    """The head of a response; the body that follows is chunked, or goes on until the connection ends."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", *headers]
    lines.append("transfer-encoding: chunked" if chunked else "connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"


def whole(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """A whole response with its length."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
