"""The policies that the bench knows by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from bursar.domain.context.decision import MakePolicy, Terms
from bursar.domain.context.optimum import optimum
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.policies.clearing import clear_tool_uses, prune
from bursar.domain.context.policies.compacting import compact_at
from bursar.domain.context.policies.dedupe import Dedupe
from bursar.domain.context.policies.idle import after_silence, kept_warm
from bursar.domain.context.policies.masking import last_observations, last_turns
from bursar.domain.context.policies.rules import Rule, RulePolicy, keep_all, within
from bursar.domain.context.retention import Use
from bursar.domain.context.session import RecordedSession

OPTIMUM = "optimum"
"""The schedule that is found with the whole session in view; no policy that anybody can run."""

Uses: TypeAlias = Sequence[Sequence[Use]]
Planner: TypeAlias = Callable[[RecordedSession, Uses, Terms, bool], MakePolicy]
"""Gives the policy for a session. The flag says that the window is a tight one; only a schedule that is found with the
whole session in view looks at the session and its uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A policy of the bench. ``peer``: what one of ours has to beat. ``pings``: it keeps the cache warm."""

    name: str
    plan: Planner
    peer: bool = True
    pings: bool = False


def by_rule(rule: Rule) -> Planner:
    """A rule that keeps no state, with a summary as a last resort in a tight window."""
    return by_new_rule(lambda: rule)


def by_new_rule(make: Callable[[], Rule]) -> Planner:
    """The same for a rule that keeps a state, so it is made anew for each session."""

    def plan(session: RecordedSession, uses: Uses, terms: Terms, is_tight: bool) -> MakePolicy:
        return lambda terms: RulePolicy(within(make()) if is_tight else make(), terms)

    return plan


def by_policy(make: MakePolicy) -> Planner:
    """A policy that keeps a state of its own, and minds the window by itself."""

    def plan(session: RecordedSession, uses: Uses, terms: Terms, is_tight: bool) -> MakePolicy:
        return make

    return plan


def _foreseen(session: RecordedSession, uses: Uses, terms: Terms, is_tight: bool) -> MakePolicy:
    return optimum(session, uses, terms.prices)


ENTRIES: dict[str, Entry] = {
    each.name: each
    for each in (
        Entry(name="keep-all", plan=by_policy(partial(RulePolicy, keep_all))),
        Entry(name="window-40", plan=by_rule(last_turns(40))),
        Entry(name="mask-10", plan=by_rule(last_observations(10))),
        Entry(name="mask-10x10", plan=by_rule(last_observations(10, polling=10))),
        Entry(name="mask-10x25", plan=by_rule(last_observations(10, polling=25))),
        Entry(name="compact-80", plan=by_policy(partial(RulePolicy, compact_at(0.80)))),
        Entry(name="compact-95", plan=by_policy(partial(RulePolicy, compact_at(0.95)))),
        Entry(name="clear-tool-uses", plan=by_rule(clear_tool_uses())),
        Entry(name="clear-tool-uses-20k", plan=by_rule(clear_tool_uses(20_000))),
        Entry(name="opencode", plan=by_rule(prune)),
        Entry(name="idle-60min", plan=by_rule(after_silence(3_600))),
        Entry(name="idle-5min", plan=by_rule(after_silence(300))),
        Entry(name="idle-5min-ping", plan=by_rule(kept_warm(after_silence(300))), pings=True),
        Entry(name="mask-10x25-ping", plan=by_rule(kept_warm(last_observations(10, polling=25))), pings=True),
        Entry(name="clear-tool-uses-20k-ping", plan=by_rule(kept_warm(clear_tool_uses(20_000))), pings=True),
        Entry(name="dedupe", plan=by_new_rule(Dedupe)),
        Entry(name="bursar", plan=by_new_rule(Steps), peer=False),
        Entry(name="bursar-warm", plan=by_new_rule(partial(Steps, keeps_warm=True)), peer=False, pings=True),
        Entry(name=OPTIMUM, plan=_foreseen, peer=False),
    )
}
