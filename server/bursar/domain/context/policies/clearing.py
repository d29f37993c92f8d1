"""Policies that clear old results in one step when there are many tokens of them."""

from __future__ import annotations

from bursar.domain.context.decision import NOTHING, Arrived, Decision, Terms
from bursar.domain.context.policies.rules import Rule, stub
from bursar.domain.context.window import Window

_CLEAR_TRIGGER, _CLEAR_KEEPS = 100_000, 3
_NEAR_EDGE = 0.95
_PROTECTED, _WORTHWHILE, _PROTECTED_USERS = 40_000, 20_000, 2
_USUAL_WINDOW = 200_000


def clear_tool_uses(at_least_tokens: int = 0) -> Rule:
    """A provider's context editing: above 100,000 tokens all but the three newest results go, if enough can go.

    It triggers at half a window that is smaller than usual, with ``at_least_tokens`` as a share of it, and before a
    price edge.
    """

    def rule(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        share = min(1.0, terms.window_tokens / _USUAL_WINDOW)
        trigger = _CLEAR_TRIGGER * share
        if terms.prices.edge_tokens is not None:
            trigger = min(trigger, _NEAR_EDGE * terms.prices.edge_tokens)
        if window.tokens <= trigger:
            return NOTHING
        old = [each for each in window.results[:-_CLEAR_KEEPS] if window.shapes[each] == "full"]
        if sum(window.sizes[each] - window.size_as(each, "stub") for each in old) < at_least_tokens * share:
            return NOTHING
        return stub(window, old)

    return rule


def prune(window: Window, arrived: Arrived, terms: Terms) -> Decision:
    """opencode's: when a user turn begins, results older than the newest 40,000 tokens of them, if 20,000 can go."""
    if not any(each.kind == "user" for each in arrived.turns):
        return NOTHING
    old: list[int] = []
    protected = users = 0
    for number in reversed(range(len(window.turns))):
        turn = window.turns[number]
        users += turn.kind == "user"
        if users < _PROTECTED_USERS or turn.kind != "tool_result":
            continue
        if window.shapes[number] != "full":
            break
        protected += turn.tokens
        if protected > _PROTECTED:
            old.append(number)
    return stub(window, old) if sum(window.turns[each].tokens for each in old) >= _WORTHWHILE else NOTHING
