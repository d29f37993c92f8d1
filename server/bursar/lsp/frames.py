"""Cuts the editor's bytes into messages: strict, because after one wrong length nothing can be understood."""

from __future__ import annotations

import re

LARGEST_MESSAGE_BYTES = 256 * 1024 * 1024
LONGEST_HEADER_BYTES = 8 * 1024
_END = b"\r\n"
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*(.*?)[ \t]*", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]+")
_SHOWN_BYTES = 60


class FrameError(ValueError):
    """What arrives is not framed as the protocol says; nothing after it can be understood."""


class Frames:
    """Cuts a stream of bytes into messages; header names are compared without regard to case.

    A length is refused as soon as its header is read, so no memory is taken for it; what is held is never more than
    what has arrived of one message.
    """

    def __init__(self, *, largest_bytes: int = LARGEST_MESSAGE_BYTES) -> None:
        self._largest_bytes = largest_bytes
        self._held = bytearray()
        self._looked = 0
        self._header_bytes = 0
        self._length: int | None = None
        self._wanted: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole with this data. Raises FrameError; nothing may be fed after it."""
        found: list[bytes] = []
        self.feed_into(data, found)
        return found

    def feed_into(self, data: bytes, found: list[bytes]) -> None:
        """The same; what was whole before a FrameError is in ``found``."""
        self._held += data
        while self._wanted is not None or self._read_header():
            if len(self._held) < (self._wanted or 0):
                return
            found.append(self._take(self._wanted or 0))
            self._wanted = None

    def end(self) -> None:
        """No more bytes come. Raises FrameError in the middle of a message."""
        if self._wanted is not None:
            raise FrameError(f"it ended after {len(self._held)} of the {self._wanted} bytes of a message")
        if self._held or self._header_bytes:
            raise FrameError("it ended in the middle of a header")

    def _read_header(self) -> bool:
        """Read lines of the header; whether it is whole."""
        while (end := self._held.find(b"\n", self._looked)) >= 0:
            if end == 0 or self._held[end - 1 : end] != b"\r":
                raise FrameError(f"a line of the header ends without CR: {_shown(self._held[: end + 1])}")
            self._header_bytes += end + 1
            self._check_header_bytes(0)
            line = self._take(end + 1)[: -len(_END)]
            self._looked = 0
            if line:
                self._read_field(line)
                continue
            if self._length is None:
                raise FrameError("a header without Content-Length")
            self._wanted, self._length, self._header_bytes = self._length, None, 0
            return True
        self._check_header_bytes(len(self._held))
        self._looked = len(self._held)
        return False

    def _check_header_bytes(self, more: int) -> None:
        if self._header_bytes + more > LONGEST_HEADER_BYTES:
            raise FrameError(f"no end of the header within {LONGEST_HEADER_BYTES} bytes")

    def _read_field(self, line: bytes) -> None:
        match = _FIELD.fullmatch(line)
        if match is None or b"\r" in line:
            raise FrameError(f"this is no line of a header: {_shown(line)}")
        if match[1].lower() != b"content-length":
            return
        if self._length is not None:
            raise FrameError("a header with two lengths")
        if not _DIGITS.fullmatch(match[2]):
            raise FrameError(f"this is no length: {_shown(line)}")
        digits = match[2].lstrip(b"0") or b"0"
        if len(digits) > 18 or int(digits) > self._largest_bytes:
            raise FrameError(f"a message may have {self._largest_bytes} bytes, and this has more: {_shown(line)}")
        self._length = int(digits)

    def _take(self, size: int) -> bytes:
        with memoryview(self._held) as view:
            taken = bytes(view[:size])
        del self._held[:size]
        return taken


def _shown(data: bytes | bytearray) -> str:
    """The beginning, printable: it goes to a log."""
    return ascii(bytes(data[:_SHOWN_BYTES]).decode("latin-1"))
