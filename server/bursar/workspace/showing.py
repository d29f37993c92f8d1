"""The part of a text that a reader is shown: whole lines, masked, bounded."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.safety.secrets import mask_secrets
from bursar.domain.text import split_lines

SHOWN_BYTES = 256 * 1024
_MASK_ALL_CHARS = 2 * 1024 * 1024
_AROUND_LINES = 400
"""More lines than a private key has: what surrounds a range decides what in it is secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Lines of a text; ``first_line`` and ``last_line`` are 1-based and inclusive, 1 and 0 for an empty text."""

    text: str
    truncated: bool
    first_line: int
    last_line: int
    total_lines: int


def show_lines(text: str, first_line: int | None, last_line: int | None) -> Shown | str:
    """The lines that were asked for, as many as fit; a string says why there are none."""
    lines = split_lines(text.removeprefix("\ufeff"))
    ends_with_line_end = lines[-1] == ""
    if ends_with_line_end:
        lines.pop()
    total = len(lines)
    first = first_line or 1
    if first > max(total, 1):
        return f"has only {total} lines"
    last = min(last_line or total, total)
    before = 0 if len(text) <= _MASK_ALL_CHARS else max(first - 1 - _AROUND_LINES, 0)
    after = total if len(text) <= _MASK_ALL_CHARS else last + _AROUND_LINES
    masked = split_lines(mask_secrets("\n".join(lines[before:after]))[0]) if lines else []
    wanted = masked[first - 1 - before : last - before]
    shown: list[str] = []
    left_bytes = SHOWN_BYTES
    for line in wanted:
        size = len(line.encode("utf-8", "surrogatepass")) + 1
        if size > left_bytes:
            break
        shown.append(line)
        left_bytes -= size
    truncated = len(shown) < len(wanted)
    if truncated and not shown:
        shown = [wanted[0].encode("utf-8", "surrogatepass")[:SHOWN_BYTES].decode("utf-8", "ignore")]
    shown_last = first + len(shown) - 1
    ends = shown and not (truncated and left_bytes == SHOWN_BYTES) and (shown_last < total or ends_with_line_end)
    return Shown(
        text="\n".join(shown) + ("\n" if ends else ""),
        truncated=truncated,
        first_line=first,
        last_line=shown_last,
        total_lines=total,
    )
