"""Policies that hide what is old by its place: a sliding window, and masking of all but the newest observations."""

from __future__ import annotations

from bursar.domain.context.decision import Arrived, Decision, Shape, Terms
from bursar.domain.context.policies.rules import Rule, stub
from bursar.domain.context.window import Window


def last_turns(kept: int) -> Rule:
    """Only the first turn (the task) and the newest ones are sent."""

    def rule(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        old = range(1, len(window.turns) - kept)
        changes: dict[int, Shape] = {each: "dropped" for each in old if window.shapes[each] != "dropped"}
        return Decision(changes=changes)

    return rule


def last_observations(kept: int, polling: int = 1) -> Rule:
    """The newest results stand in full, at least ``kept``; the rest is masked in steps of ``polling`` results."""

    def rule(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        masked = max(0, (len(window.results) - kept) // polling * polling)
        return stub(window, window.results[:masked])

    return rule
