"""Server-sent events from bytes, by the rules of the WHATWG, however the bytes are cut."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_TOTAL_BYTES = 32 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\r|\n")


class StreamTooLarge(Exception):
    """An event or the whole stream is larger than what is ever read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SseEvent:
    """One dispatched event; ``damaged`` says that its bytes were not UTF-8 and U+FFFD stands in their place."""

    name: str
    data: str
    damaged: bool = False


class SseParser:
    """Turns chunks of bytes into events. Only CR, LF and CRLF end a line, and only a blank line ends an event."""

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES, max_total_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._max_total_bytes = max_total_bytes
        self._total_bytes = 0
        self._event_bytes = 0
        self._rest = bytearray()
        self._searched = 0
        self._skip_lf = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []
        self._damaged = False

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """The events that this chunk completes; raises StreamTooLarge past a cap, whatever was sent before stands."""
        self._total_bytes += len(chunk)
        if self._total_bytes > self._max_total_bytes:
            raise StreamTooLarge(f"the answer is larger than {self._max_total_bytes} bytes")
        self._rest += chunk
        for line in self._lines():
            self._event_bytes += len(line) + 1
            if self._event_bytes > self._max_event_bytes:
                raise StreamTooLarge(f"one event is larger than {self._max_event_bytes} bytes")
            event = self._take(line)
            if event is not None:
                yield event
        if self._event_bytes + len(self._rest) > self._max_event_bytes:
            raise StreamTooLarge(f"one event is larger than {self._max_event_bytes} bytes")

    def _lines(self) -> Iterator[bytes]:
        """Whole lines in the buffer. A CR ends its line at once; the LF after it, now or later, is swallowed."""
        buffer = self._rest
        start = 0
        search = self._searched
        try:
            while True:
                if self._skip_lf and start < len(buffer):
                    if buffer[start] == 0x0A:
                        start += 1
                        search = max(search, start)
                    self._skip_lf = False
                found = _LINE_END.search(buffer, search)
                if found is None:
                    return
                line = bytes(buffer[start : found.start()])
                start = search = found.end()
                self._skip_lf = found.group() == b"\r"
                yield line
        finally:
            del buffer[:start]
            self._searched = len(buffer)

    def _take(self, line: bytes) -> SseEvent | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(self._text(value))
        elif field == b"event":
            self._name = self._text(value)
        # `id`, `retry`, comments and unknown fields say nothing that is needed here.
        return None

    def _dispatch(self) -> SseEvent | None:
        name, data, damaged = self._name, self._data, self._damaged
        self._name, self._data, self._damaged, self._event_bytes = "", [], False, 0
        if not data:
            return None
        return SseEvent(name=name or "message", data="\n".join(data), damaged=damaged)

    def _text(self, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            self._damaged = True
            return value.decode("utf-8", "replace")
