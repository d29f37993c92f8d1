"""Lines and positions of a text as the language server protocol counts them.

A line ends at LF, CRLF or a lone CR and nowhere else: form feeds, NEL and U+2028 are characters like any other.
Positions are zero-based, and a position's character counts UTF-16 code units unless a name says otherwise.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Position: TypeAlias = tuple[int, int]
"""Line and character, zero-based, the character in UTF-16 code units."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")
_LINE_END = re.compile(r"\r\n|\n|\r")


def split_lines(text: str) -> list[str]:
    """The lines of `text` without their ends; at least one, and an empty last one after a final line end."""
    return _LINE_END.split(text)


def split_lines_keeping_ends(text: str) -> list[str]:
    """The lines of `text` with their ends; joined they are `text`, and their number is that of `split_lines`."""
    lines = _LINE.findall(text)
    lines.append(text[sum(map(len, lines)) :])
    return lines


def utf16_len(text: str) -> int:
    """The number of UTF-16 code units of `text`; a lone surrogate counts as one."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def char_to_utf16(line: str, char: int) -> int:
    """The UTF-16 offset of the character offset `char`, clamped to the end of `line`; raises ValueError if negative."""
    _refuse_negative(char)
    return utf16_len(line[:char])


def utf16_to_char(line: str, u16: int) -> int:
    """The character offset of the UTF-16 offset `u16` in `line`.

    Clamped to the end of the line; an offset inside a surrogate pair is that of the character it is inside.
    Raises ValueError if negative.
    """
    _refuse_negative(u16)
    if line.isascii():
        return min(u16, len(line))
    seen = 0
    for index, character in enumerate(line):
        seen += 2 if character > "\uffff" else 1
        if seen > u16:
            return index
    return len(line)


def offset_at(text: str, line: int, u16: int) -> int:
    """The character offset in `text` of a position.

    A character beyond the line is the line's end (before its line end), a line beyond the text is the text's end.
    Raises ValueError if either is negative.
    """
    _refuse_negative(line)
    _refuse_negative(u16)
    start = 0
    for _ in range(line):
        end = _LINE_END.search(text, start)
        if end is None:
            return len(text)
        start = end.end()
    end = _LINE_END.search(text, start)
    return start + utf16_to_char(text[start : end.start() if end else len(text)], u16)


def apply_change(text: str, span: tuple[Position, Position] | None, new_text: str) -> str:
    """`text` after one content change: `new_text` in place of `span`, or of everything where `span` is None.

    Positions are clamped as in `offset_at`. Raises ValueError for a negative position and where the end precedes
    the start.
    """
    if span is None:
        return new_text
    (start_line, start_character), (end_line, end_character) = span
    if (end_line, end_character) < (start_line, start_character):
        raise ValueError(
            f"the change ends at {end_line}:{end_character}, before its start at {start_line}:{start_character}"
        )
    start = offset_at(text, start_line, start_character)
    end = offset_at(text, end_line, end_character)
    return text[:start] + new_text + text[end:]


def _refuse_negative(number: int) -> None:
    if number < 0:
        raise ValueError(f"a position cannot be negative: {number}")
