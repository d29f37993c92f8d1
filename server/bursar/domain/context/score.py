"""Scores: one session under one policy, many sessions as a row, and how sure the difference to the best peer is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bursar.domain.context.cost import CARRIED_REQUESTS, refetch_cost
from bursar.domain.context.decision import MakePolicy, Terms
from bursar.domain.context.replay import Sent, play
from bursar.domain.context.retention import USE_KINDS, Use, UseKind, is_kept
from bursar.domain.context.session import RecordedSession

RESAMPLES = 4_000
SEED = 20_261_120


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One session under one policy. Costs are in plain input tokens; ``trims`` counts warm prefixes that it broke."""

    session: str
    cost: float
    penalty: float
    kept: dict[UseKind, int]
    used: dict[UseKind, int]
    trims: int
    refetches: int
    violated: bool

    @property
    def eff(self) -> float:
        """The cost with what fetching again would add."""
        return self.cost + self.penalty


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A policy over all sessions: costs as means of shares of keep-all's, the rest over all uses together."""

    policy: str
    prices: str
    cost: float
    eff: float
    retention: float
    edit_lines: float
    quotes: float
    worst_trace: float
    violations: int
    trims: float
    refetches: float
    effs: tuple[float, ...]


def score(
    session: RecordedSession,
    uses: Sequence[Sequence[Use]],
    make: MakePolicy,
    terms: Terms,
    seen: Callable[[Sent], None] | None = None,
) -> Score:
    """Play a session under a policy and add up what it cost and what was no longer there when it was used."""
    cost = penalty = 0.0
    trims = refetches = 0
    violated = False
    fetched: dict[int, int] = {}  # by result: the last request that still carries what was fetched
    kept: dict[UseKind, int] = dict.fromkeys(USE_KINDS, 0)
    used: dict[UseKind, int] = dict.fromkeys(USE_KINDS, 0)
    for sent in play(session, make, terms):
        if seen is not None:
            seen(sent)
        cost += sent.cost
        trims += sent.broke
        violated = violated or sent.prompt_tokens > terms.window_tokens
        for use in uses[sent.request]:
            used[use.kind] += 1
            if is_kept(use, sent.window):
                kept[use.kind] += 1
            elif use.kind != "quote" and sent.request > fetched.get(use.source, -1):
                fetched[use.source] = sent.request + CARRIED_REQUESTS
                refetches += 1
                penalty += refetch_cost(terms.prices, sent.prompt_tokens, session.turns[use.source].tokens)
    return Score(
        session=session.id,
        cost=cost,
        penalty=penalty,
        kept=kept,
        used=used,
        trims=trims,
        refetches=refetches,
        violated=violated,
    )


def row_of(policy: str, prices: str, scores: Sequence[Score], keep_all: Sequence[Score]) -> Row:
    """A policy's row; ``keep_all`` has the same sessions in the same order."""
    effs = tuple(own.eff / base.cost for own, base in zip(scores, keep_all, strict=True))
    return Row(
        policy=policy,
        prices=prices,
        cost=_mean([own.cost / base.cost for own, base in zip(scores, keep_all, strict=True)]),
        eff=_mean(effs),
        retention=_kept(scores, "atom"),
        edit_lines=_kept(scores, "edit_line"),
        quotes=_kept(scores, "quote"),
        worst_trace=max(effs),
        violations=sum(each.violated for each in scores),
        trims=_mean([each.trims for each in scores]),
        refetches=_mean([each.refetches for each in scores]),
        effs=effs,
    )


def difference_interval(
    own: Sequence[float], other: Sequence[float], resamples: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """The 95 % interval of the mean of own minus other, over the same resamples of the sessions."""
    differences = [a - b for a, b in zip(own, other, strict=True)]
    means = sorted(sum(map(differences.__getitem__, each)) / len(differences) for each in resamples)
    cut = len(means) // 40
    return means[cut], means[-1 - cut]


def resamples_of(count: int) -> list[list[int]]:
    """Resamples of that many sessions, with replacement; the same in every run."""
    numbers = _numbers(SEED)
    return [[next(numbers) % count for _ in range(count)] for _ in range(RESAMPLES)]


def _numbers(seed: int) -> Iterator[int]:
    """SplitMix64 (Steele, Lea, Flood 2014): the upper half of each word."""
    mask = (1 << 64) - 1
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        word = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
        yield (word ^ (word >> 31)) >> 32


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _kept(scores: Sequence[Score], kind: UseKind) -> float:
    used = sum(each.used[kind] for each in scores)
    return sum(each.kept[kind] for each in scores) / used if used else 1.0
