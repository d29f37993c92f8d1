"""A document as one plain string: what the store of blocks is compared with. Shares no code with it."""

from __future__ import annotations

import re

ENCODINGS = ("utf-8", "utf-16", "utf-32")
_CODEC = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
_ENDS = re.compile("\r\n|\r|\n")


def whole(text: str) -> str:
    """The text as an editor that counts UTF-16 holds it: two halves side by side are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def units(text: str, encoding: str) -> int:
    codec, size = _CODEC[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def lines(text: str) -> list[tuple[int, int]]:
    """Start and end of every line, without its line end."""
    ends = [found.span() for found in _ENDS.finditer(text)]
    return list(zip([0, *(end for _, end in ends)], [*(start for start, _ in ends), len(text)], strict=True))


def offset(text: str, line: int, character: int, encoding: str) -> int | None:
    """The character offset of a position, clamped; None for no position."""
    if min(line, character) < 0 or max(line, character) > 2**31 - 1:
        return None
    known = lines(text)
    if line >= len(known):
        return len(text)
    start, end = known[line]
    shown = text[start:end]
    if character >= units(shown, encoding):
        return end
    low, high = 0, len(shown)
    while low < high:
        middle = (low + high) // 2
        if units(shown[:middle], encoding) < character:
            low = middle + 1
        else:
            high = middle
    return start + low if units(shown[:low], encoding) == character else None


def position(text: str, at: int, encoding: str) -> tuple[int, int] | None:
    """The position of a character offset; None inside a line end."""
    for number, (start, end) in enumerate(lines(text)):
        if start <= at <= end:
            return number, units(text[start:at], encoding)
    return None


def change(text: str, span: tuple[tuple[int, int], tuple[int, int]] | None, new: str, encoding: str) -> str | None:
    """The text after a change; None where the range is none."""
    if span is None:
        return whole(new)
    start, end = (offset(text, *at, encoding) for at in span)
    if start is None or end is None or span[1] < span[0]:
        return None
    return whole(text[:start] + new + text[end:])
