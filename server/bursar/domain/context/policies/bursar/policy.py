"""The steps of Bursar's policy in their order, before each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bursar.domain.context.decision import Arrived, Decision, Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.admission import WORTHWHILE_TOKENS, fitted, is_cut, with_ends
from bursar.domain.context.policies.bursar.cautions import Cautions, ping_pays, usual_cautions
from bursar.domain.context.policies.bursar.chances import Chances
from bursar.domain.context.policies.bursar.history import History
from bursar.domain.context.policies.bursar.origin import UNKNOWN, Origin, origin_of
from bursar.domain.context.policies.bursar.plans import Plans
from bursar.domain.context.policies.bursar.trims import Plan, carried, written_and_carried
from bursar.domain.context.policies.dedupe import Dedupe
from bursar.domain.context.window import Window

_UNDER_PRESSURE = (1.0, 0.5, 0.25, 0.125, 0.0)
_WINDOW_PRESSURE = (0.90, 0.75)
"""From which share of the window on results make room, and down to which. A summary is the last resort at 0.92."""
_EDGE_PRESSURE = (0.95, 0.90)
"""The same for a price edge, where what is kept below it is worth more than the rewrites that a wider step spares."""
_LARGEST_RESULT = 0.5
"""No result takes more of the window: one alone could fill it."""
_GONE = ("stub", "dropped")
_WARM_FROM_REQUEST, _WARM_FROM_AGE, _SMALLEST_WARM_SAVING = 12, 4, 60


class Steps:
    """Repeats become pointers, new output loses what will hardly be needed, and old results do where that pays.

    ``cautions``: how dear a loss is held, as usual for the prices where none are given.

    Near the window's end, or a price edge, more goes, cold or not. What arrives now is only ever cut by its lines:
    nobody saw it.
    """

    def __init__(self, *, keeps_warm: bool = False, cautions: Cautions | None = None) -> None:
        self._keeps_warm = keeps_warm
        self._cautions = cautions
        self._dedupe = Dedupe(from_tokens=WORTHWHILE_TOKENS)
        self._history = History()
        self._plans: Plans | None = None
        self._chances: Chances | None = None
        self._calls: dict[str, Origin] = {}
        self._origins: dict[int, Origin] = {}

    def __call__(self, window: Window, arrived: Arrived, terms: Terms) -> Decision:
        """All changes of this request; the window has them when this returns."""
        plans = self._plans_for(terms)
        cautions = self._cautions or usual_cautions(terms.prices)
        changes = dict(self._dedupe(window, arrived, terms).changes)
        self._note(window, plans)
        changes |= self._fit_new(window, terms)
        if window.tokens >= WORTHWHILE_TOKENS:
            changes |= self._cut_new(window, arrived.request, terms, plans, cautions)
            if terms.may_rewrite and arrived.is_cold:
                changes |= self._trim_cold(window, arrived.request, terms, plans, cautions)
            elif terms.may_rewrite and arrived.request >= _WARM_FROM_REQUEST:
                changes |= self._trim_warm(window, arrived.request, terms, plans, cautions)
        if terms.may_rewrite:
            changes |= self._relieve(window, arrived.request, terms, plans)
        return Decision(changes=changes, ping=self._keeps_warm and ping_pays(window.tokens, terms.prices))

    @property
    def copies(self) -> Mapping[int, tuple[Run, ...]]:
        """By turn, which lines of it became pointers, and where their copies stand."""
        return self._dedupe.copies

    @property
    def lines_weighed(self) -> int:
        """How many chances were reckoned so far, a line's each time: what the time of decisions hangs on."""
        return 0 if self._chances is None else self._chances.lines_weighed

    def _plans_for(self, terms: Terms) -> Plans:
        if self._plans is None:
            self._chances = Chances(self._history, terms.tokens_per_character, terms.unseen_source)
            self._plans = Plans(self._chances, self._dedupe.copies)
        return self._plans

    def _note(self, window: Window, plans: Plans) -> None:
        last = UNKNOWN
        for number in range(window.arrived_from, len(window.turns)):
            turn = window.turns[number]
            if turn.kind == "tool_call":
                last = self._origins[number] = origin_of(turn.tool, turn.text)
                if turn.call:
                    self._calls[turn.call] = last
            elif turn.kind == "tool_result":
                self._origins[number] = self._calls.get(turn.call, last)
            self._history.add(number, turn, self._origins.get(number, UNKNOWN))
            if turn.kind == "tool_result":
                plans.point(number)
                for line in range(len(window.lines_of(number))):
                    if window.shows(number, line):
                        self._history.show(number, line)

    def _fit_new(self, window: Window, terms: Terms) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        for number in _new_results(window):
            shape = fitted(number, window, _LARGEST_RESULT * terms.window_tokens, terms.tokens_per_character)
            if shape is not None:
                changes[number] = shape
        window.apply(Decision(changes=changes))
        return changes

    def _cut_new(
        self, window: Window, request: int, terms: Terms, plans: Plans, cautions: Cautions
    ) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        for number in _new_results(window):
            if is_cut(self._origins[number], window.sizes[number]):
                chances = with_ends(plans.wanted(number, request), window.lines_of(number))
                plan = plans.fresh(number, window, terms, chances, cautions.arriving)
                if plan is not None and written_and_carried(terms.prices) * plan.saved_tokens > plan.cost:
                    changes[number] = plan.shape
        window.apply(Decision(changes=changes))
        return changes

    def _trim_cold(
        self, window: Window, request: int, terms: Terms, plans: Plans, cautions: Cautions
    ) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        for number in _open_results(window):
            plan = plans.current(number, window, terms, request, cautions.standing)
            if plan is not None and written_and_carried(terms.prices) * plan.saved_tokens > plan.cost:
                changes[number] = plan.shape
        window.apply(Decision(changes=changes))
        return changes

    def _trim_warm(
        self, window: Window, request: int, terms: Terms, plans: Plans, cautions: Cautions
    ) -> dict[int, Shape]:
        """Everything behind the cut that saves most, after what is written anew there; nothing where none saves."""
        saving = carried(terms.prices)
        found: dict[int, list[tuple[int, Plan]]] = {}
        for number in _open_results(window):
            arrived = window.turns[number].request
            if request - arrived < _WARM_FROM_AGE:
                continue
            plan = plans.current(number, window, terms, request, cautions.standing)
            if plan is None or plan.saved_tokens < _SMALLEST_WARM_SAVING or saving * plan.saved_tokens <= plan.cost:
                continue
            found.setdefault(arrived, []).append((number, plan))
        rewriting = cautions.rewriting * (terms.prices.write - terms.prices.read)
        best, cut = 0.0, None
        value, rewritten, after = 0.0, 0, request  # what arrives is written anyway
        for arrived in sorted(found, reverse=True):
            value += sum(saving * plan.saved_tokens - plan.cost for _, plan in found[arrived])
            rewritten += window.tokens_between(arrived, after) - sum(plan.saved_tokens for _, plan in found[arrived])
            after = arrived
            if value - rewriting * rewritten > best:
                best, cut = value - rewriting * rewritten, arrived
        if cut is None:
            return {}
        changes = {number: plan.shape for arrived, each in found.items() if arrived >= cut for number, plan in each}
        window.apply(Decision(changes=changes))
        return changes

    def _relieve(self, window: Window, request: int, terms: Terms, plans: Plans) -> dict[int, Shape]:
        changes: dict[int, Shape] = {}
        results = _open_results(window)
        pressed_from, pressed_to = _limits(window, results, terms)
        if window.tokens <= pressed_from or not results:
            return changes
        chances = {each: plans.wanted(each, request) for each in results}
        for caution in _UNDER_PRESSURE:
            for number in results:
                if window.tokens <= pressed_to:
                    return changes
                if window.shapes[number] in _GONE:
                    continue
                plan = plans.fresh(number, window, terms, chances[number], max(caution, 1e-9))
                if plan is None:
                    continue
                if caution == 0 or written_and_carried(terms.prices) * plan.saved_tokens > plan.cost:
                    changes[number] = plan.shape
                    window.apply(Decision(changes={number: plan.shape}))
        return changes


def _new_results(window: Window) -> list[int]:
    return [each for each in range(window.arrived_from, len(window.turns)) if window.turns[each].kind == "tool_result"]


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
