"""New results are cut before they are first sent, which breaks no cache: by their chances, or to the room there is."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.context.decision import Excerpt, Shape
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.window import Window

WORTHWHILE_TOKENS = 20_000
"""A smaller prompt is left alone: there is little to save, and short sessions use everything they saw."""
CUT_KINDS = ("command", "search", "edit")
"""Files and reports of other agents were asked for to be read: they come whole."""
SMALLEST_CUT = 60
_ENDS = 2
_LONG_LINE = 1_000


def with_ends(wanted: Sequence[float], lines: Sequence[str]) -> list[float]:
    """The same with the first and the last lines as good as needed: they say what the output is, and how it ended."""
    chances = list(wanted)
    for place in {*range(min(_ENDS, len(lines))), *range(max(0, len(lines) - _ENDS), len(lines))}:
        if len(lines[place]) < _LONG_LINE:
            chances[place] = 1.0
    return chances


def is_cut(origin: Origin, tokens: int) -> bool:
    """Whether a new result may lose lines before anybody saw it."""
    return origin.kind in CUT_KINDS and tokens >= SMALLEST_CUT


def fitted(number: int, window: Window, most_tokens: float, per_character: float) -> Shape | None:
    """Head and tail of a result that is larger than there is room for; a stub where not one line fits, else None."""
    if window.sizes[number] <= most_tokens:
        return None
    lines, shape = window.lines_of(number), window.shapes[number]
    ranges = shape.kept if isinstance(shape, Excerpt) else ((0, len(lines)),)
    pointers = shape.pointers if isinstance(shape, Excerpt) else 0
    numbers = [each for first, end in ranges for each in range(first, end)]
    budget = (most_tokens - window.size_as(number, Excerpt(kept=(), pointers=pointers))) / per_character
    head, tail = 0, len(numbers)
    while head < tail:
        from_head = head <= len(numbers) - tail
        budget -= len(lines[numbers[head if from_head else tail - 1]]) + 1
        if budget < 0:
            break
        head, tail = (head + 1, tail) if from_head else (head, tail - 1)
    excerpt = Excerpt(kept=ranges_of(numbers[:head] + numbers[tail:]), pointers=pointers)
    return excerpt if head and window.size_as(number, excerpt) <= most_tokens else "stub"


def ranges_of(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    """Numbers in order as ranges, end exclusive."""
    ranges: list[tuple[int, int]] = []
    for each in numbers:
        if ranges and ranges[-1][1] == each:
            ranges[-1] = (ranges[-1][0], each + 1)
        else:
            ranges.append((each, each + 1))
    return tuple(ranges)
