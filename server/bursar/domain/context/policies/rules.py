"""A policy made of a rule that looks at the prompt as it stands and keeps nothing of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from bursar.domain.context.decision import NOTHING, Arrived, Decision, Shape, Terms
from bursar.domain.context.window import Window

Rule: TypeAlias = Callable[[Window, Arrived, Terms], Decision]

_LAST_RESORT = 0.92


class RulePolicy:
    """Holds the prompt and asks the rule before each request."""

    def __init__(self, rule: Rule, terms: Terms) -> None:
        self._rule = rule
        self._terms = terms
        self._window = Window(terms)

    def decide(self, arrived: Arrived) -> Decision:
        """What the rule says of the prompt with what arrived."""
        self._window.take(arrived.turns)
        decision = self._rule(self._window, arrived, self._terms)
        self._window.apply(decision)
        return decision


def keep_all(window: Window, arrived: Arrived, terms: Terms) -> Decision:
    """Append and change nothing."""
    return NOTHING


def stub(window: Window, numbers: Iterable[int]) -> Decision:
    """Mask those turns that stand in full."""
    changes: dict[int, Shape] = {each: "stub" for each in numbers if window.shapes[each] == "full"}
    return Decision(changes=changes)


def compacted(window: Window, changes: Decision = NOTHING) -> Decision:
    """A summary in the place of all that was sent before, on top of other changes."""
    dropped: dict[int, Shape] = {each: "dropped" for each in range(window.arrived_from)}
    return Decision(changes={**changes.changes, **dropped}, summary=True, ping=changes.ping)


def within(rule: Rule) -> Rule:
    """The same rule with a summary as a last resort, near the end of the window."""

    def held(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        decision = rule(window, arrived, terms)
        if decision.summary:
            return decision
        saved = sum(window.sizes[each] - window.size_as(each, shape) for each, shape in decision.changes.items())
        if window.tokens - saved <= _LAST_RESORT * terms.window_tokens:
            return decision
        return compacted(window, decision)

    return held
