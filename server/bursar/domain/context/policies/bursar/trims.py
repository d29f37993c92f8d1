"""Which lines go where the cache is cold, and when they are worth less than the place they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from bursar.domain.context.cost import refetch_cost
from bursar.domain.context.decision import Excerpt, Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.admission import ranges_of
from bursar.domain.context.window import Window

EXPECTED_REQUESTS = 60
"""How many more requests will carry what is kept; no better guess is known at a silence."""
LINES_PER_REFETCH = 4
"""Of lines that are needed again, so many come back with one request."""
_SHORTEST_GAP, _SMALLEST_SAVING = 10, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A result's next shape; ``value`` is what it saves less what it will probably cost, in plain input tokens."""

    shape: Shape
    saved_tokens: int
    value: float


def cold_plan(
    number: int, window: Window, terms: Terms, chances: Sequence[float], pointers: Sequence[Run], caution: float
) -> Plan | None:
    """How one result is best cut when the whole prompt is written anew; None where nothing can go.

    ``caution``: how many times the price of a small request a lost line is held to cost.
    """
    prices, lines, shape = terms.prices, window.lines_of(number), window.shapes[number]
    ranges = shape.kept if isinstance(shape, Excerpt) else ((0, len(lines)),)
    loss = caution * prices.read * window.tokens
    carried = prices.write + prices.read * EXPECTED_REQUESTS
    kept: list[int] = []
    dropped_chance = 0.0
    for first, end in ranges:
        run: list[int] = []
        for place in range(first, end + 1):
            tokens = terms.tokens_per_character * (len(lines[place]) + 1) if place < end else 0.0
            if place < end and chances[place] * loss <= carried * tokens:
                run.append(place)
                continue
            if sum(len(lines[each]) + 1 for each in run) * terms.tokens_per_character < _SHORTEST_GAP:
                kept += run
            else:
                dropped_chance += sum(chances[each] for each in run)
            run = []
            if place < end:
                kept.append(place)
    after: Shape = _shape(kept, pointers) if kept else "stub"
    saved = window.sizes[number] - window.size_as(number, after)
    if saved < _SMALLEST_SAVING:
        return None
    again = refetch_cost(prices, window.tokens, window.turns[number].tokens)
    cost = max(again * (1 - exp(-dropped_chance / LINES_PER_REFETCH)), loss * dropped_chance)
    return Plan(shape=after, saved_tokens=saved, value=carried * saved - cost)


def inherited(chances: dict[int, list[float]], copies: Mapping[int, tuple[Run, ...]]) -> None:
    """Give a line that stands for later ones the chance of the most wanted of them."""
    for number in sorted(copies, reverse=True):
        for run in copies[number]:
            own, newer = chances.get(run.turn), chances.get(number)
            if own is not None and newer is not None:
                for each in range(run.end - run.first):
                    own[run.copy_first + each] = max(own[run.copy_first + each], newer[run.first + each])


def _shape(kept: list[int], pointers: Sequence[Run]) -> Excerpt:
    """Pointers stay where a line beside them does; others would point from nowhere."""
    stays = set(kept)
    still = sum(run.first - 1 in stays or run.end in stays for run in pointers)
    return Excerpt(kept=ranges_of(kept), pointers=still)
