"""The steps of Bursar's policy in their order, before each request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bursar.domain.context.decision import Arrived, Decision, Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.admission import Admission, head_and_tail, usual
from bursar.domain.context.policies.bursar.chances import Chances
from bursar.domain.context.policies.bursar.coefficients import SOURCES
from bursar.domain.context.policies.bursar.history import History
from bursar.domain.context.policies.bursar.origin import UNKNOWN, Origin, origin_of
from bursar.domain.context.policies.bursar.repeats import WORTHWHILE_TOKENS, Repeats
from bursar.domain.context.policies.bursar.trims import Plan, cold_plan, inherited
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.window import Window

_CAUTION, _CAUTION_OF_CHEAP_READS, _CHEAP_READ = 1.5, 2.0, 0.1
"""A lost line is held to cost so many reads of the prompt. Where a read is cheaper, the answer and the writing that a
second fetch also takes weigh more in it.
"""
_UNDER_PRESSURE = (1.0, 0.5, 0.25, 0.125, 0.0)
_WINDOW_PRESSURE = (0.90, 0.75)
"""From which share of the window on results make room, and down to which. A summary is the last resort at 0.92."""
_EDGE_PRESSURE = (0.95, 0.90)
"""The same for a price edge, where what is kept below it is worth more than the rewrites that a wider step spares."""
_GONE = ("stub", "dropped")
_KEPT_UNLEARNT = 5
_SHORT_LIFE_S, _LONG_LIFE_S = 300.0, 3_600.0
_RARE_RETURN = 0.03


class Steps:
    """Repeats become pointers, bulk is cut on arrival, and what will hardly be needed goes after a silence.

    ``admission``, ``caution``: how bulk is cut and how dear a loss is held, as usual for the prices
    where none is given.

    Near the window's end, or a price edge, more goes, cold or not. What arrives now is never trimmed: nobody saw it.
    """

    def __init__(
        self, admission: Admission | None = None, *, keeps_warm: bool = False, caution: float | None = None
    ) -> None:
        self._admission = admission
        self._keeps_warm = keeps_warm
        self._caution = caution
        self._repeats = Repeats()
        self._history = History()
        self._chances: Chances | None = None
        self._calls: dict[str, Origin] = {}
        self._origins: dict[int, Origin] = {}

    def __call__(self, window: Window, arrived: Arrived, terms: Terms) -> Decision:
        """All changes of this request; the window has them when this returns."""
        changes = dict(self._repeats(window, arrived, terms).changes)
        self._note_origins(window)
        is_worthwhile = window.tokens >= WORTHWHILE_TOKENS
        if is_worthwhile:
            changes |= self._cut_new(window, terms)
        self._note_turns(window)
        if is_worthwhile and arrived.is_cold:
            changes |= self._trim_cold(window, arrived.request, terms)
        changes |= self._relieve(window, arrived.request, terms)
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
                last = self._origins[number] = origin_of(turn.tool, turn.text)
                if turn.call:
                    self._calls[turn.call] = last
            elif turn.kind == "tool_result":
                self._origins[number] = self._calls.get(turn.call, last)

    def _note_turns(self, window: Window) -> None:
        for number in range(window.arrived_from, len(window.turns)):
            turn = window.turns[number]
            self._history.add(number, turn, self._origins.get(number, UNKNOWN))
            if turn.kind == "tool_result":
                for line in range(len(window.lines_of(number))):
                    if window.shows(number, line):
                        self._history.show(number, line)

    def _cut_new(self, window: Window, terms: Terms) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        rules = self._admission or usual(terms.prices.ttl_s)
        for number in range(window.arrived_from, len(window.turns)):
            if window.turns[number].kind == "tool_result":
                excerpt = head_and_tail(number, window, self._origins[number], rules, terms.tokens_per_character)
                if excerpt is not None:
                    changes[number] = excerpt
        window.apply(Decision(changes=changes))
        return changes

    def _trim_cold(self, window: Window, request: int, terms: Terms) -> dict[int, Shape]:
        if terms.unseen_source in SOURCES:
            return _masked_but_newest(window)
        chances = self._chances_of(_open_results(window), window, request, terms)
        plans = self._plans(chances, window, terms, self._caution or usual_caution(terms.prices))
        changes = {number: plan.shape for number, plan in plans if plan.value > 0}
        window.apply(Decision(changes=changes))
        return changes

    def _relieve(self, window: Window, request: int, terms: Terms) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        results = _open_results(window)
        pressed_from, pressed_to = _limits(window, results, terms)
        if window.tokens <= pressed_from or not results:
            return changes
        chances = self._chances_of(results, window, request, terms)
        for caution in _UNDER_PRESSURE:
            for number, plan in self._plans(chances, window, terms, caution):
                if window.tokens <= pressed_to:
                    return changes
                if plan.value > 0 or caution == 0:
                    changes[number] = plan.shape
                    window.apply(Decision(changes={number: plan.shape}))
        return changes

    def _chances_of(self, results: Sequence[int], window: Window, request: int, terms: Terms) -> dict[int, list[float]]:
        """By result and line. Where what was learnt may not be used, all results are alike."""
        if terms.unseen_source in SOURCES:
            return {each: [0.0] * len(window.lines_of(each)) for each in results}
        if self._chances is None:
            self._chances = Chances(self._history, terms.tokens_per_character)
        copies = self._repeats.copies
        stood_for = [number for number, runs in copies.items() if any(run.turn in results for run in runs)]
        chances = {each: self._chances.of(each, request) for each in sorted({*results, *stood_for})}
        inherited(chances, copies)
        return {each: chances[each] for each in results}

    def _plans(
        self, chances: Mapping[int, list[float]], window: Window, terms: Terms, caution: float
    ) -> Iterator[tuple[int, Plan]]:
        """Oldest first."""
        for number, each in chances.items():
            if window.shapes[number] in _GONE:
                continue
            plan = cold_plan(number, window, terms, each, self._repeats.copies.get(number, ()), caution)
            if plan is not None:
                yield number, plan


def _open_results(window: Window) -> list[int]:
    """Results of earlier requests of which anything stands."""
    return [each for each in window.results if each < window.arrived_from and window.shapes[each] not in _GONE]


def _limits(window: Window, results: Sequence[int], terms: Terms) -> tuple[float, float]:
    """From how many tokens on results make room, and down to how many. A price edge out of all reach is none."""
    in_window = (_WINDOW_PRESSURE[0] * terms.window_tokens, _WINDOW_PRESSURE[1] * terms.window_tokens)
    edge = terms.prices.edge_tokens
    if edge is None or _EDGE_PRESSURE[0] * edge > in_window[0]:
        return in_window
    least = window.tokens - sum(window.sizes[each] - window.size_as(each, "stub") for each in results)
    return (_EDGE_PRESSURE[0] * edge, _EDGE_PRESSURE[1] * edge) if least <= edge else in_window


def _masked_but_newest(window: Window) -> dict[int, Shape]:
    changes: dict[int, Shape] = {
        each: "stub" for each in window.results[:-_KEPT_UNLEARNT] if window.size_as(each, "stub") < window.sizes[each]
    }
    window.apply(Decision(changes=changes))
    return changes


def usual_caution(prices: PriceSet) -> float:
    """How many reads of the prompt a lost line is held to cost."""
    return _CAUTION if prices.read >= _CHEAP_READ else _CAUTION_OF_CHEAP_READS


def ping_pays(tokens: int, prices: PriceSet) -> bool:
    """Whether one ping per silence earns what it costs: nearly half of the silences that pass five minutes end in ten.

    Few that pass an hour end within two, so there it must cost little beside what a lost prefix would.
    """
    if tokens < WORTHWHILE_TOKENS:
        return False
    if prices.ttl_s <= _SHORT_LIFE_S:
        return True
    return prices.ttl_s <= _LONG_LIFE_S and prices.read <= _RARE_RETURN * (prices.write - prices.read)
