"""Which lines of a result are worth less than the place they take, and what leaving them out saves and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from bursar.domain.context.cost import refetch_cost
from bursar.domain.context.decision import Excerpt, Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.window import Window

EXPECTED_REQUESTS = 60
"""How many more requests will carry what is kept; no better guess is known."""
LINES_PER_REFETCH = 4
"""Of lines that are needed again, so many come back with one request."""
SMALLEST_SAVING = 30
_SHORTEST_GAP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A result's next shape, how much smaller it is, and what its loss will probably cost, in plain input tokens."""

    shape: Shape
    saved_tokens: int
    cost: float


def written_and_carried(prices: PriceSet) -> float:
    """What a token costs that is about to be written, and read from then on."""
    return prices.write + prices.read * EXPECTED_REQUESTS


def carried(prices: PriceSet) -> float:
    """What a token costs that stands in the cache."""
    return prices.read * (EXPECTED_REQUESTS + 1)


def plan_of(
    number: int, window: Window, terms: Terms, chances: Sequence[float], pointers: Sequence[Run], caution: float
) -> Plan | None:
    """How one result is best cut when it is about to be written; None where nothing can go.

    ``caution``: how many reads of the whole prompt a lost line is held to cost.
    """
    prices, lines, shape = terms.prices, window.lines_of(number), window.shapes[number]
    ranges = shape.kept if isinstance(shape, Excerpt) else ((0, len(lines)),)
    loss = caution * prices.read * window.tokens
    even = written_and_carried(prices) * terms.tokens_per_character / loss
    shortest = _SHORTEST_GAP / terms.tokens_per_character
    kept: list[tuple[int, int]] = []
    dropped_chance = 0.0
    for first, end in ranges:
        at = first
        while at < end:
            start = at
            characters = 0
            while at < end and chances[at] <= even * (len(lines[at]) + 1):
                characters += len(lines[at]) + 1
                at += 1
            if characters >= shortest:
                dropped_chance += sum(chances[start:at])
                start = at
            while at < end and chances[at] > even * (len(lines[at]) + 1):
                at += 1
            if start < at:
                if kept and kept[-1][1] == start:
                    start = kept.pop()[0]
                kept.append((start, at))
    after: Shape = _shape(kept, pointers) if kept else "stub"
    saved = window.sizes[number] - window.size_as(number, after)
    if saved < SMALLEST_SAVING:
        return None
    again = refetch_cost(prices, window.tokens, window.turns[number].tokens)
    cost = max(again * (1 - exp(-dropped_chance / LINES_PER_REFETCH)), loss * dropped_chance)
    return Plan(shape=after, saved_tokens=saved, cost=cost)


def _shape(kept: Sequence[tuple[int, int]], pointers: Sequence[Run]) -> Excerpt:
    """Pointers stay where a line beside them does; others would point from nowhere."""
    firsts, ends = {first for first, _ in kept}, {end for _, end in kept}
    return Excerpt(kept=tuple(kept), pointers=sum(run.first in ends or run.end in firsts for run in pointers))
