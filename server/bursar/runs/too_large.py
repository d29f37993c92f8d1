"""What is cut of a result whatever it is: what fits into no window, lines that go on and on, and what is no text. Pure.

It is done before the result is first sent, so it breaks no prompt cache; all of it stays in the journal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bursar.runs.shapes import Ends

_LONG_LINE = 10_000
_HEAD, _TAIL = 3_500, 1_500
_BINARY_FROM, _BINARY_HEAD = 2_000, 400
_LOOKED_AT = 20_000
_NO_TEXT = re.compile(r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]+\}|[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_SHARE_OF_NO_TEXT = 0.3


def ends_of(content: str, *, most_characters: int, cuts_bulk: bool) -> Ends | None:
    """What is kept of a result that cannot be cut by lines; None for one that can be, or need not be.

    ``most_characters`` is what one result may take of the window. ``cuts_bulk`` says that bulky results are cut, too:
    one whose lines are too long for it is then cut here.
    """
    if len(content) >= _BINARY_FROM and is_binary(content):
        return Ends(head=_BINARY_HEAD, tail=0)
    longest = max(map(len, content.split("\n")), default=0)
    is_too_large = len(content) > most_characters and longest > most_characters // 4
    is_bulk = cuts_bulk and longest > _LONG_LINE
    if not (is_too_large or is_bulk):
        return None
    scale = min(1.0, most_characters / (2 * (_HEAD + _TAIL)))
    return Ends(head=int(_HEAD * scale), tail=int(_TAIL * scale))


def is_binary(content: str) -> bool:
    """Whether the beginning is mostly what no text has; shown bytes count by all the characters that show them."""
    begin = content[:_LOOKED_AT]
    return sum(len(each) for each in _NO_TEXT.findall(begin)) > _SHARE_OF_NO_TEXT * len(begin)


def head_and_tail_lines(
    lines: Sequence[str], kept: Sequence[tuple[int, int]], most_characters: float
) -> tuple[tuple[int, int], ...]:
    """The first and the last of the kept lines, as many as fit, as ranges."""
    numbers = [each for first, end in kept for each in range(first, end)]
    head, tail, room = 0, len(numbers), most_characters
    while head < tail:
        from_head = head <= len(numbers) - tail
        room -= len(lines[numbers[head if from_head else tail - 1]]) + 1
        if room < 0:
            break
        head, tail = (head + 1, tail) if from_head else (head, tail - 1)
    ranges: list[tuple[int, int]] = []
    for each in numbers[:head] + numbers[tail:]:
        if ranges and ranges[-1][1] == each:
            ranges[-1] = (ranges[-1][0], each + 1)
        else:
            ranges.append((each, each + 1))
    return tuple(ranges)
