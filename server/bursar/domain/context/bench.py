"""The bench: policies over recorded sessions, each held against the best of those that others ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.context.policies.registry import ENTRIES, Entry
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.replay import terms_of
from bursar.domain.context.retention import uses_by_request
from bursar.domain.context.score import Row, Score, difference_interval, resamples_of, row_of, score
from bursar.domain.context.session import RecordedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row, and where it lies to the best peer of the run; None where no peer was in the run."""

    row: Row
    best_peer: str | None
    interval: tuple[float, float] | None


class Bench:
    """Sessions with what was used in them, found once for all policies."""

    def __init__(self, sessions: Sequence[RecordedSession], window_tokens: int | None = None) -> None:
        self._sessions = sessions
        self._uses = [uses_by_request(each) for each in sessions]
        self._window_tokens = window_tokens
        self._resamples = resamples_of(len(sessions))

    def rows(self, entries: Sequence[Entry], prices: PriceSet) -> list[Judged]:
        """A row for each policy under that price set, in their order."""
        keep_all = self._scores(ENTRIES["keep-all"], prices)
        rows = [(entry, row_of(entry.name, prices.name, self._scores(entry, prices), keep_all)) for entry in entries]
        return [self._judged(entry, row, rows) for entry, row in rows]

    def _scores(self, entry: Entry, prices: PriceSet) -> list[Score]:
        make = entry.make(self._window_tokens)
        return [
            score(session, uses, make, terms_of(session, prices, self._window_tokens))
            for session, uses in zip(self._sessions, self._uses, strict=True)
        ]

    def _judged(self, entry: Entry, row: Row, rows: Sequence[tuple[Entry, Row]]) -> Judged:
        """A policy that may not ping is held against peers that do not, any other against all of them."""
        peers = [other for each, other in rows if each.peer and (entry.pings or not each.pings)]
        if not peers:
            return Judged(row=row, best_peer=None, interval=None)
        best = min(peers, key=lambda each: each.eff)
        return Judged(
            row=row, best_peer=best.policy, interval=difference_interval(row.effs, best.effs, self._resamples)
        )
