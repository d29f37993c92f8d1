"""The steps of Bursar's policy in their order, before each request."""

from __future__ import annotations

from collections.abc import Mapping

from bursar.domain.context.decision import Arrived, Decision, Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.admission import Admission, head_and_tail
from bursar.domain.context.policies.bursar.origin import UNKNOWN, Origin, origin_of
from bursar.domain.context.policies.bursar.repeats import WORTHWHILE_TOKENS, Repeats
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.window import Window

_KEPT_WHEN_COLD = 5
_SHORT_LIFE_S, _LONG_LIFE_S = 300.0, 3_600.0
_RARE_RETURN = 0.03


class Steps:
    """Repeats become pointers, bulk is cut on arrival, and after a silence old results go."""

    def __init__(self, admission: Admission, *, keeps_warm: bool = False) -> None:
        self._admission = admission
        self._keeps_warm = keeps_warm
        self._repeats = Repeats()
        self._calls: dict[str, Origin] = {}
        self._origins: dict[int, Origin] = {}

    def __call__(self, window: Window, arrived: Arrived, terms: Terms) -> Decision:
        """All changes of this request; the window has them when this returns."""
        changes = dict(self._repeats(window, arrived, terms).changes)
        self._note_origins(window)
        if window.tokens >= WORTHWHILE_TOKENS:
            changes |= self._cut_new(window, terms)
            if arrived.is_cold:
                changes |= _old_masked(window)
        return Decision(changes=changes, ping=self._keeps_warm and ping_pays(window.tokens, terms.prices))

    @property
    def copies(self) -> Mapping[int, tuple[Run, ...]]:
        """By turn, which lines of it became pointers, and where their copies stand."""
        return self._repeats.copies

    def _note_origins(self, window: Window) -> None:
        last = UNKNOWN
        for number in range(window.arrived_from, len(window.turns)):
            turn = window.turns[number]
            if turn.kind == "tool_call":
                last = origin_of(turn.tool, turn.text)
                if turn.call:
                    self._calls[turn.call] = last
            elif turn.kind == "tool_result":
                self._origins[number] = self._calls.get(turn.call, last)

    def _cut_new(self, window: Window, terms: Terms) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        for number in range(window.arrived_from, len(window.turns)):
            if window.turns[number].kind == "tool_result":
                excerpt = head_and_tail(
                    number, window, self._origins[number], self._admission, terms.tokens_per_character
                )
                if excerpt is not None:
                    changes[number] = excerpt
        window.apply(Decision(changes=changes))
        return changes


def _old_masked(window: Window) -> dict[int, Shape]:
    changes: dict[int, Shape] = {
        each: "stub" for each in window.results[:-_KEPT_WHEN_COLD] if window.size_as(each, "stub") < window.sizes[each]
    }
    window.apply(Decision(changes=changes))
    return changes


def ping_pays(tokens: int, prices: PriceSet) -> bool:
    """Whether one ping per silence earns what it costs: nearly half of the silences that pass five minutes end in ten.

    Few that pass an hour end within two, so there it must cost little beside what a lost prefix would.
    """
    if tokens < WORTHWHILE_TOKENS:
        return False
    if prices.ttl_s <= _SHORT_LIFE_S:
        return True
    return prices.ttl_s <= _LONG_LIFE_S and prices.read <= _RARE_RETURN * (prices.write - prices.read)
