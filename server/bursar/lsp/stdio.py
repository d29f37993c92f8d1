"""The protocol's bytes on two file descriptors of our own, out of reach of anything that prints or is started."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

LARGEST_MESSAGE_BYTES = 256 * 1024 * 1024
_LONGEST_HEADER_BYTES = 8 * 1024
_READ_BYTES = 64 * 1024
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,12})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Descriptors of the protocol; none is inherited by children."""

    read: int
    write: int


def take_channels() -> Channels:
    """Move the protocol away from descriptors 0 and 1: what is printed by mistake goes to stderr, and reads nothing."""
    read, write = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0, inheritable=True)
    os.close(null)
    os.dup2(2, 1, inheritable=True)
    return Channels(read=read, write=write)


class FrameError(ValueError):
    """What arrives is not framed as the protocol says; nothing after it can be understood."""


class Frames:
    """Cuts a stream of bytes into messages; header names are compared without regard to case."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole with this data. Raises FrameError."""
        self._held += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> bytes | None:
        if self._wanted is None:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                if len(self._held) > _LONGEST_HEADER_BYTES:
                    raise FrameError("no end of the header in sight")
                return None
            self._wanted = _length(bytes(self._held[:end]))
            del self._held[: end + 4]
        if len(self._held) < self._wanted:
            return None
        frame = bytes(self._held[: self._wanted])
        del self._held[: self._wanted]
        self._wanted = None
        return frame


def read_frames(descriptor: int, loop: asyncio.AbstractEventLoop, put: Callable[[bytes | None], None]) -> None:
    """Hand every message to ``put`` on the loop, from a thread of its own; None at the end or at broken framing."""

    def work() -> None:
        frames = Frames()
        try:
            while data := os.read(descriptor, _READ_BYTES):
                for frame in frames.feed(data):
                    loop.call_soon_threadsafe(put, frame)
        except (OSError, FrameError) as error:
            os.write(2, f"bursar: the connection to the editor broke: {error}\n".encode())
        try:
            loop.call_soon_threadsafe(put, None)
        except RuntimeError:
            return  # the loop has ended first

    threading.Thread(target=work, name="protocol reader", daemon=True).start()


class Writer:
    """Writes whole messages; once the editor is gone, writes nothing and says so."""

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._gone = gone
        self._lost = False

    def write(self, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        try:
            while view and not self._lost:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._lost = True
            self._gone()

    def close(self) -> None:
        """Leave the descriptor to the end of the process."""


def _length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        match = _LENGTH.fullmatch(line)
        if match:
            length = int(match[1])
            if length > LARGEST_MESSAGE_BYTES:
                raise FrameError(f"a message of {length} bytes is too large")
            return length
    raise FrameError("a header without Content-Length")
