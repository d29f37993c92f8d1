"""Policies that trim after a silence, when the provider's cache is probably gone anyway."""

from __future__ import annotations

from dataclasses import replace

from bursar.domain.context.decision import NOTHING, Arrived, Decision, Terms
from bursar.domain.context.policies.rules import Rule, stub
from bursar.domain.context.window import Window

PING_FROM_TOKENS = 20_000
"""A smaller prompt is not worth keeping warm."""


def after_silence(silence_s: float, kept: int = 5) -> Rule:
    """After a longer silence all but the newest results are masked."""

    def rule(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        return stub(window, window.results[:-kept]) if arrived.gap_s > silence_s else NOTHING

    return rule


def kept_warm(rule: Rule) -> Rule:
    """The same rule with one ping in each silence."""

    def pinging(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        decision = rule(window, arrived, terms)
        saved = sum(window.sizes[each] - window.size_as(each, shape) for each, shape in decision.changes.items())
        return replace(decision, ping=window.tokens - saved >= PING_FROM_TOKENS)

    return pinging
