"""Texts: lines and positions as editors count them, places where token counts add up, and a document in blocks."""

from bursar.domain.text.lines import (
    Position,
    apply_change,
    char_to_utf16,
    offset_at,
    split_lines,
    split_lines_keeping_ends,
    utf16_len,
    utf16_to_char,
)

__all__ = [
    "Position",
    "apply_change",
    "char_to_utf16",
    "offset_at",
    "split_lines",
    "split_lines_keeping_ends",
    "utf16_len",
    "utf16_to_char",
]
