"""The policies that the bench knows by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bursar.domain.context.decision import MakePolicy
from bursar.domain.context.policies.clearing import clear_tool_uses, prune
from bursar.domain.context.policies.compacting import compact_at
from bursar.domain.context.policies.idle import after_silence, kept_warm
from bursar.domain.context.policies.masking import last_observations, last_turns
from bursar.domain.context.policies.rules import Rule, RulePolicy, keep_all, within


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A policy of the bench. ``peer``: others ship or publish it. ``pings``: it keeps the cache warm."""

    name: str
    rule: Rule
    peer: bool = True
    pings: bool = False

    def make(self, last_resort_tokens: int | None = None) -> MakePolicy:
        """The policy, with a summary near the end of that window as a last resort where one is given."""
        rule = self.rule
        if last_resort_tokens is not None and rule is not keep_all:
            rule = within(rule, last_resort_tokens)
        return partial(RulePolicy, rule)


ENTRIES: dict[str, Entry] = {
    each.name: each
    for each in (
        Entry(name="keep-all", rule=keep_all),
        Entry(name="window-40", rule=last_turns(40)),
        Entry(name="mask-10", rule=last_observations(10)),
        Entry(name="mask-10x10", rule=last_observations(10, polling=10)),
        Entry(name="mask-10x25", rule=last_observations(10, polling=25)),
        Entry(name="compact-80", rule=compact_at(0.80)),
        Entry(name="compact-95", rule=compact_at(0.95)),
        Entry(name="clear-tool-uses", rule=clear_tool_uses()),
        Entry(name="clear-tool-uses-20k", rule=clear_tool_uses(20_000)),
        Entry(name="opencode", rule=prune),
        Entry(name="idle-60min", rule=after_silence(3_600)),
        Entry(name="idle-5min", rule=after_silence(300)),
        Entry(name="idle-5min-ping", rule=kept_warm(after_silence(300)), pings=True),
    )
}
