"""Bulky output of commands and searches is cut to its head and tail before it is first sent, which breaks no cache."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.context.decision import Excerpt
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A result above ``from_tokens`` is cut to ``share`` of it, at most ``most_tokens``. ``documents``: those too."""

    from_tokens: int
    share: float
    most_tokens: int
    documents: bool


D2000 = Admission(from_tokens=2_000, share=0.3, most_tokens=1_500, documents=True)
N1000 = Admission(from_tokens=1_000, share=0.3, most_tokens=1_000, documents=False)
"""Cuts more, but what is made to be read as a whole (help, diffs, answers of an API) passes."""
D1000 = Admission(from_tokens=1_000, share=0.4, most_tokens=1_500, documents=True)

_SHORT_LIFE_S = 300.0


def usual(ttl_s: float) -> Admission:
    """A cache that lives longer leaves fewer moments at which a trim is free: there more is cut on arrival instead."""
    return D2000 if ttl_s <= _SHORT_LIFE_S else D1000


def head_and_tail(
    number: int, window: Window, origin: Origin, rules: Admission, per_character: float
) -> Excerpt | None:
    """What is left of a new result; None where it is sent as it stands. Files and reports of agents always are."""
    if origin.kind not in ("command", "search") or (origin.is_document and not rules.documents):
        return None
    size = window.sizes[number]
    if size <= rules.from_tokens:
        return None
    lines, shape = window.lines_of(number), window.shapes[number]
    ranges = shape.kept if isinstance(shape, Excerpt) else ((0, len(lines)),)
    numbers = [each for first, end in ranges for each in range(first, end)]
    budget = min(rules.share * size, rules.most_tokens) / per_character
    head, tail = 0, len(numbers)
    while head < tail:
        from_head = head <= len(numbers) - tail
        budget -= len(lines[numbers[head if from_head else tail - 1]]) + 1
        if budget < 0:
            break
        head, tail = (head + 1, tail) if from_head else (head, tail - 1)
    if head == 0 or head >= tail:
        return None  # not one whole line fits, or all do
    pointers = shape.pointers if isinstance(shape, Excerpt) else 0
    excerpt = Excerpt(kept=ranges_of(numbers[:head] + numbers[tail:]), pointers=pointers)
    return excerpt if window.size_as(number, excerpt) < size else None


def ranges_of(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    """Numbers in order as ranges, end exclusive."""
    ranges: list[tuple[int, int]] = []
    for each in numbers:
        if ranges and ranges[-1][1] == each:
            ranges[-1] = (ranges[-1][0], each + 1)
        else:
            ranges.append((each, each + 1))
    return tuple(ranges)
