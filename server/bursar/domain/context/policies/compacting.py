"""Policies that put a summary in the place of the conversation."""

from __future__ import annotations

from bursar.domain.context.decision import NOTHING, Arrived, Decision, Terms
from bursar.domain.context.policies.rules import Rule, compacted
from bursar.domain.context.window import Window

_NEAR_EDGE = 0.95


def compact_at(share: float) -> Rule:
    """A summary when that share of the window is passed, and before a price edge."""

    def rule(window: Window, arrived: Arrived, terms: Terms) -> Decision:
        trigger = share * terms.window_tokens
        if terms.prices.edge_tokens is not None:
            trigger = min(trigger, _NEAR_EDGE * terms.prices.edge_tokens)
        return compacted(window) if window.tokens > trigger else NOTHING

    return rule
