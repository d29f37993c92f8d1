"""Lengths and offsets of short texts in the three units in which editors count characters."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

PositionEncoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]
"""What a position's character counts: bytes, code units, or code points."""

_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2)}
_SPLIT_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def join_pairs(text: str) -> str:
    """The text with each pair of surrogates that stand side by side as the one character that they make.

    An editor that counts UTF-16 may send a character in halves; what is left over stays a lone surrogate.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SPLIT_PAIR.sub(lambda found: found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)
    return text


def units_in(text: str, encoding: PositionEncoding) -> int:
    """The length of the text; a lone surrogate is one unit of UTF-16 and three bytes of UTF-8."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    codec, size = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def units_before(line: str, char: int, encoding: PositionEncoding) -> int:
    """The offset in units of the character offset ``char``, clamped to the end of the line."""
    return units_in(line[: max(char, 0)], encoding)


def char_at(text: str, units: int, encoding: PositionEncoding) -> int | None:
    """The character offset of an offset in units, clamped to the end; None inside a character.

    The text has no pair of surrogates in halves (see ``join_pairs``).
    """
    if encoding == "utf-32" or text.isascii():
        return min(units, len(text))
    codec, size = _CODECS[encoding]
    data = text.encode(codec, "surrogatepass")
    if units * size >= len(data):
        return len(text)
    if encoding == "utf-8":
        if data[units] & 0xC0 == 0x80:
            return None
    elif units and data[2 * units + 1] & 0xFC == 0xDC and data[2 * units - 1] & 0xFC == 0xD8:
        return None
    return len(data[: units * size].decode(codec, "surrogatepass"))
