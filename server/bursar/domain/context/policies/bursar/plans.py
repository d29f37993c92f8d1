"""A plan for each result, made anew only as it ages, so that a decision takes the same time in a long session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bursar.domain.context.decision import Shape, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.chances import Chances
from bursar.domain.context.policies.bursar.trims import Plan, plan_of
from bursar.domain.context.window import Window

_AGED_BY, _AGED_AT_LEAST = 4, 3
"""A plan is made anew once it is older than a quarter of the result's age, or than three requests if that is longer."""
LINES_PER_DECISION = 600
"""After so many lines the plans that stand are good enough until the next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    request: int
    shape: Shape
    plan: Plan | None


class Plans:
    """Plans with the chances of lines, where a copy is as much wanted as what points to it."""

    def __init__(self, chances: Chances, copies: Mapping[int, tuple[Run, ...]]) -> None:
        self._chances = chances
        self._copies = copies
        self._pointing: dict[int, list[tuple[int, Run]]] = {}
        self._made: dict[int, _Made] = {}
        self._request = -1
        self._wanted: dict[int, list[float]] = {}
        self._weighed_before = 0

    def point(self, number: int) -> None:
        """A result of which lines became pointers."""
        for run in self._copies.get(number, ()):
            self._pointing.setdefault(run.turn, []).append((number, run))

    def current(self, number: int, window: Window, terms: Terms, request: int, caution: float) -> Plan | None:
        """The plan of a result, as it was made not long ago or is made now."""
        self._begin(request)
        made, shape = self._made.get(number), window.shapes[number]
        if made is not None and made.shape is shape:
            age = request - window.turns[number].request
            if request - made.request < max(_AGED_AT_LEAST, age // _AGED_BY) or self._is_enough():
                return made.plan
        plan = self.fresh(number, window, terms, self.wanted(number, request), caution)
        self._made[number] = _Made(request=request, shape=shape, plan=plan)
        return plan

    def fresh(self, number: int, window: Window, terms: Terms, chances: Sequence[float], caution: float) -> Plan | None:
        """A plan as of now."""
        return plan_of(number, window, terms, chances, self._copies.get(number, ()), caution)

    def wanted(self, number: int, request: int) -> Sequence[float]:
        """By line of a result, the chance that it is needed: as itself, or for one that points to it."""
        self._begin(request)
        known = self._wanted.get(number)
        if known is not None:
            return known
        chances = self._chances.of(number, request)
        for other, run in self._pointing.get(number, ()):
            newer = self.wanted(other, request)
            for each in range(run.end - run.first):
                place = run.copy_first + each
                chances[place] = max(chances[place], newer[run.first + each])
        self._wanted[number] = chances
        return chances

    def _begin(self, request: int) -> None:
        if request != self._request:
            self._request, self._wanted = request, {}
            self._weighed_before = self._chances.lines_weighed

    def _is_enough(self) -> bool:
        return self._chances.lines_weighed - self._weighed_before >= LINES_PER_DECISION
