"""Lines of a file of any size, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line without its end. ``end`` is where the next one begins; ``whole`` is False for a last one without an end.

    ``data`` is None for a line that is longer than is kept.
    """

    number: int
    data: bytes | None
    end: int
    whole: bool = True


def lines(file: BinaryIO, *, offset: int, number: int, longest: int = LONGEST_LINE_BYTES) -> Iterator[Line]:
    """The lines from an offset on; ``number`` is that of the last line before it."""
    file.seek(offset)
    parts: list[bytes] = []
    kept, at, too_long = 0, offset, False
    while chunk := file.read(CHUNK_BYTES):
        pieces = chunk.split(b"\n")
        for piece in pieces[:-1]:
            number += 1
            at += kept + len(piece) + 1
            data = None if too_long or kept + len(piece) > longest else b"".join((*parts, piece))
            yield Line(number=number, data=data, end=at)
            parts, kept, too_long = [], 0, False
        rest = pieces[-1]
        if rest:
            kept += len(rest)
            if kept > longest:
                too_long, parts = True, []
            else:
                parts.append(rest)
    if kept:
        yield Line(number=number + 1, data=None if too_long else b"".join(parts), end=at + kept, whole=False)
