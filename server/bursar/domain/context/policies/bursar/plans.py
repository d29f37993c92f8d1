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

    def point(self, number: int) -> None:
        """A result of which lines became pointers."""
        for run in self._copies.get(number, ()):
            self._pointing.setdefault(run.turn, []).append((number, run))

    def current(self, number: int, window: Window, terms: Terms, request: int, caution: float) -> Plan | None:
        """The plan of a result, as it was made not long ago or is made now."""
        made, shape = self._made.get(number), window.shapes[number]
        age = request - window.turns[number].request
        is_fresh = made is not None and request - made.request < max(_AGED_AT_LEAST, age // _AGED_BY)
        if made is None or not is_fresh or made.shape is not shape:
            plan = self.fresh(number, window, terms, self.wanted(number, request), caution)
            made = self._made[number] = _Made(request=request, shape=shape, plan=plan)
        return made.plan

    def fresh(self, number: int, window: Window, terms: Terms, chances: Sequence[float], caution: float) -> Plan | None:
        """A plan as of now."""
        return plan_of(number, window, terms, chances, self._copies.get(number, ()), caution)

    def wanted(self, number: int, request: int) -> list[float]:
        """By line of a result, the chance that it is needed: as itself, or for one that points to it."""
        chances = self._chances.of(number, request)
        newer: dict[int, list[float]] = {}
        for other, run in self._pointing.get(number, ()):
            if other not in newer:
                newer[other] = self.wanted(other, request)
            for each in range(run.end - run.first):
                place = run.copy_first + each
                chances[place] = max(chances[place], newer[other][run.first + each])
        return chances
