"""The bench: policies over recorded sessions, each held against the best of those that others ship."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from bursar.domain.context.policies.registry import ENTRIES, OPTIMUM, Entry
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.replay import Sent, terms_of
from bursar.domain.context.retention import uses_by_request
from bursar.domain.context.score import Row, Score, difference_interval, resamples_of, row_of, score
from bursar.domain.context.session import RecordedSession

Seen: TypeAlias = Callable[[RecordedSession, str, str, Sent], None]
"""Is told each request as it is sent: its session, the policy, the price set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row, and where it lies to the best peer of the run; None where no peer was in the run.

    ``share``: what it saves of what the optimum of the run saves; None where that was not in the run.
    """

    row: Row
    share: float | None
    best_peer: str | None
    interval: tuple[float, float] | None


class Bench:
    """Sessions with what was used in them, found once for all policies."""

    def __init__(
        self, sessions: Sequence[RecordedSession], *, window_tokens: int | None = None, cross_validated: bool = False
    ) -> None:
        self._sessions = sessions
        self._uses = [uses_by_request(each) for each in sessions]
        self._window_tokens = window_tokens
        self._cross_validated = cross_validated
        self._resamples = resamples_of(len(sessions))

    def rows(self, entries: Sequence[Entry], prices: PriceSet, seen: Seen | None = None) -> list[Judged]:
        """A row for each policy under that price set, in their order; ``seen`` is given each request as it is sent."""
        keep_all = self._scores(ENTRIES["keep-all"], prices)
        rows = [(each, row_of(each.name, prices.name, self._scores(each, prices, seen), keep_all)) for each in entries]
        return [self._judged(entry, row, rows) for entry, row in rows]

    def _scores(self, entry: Entry, prices: PriceSet, seen: Seen | None = None) -> list[Score]:
        found: list[Score] = []
        for session, uses in zip(self._sessions, self._uses, strict=True):
            terms = terms_of(session, prices, self._window_tokens, leave_own_source_out=self._cross_validated)
            make = entry.plan(session, uses, terms, self._window_tokens is not None)
            told = None if seen is None else partial(seen, session, entry.name, prices.name)
            found.append(score(session, uses, make, terms, told))
        return found

    def _judged(self, entry: Entry, row: Row, rows: Sequence[tuple[Entry, Row]]) -> Judged:
        """A policy that may not ping is held against peers that do not, any other against all of them."""
        peers = [other for each, other in rows if each.peer and (entry.pings or not each.pings)]
        least = next((other.eff for each, other in rows if each.name == OPTIMUM), None)
        share = None if least is None or least == 1 else (1 - row.eff) / (1 - least)
        if not peers:
            return Judged(row=row, share=share, best_peer=None, interval=None)
        best = min(peers, key=lambda each: each.eff)
        return Judged(
            row=row,
            share=share,
            best_peer=best.policy,
            interval=difference_interval(row.effs, best.effs, self._resamples),
        )
