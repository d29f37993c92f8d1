"""The protocol's bytes on two file descriptors of our own, out of reach of anything that prints or is started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bursar.lsp.channels import Channels
from bursar.lsp.frames import FrameError, Frames
from bursar.lsp.ready import READY_BYTES, is_ready

BROKEN_FRAMES = 2
"""The exit code where framing is lost: bad input."""
_READ_BYTES = 64 * 1024
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_MOST_UNREAD_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """No more messages come. ``code`` is the exit code where nothing better is known, ``problem`` what was wrong."""

    code: int = 1
    problem: str | None = None


class Intake:
    """Messages on their way from the thread that reads to the loop: in order, and never more than memory can bear."""

    def __init__(self, wake: Callable[[], None], *, most_bytes: int = _MOST_WAITING_BYTES) -> None:
        self._wake = wake
        self._most_bytes = most_bytes
        self._room = threading.Condition()
        self._arrived: deque[bytes | Ended] = deque()
        self._bytes = 0

    def put(self, items: Sequence[bytes | Ended]) -> None:
        """From the thread: what came at once is taken at once. Waits while the loop has too much to do."""
        if not items:
            return
        size = sum(len(each) for each in items if isinstance(each, bytes))
        with self._room:
            self._room.wait_for(lambda: self._bytes == 0 or self._bytes + size <= self._most_bytes)
            self._bytes += size
            first = not self._arrived
            self._arrived.extend(items)
        if first:
            self._wake()

    def take(self) -> list[bytes | Ended]:
        """From the loop: all that has arrived."""
        with self._room:
            items = list(self._arrived)
            self._arrived.clear()
        return items

    def done(self, size_bytes: int) -> None:
        """From the loop: a message of this size was handled."""
        with self._room:
            self._bytes -= size_bytes
            self._room.notify()


def read_frames(channels: Channels, intake: Intake) -> None:
    """Hand every message over, from a thread of its own, and at last why there are no more."""

    def work() -> None:
        frames = Frames()
        data = channels.begun
        try:
            while data or (data := os.read(channels.read, _READ_BYTES)):
                found: list[bytes] = []
                try:
                    frames.feed_into(data, found)
                finally:
                    intake.put(found)
                data = b""
            intake.put([_end_of(frames)])
        except FrameError as error:
            problem = f"the editor's messages cannot be told apart any more: {error}"
            intake.put([Ended(code=BROKEN_FRAMES, problem=problem)])
        except OSError as error:
            intake.put([Ended(problem=f"the connection to the editor broke: {error.strerror}")])

    threading.Thread(target=work, name="protocol reader", daemon=True).start()


class Writer:
    """Writes whole messages without waiting for an editor that does not read; says so once the editor is gone."""

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._gone = gone
        self._lost = False
        self._unread = bytearray()
        self._empty = asyncio.Event()
        self._empty.set()

    def write(self, data: bytes) -> None:
        """Write all of it, at once or as soon as it is read; on the loop's own thread."""
        if self._lost:
            return
        if self._unread:
            self._unread += data
            if len(self._unread) > _MOST_UNREAD_BYTES:
                self._lose()
            return
        rest = self._push(memoryview(data))
        if rest and not self._lost:
            self._unread += rest
            self._empty.clear()
            asyncio.get_running_loop().add_writer(self._descriptor, self._go_on)

    async def flushed(self) -> None:
        """Wait until everything is written, or the editor is gone."""
        await self._empty.wait()

    def close(self) -> None:
        """Leave the descriptor to the end of the process."""

    def _go_on(self) -> None:
        with memoryview(self._unread) as view:
            left = len(self._push(view))
        del self._unread[: len(self._unread) - left]
        if self._lost or not self._unread:
            asyncio.get_running_loop().remove_writer(self._descriptor)
            self._empty.set()

    def _push(self, view: memoryview) -> memoryview:
        """Write as much as is taken without waiting; the rest."""
        try:
            while view and is_ready(self._descriptor):
                view = view[os.write(self._descriptor, view[:READY_BYTES]) :]
        except OSError:
            self._lose()
        return view

    def _lose(self) -> None:
        self._lost = True
        self._empty.set()
        self._gone()


def say_last(problem: str) -> None:
    """One line on stderr, unless nobody reads it."""
    with contextlib.suppress(OSError):
        if is_ready(2):
            os.write(2, f"bursar: {problem}\n".encode()[:READY_BYTES])


def _end_of(frames: Frames) -> Ended:
    try:
        frames.end()
    except FrameError as error:
        return Ended(problem=f"the connection to the editor broke: {error}")
    return Ended()
