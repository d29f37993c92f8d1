"""The chance of each line of a result to be needed again, from what it is and what happened since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp
from operator import mul

from bursar.domain.context.policies.bursar import features
from bursar.domain.context.policies.bursar.coefficients import ALL, LEFT_OUT
from bursar.domain.context.policies.bursar.history import History, Result

_FIXED, _CHANGING = len(features.FIXED), len(features.CHANGING)


class Chances:
    """Reads each line once, and again only where something of it changed.

    ``unseen_source``: its sessions are judged by what was learnt from all others.
    """

    def __init__(self, history: History, tokens_per_character: float, unseen_source: str | None = None) -> None:
        self._history = history
        self._rate = tokens_per_character
        weights = LEFT_OUT.get(unseen_source or "", ALL)
        self._intercept = weights[0]
        self._of_fixed = weights[1 : 1 + _FIXED]
        self._of_changing = weights[1 + _FIXED : 1 + _FIXED + _CHANGING]
        self._of_result = weights[1 + _FIXED + _CHANGING :]
        self._fixed: dict[int, list[float]] = {}
        self._logits: dict[int, list[float]] = {}
        self.lines_read = 0
        self.lines_weighed = 0

    def of(self, number: int, request: int) -> list[float]:
        """A chance for each line of a result, before that request."""
        result = self._history.results[number]
        self.lines_weighed += len(result.lines)
        shared = self._intercept + _sum(self._history.of_result(result, request), self._of_result)
        return [1 / (1 + exp(-shared - each)) for each in self._lines(result)]

    def _lines(self, result: Result) -> Sequence[float]:
        """By line, what does not change for all of them together; the last is always the newest reckoning."""
        number, last = result.number, len(result.lines) - 1
        base = self._fixed.get(number)
        changed: Iterable[int] = () if result.touched is None else result.touched
        if base is None or result.touched is None:
            changed = range(len(result.lines))
        if base is None:
            base = self._fixed[number] = [
                _sum(features.fixed(text, place, last, result.seen[place], self._rate), self._of_fixed)
                for place, text in enumerate(result.lines)
            ]
            self._logits[number] = list(base)
        logits = self._logits[number]
        for place in changed:
            self.lines_read += 1
            logits[place] = base[place] + _sum(self._history.changing(result, place), self._of_changing)
        result.touched = set()
        return logits


def _sum(values: Sequence[float], weights: Sequence[float]) -> float:
    total: float = sum(map(mul, values, weights))
    return total
