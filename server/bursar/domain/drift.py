"""Where a place of a text is after the text was edited, from the two texts alone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache

_LINE_END = re.compile(r"\r\n|\n|\r")


def drift(old: str, new: str) -> Callable[[int, int], tuple[int, int]]:
    """From line and character in ``old`` to the same place in ``new``; characters count code points.

    What stands before the first or behind the last difference keeps its neighbours; what is between them is put at the
    end of what replaced it. Places beyond the text are put at its end.
    """
    if old == new:
        return lambda line, character: (line, character)
    first = _shared(old, new, min(len(old), len(new)), from_end=False)
    last = _shared(old, new, min(len(old), len(new)) - first, from_end=True)
    starts, moved_starts = _line_starts(old), _line_starts(new)

    def moved(line: int, character: int) -> tuple[int, int]:
        at = min(starts[line] + character, len(old)) if line < len(starts) else len(old)
        if at > first:
            at = max(at, len(old) - last) + len(new) - len(old)
        row = bisect_right(moved_starts, at) - 1
        return row, at - moved_starts[row]

    return moved


def _shared(old: str, new: str, most: int, *, from_end: bool) -> int:
    """How many characters both begin with, or end with, at most so many; by halves, as slices compare fast."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        same = old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]
        if not from_end:
            same = old[low:middle] == new[low:middle]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


@lru_cache(maxsize=8)
def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]
