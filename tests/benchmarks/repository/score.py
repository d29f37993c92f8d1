"""What a ranking is worth on questions whose files are known, and how sure it is that one is better than another."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MEASURES = ("recall@5", "recall@10", "MRR")
_RESAMPLES = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mean of one's own minus the peer's, with its 95 % interval."""

    mean: float
    low: float
    high: float


def score(ranked: Sequence[str], files: Sequence[str]) -> dict[str, float]:
    """Every measure for one question: the share of its files among the first, and one over the first hit's place."""
    wanted = set(files)
    first = next((place for place, path in enumerate(ranked, 1) if path in wanted), None)
    return {
        "recall@5": len(wanted.intersection(ranked[:5])) / len(wanted),
        "recall@10": len(wanted.intersection(ranked[:10])) / len(wanted),
        "MRR": 0.0 if first is None else 1 / first,
    }


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every measure."""
    return {name: sum(each[name] for each in scores) / len(scores) for name in MEASURES}


def difference(own: Sequence[float], peer: Sequence[float], seed: int = 1) -> Difference:
    """Paired by question: the questions are drawn again with replacement."""
    pairs = [mine - theirs for mine, theirs in zip(own, peer, strict=True)]
    drawn = random.Random(seed)
    found = sorted(sum(drawn.choices(pairs, k=len(pairs))) / len(pairs) for _ in range(_RESAMPLES))
    return Difference(
        mean=sum(pairs) / len(pairs),
        low=found[int(_RESAMPLES * 0.025)],
        high=found[int(_RESAMPLES * 0.975)],
    )
