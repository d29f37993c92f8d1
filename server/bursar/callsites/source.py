"""The bytes that a syntax tree is made of, and the lines and characters that they stand at."""

from __future__ import annotations

import re
from bisect import bisect_right

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONE_CR = re.compile(r"\r(?!\n)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Source:
    """A text as UTF-8; a lone surrogate, which has no UTF-8, stands there as U+FFFD."""

    def __init__(self, text: str) -> None:
        if not text.isascii():
            text = _SURROGATE.sub("\ufffd", text)
        # The grammars know no lone CR; one byte for another keeps every place.
        self.data = _LONE_CR.sub("\n", text).encode()
        self._starts = [0, *(found.end() for found in _LINE_END.finditer(self.data))]

    def position(self, at: int) -> tuple[int, int]:
        """Line and character of a byte; characters count code points."""
        line = bisect_right(self._starts, at) - 1
        return line, len(self.data[self._starts[line] : at].decode("utf-8", "replace"))

    def text(self, start: int, end: int) -> str:
        """The text of these bytes, with the line ends that a program reads there."""
        return self.data[start:end].decode("utf-8", "replace").replace("\r\n", "\n")
