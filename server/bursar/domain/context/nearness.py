"""How near files are to others over the names that one uses and another defines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bursar.domain.context.repository import Edge

_STEPS = 5
_MOST_NAMED = 3


def nearness(
    seeds: Mapping[str, float], edges: Sequence[Edge], damping: float
) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """How near each file is to the seeds, as a share of the nearest; and the seeds that it is joined with.

    A random walk along the edges that begins at the seeds, by their worth, and goes on with the chance ``damping``.
    That a walk begins at a seed makes it no nearer to the others.
    """
    weight = _weights(edges)
    total = sum(seeds.values())
    if not weight or not total:
        return {}, {}
    share = {path: worth / total for path, worth in seeds.items()}
    gained: dict[str, float] = {}
    for _ in range(_STEPS):
        onward: dict[str, float] = {}
        for path, value in share.items():
            row = weight.get(path, {})
            whole = sum(row.values())
            for other, worth in row.items():
                onward[other] = onward.get(other, 0.0) + damping * value * worth / whole
        for path, value in onward.items():
            gained[path] = gained.get(path, 0.0) + value
        share = onward
    # What all the others use is near to everything: only what comes from here counts.
    gained = {path: value / sum(weight[path].values()) for path, value in gained.items()}
    best = max(gained.values(), default=0.0)
    if best <= 0:
        return {}, {}
    joined = {
        path: tuple(sorted((each for each in weight[path] if each in seeds), key=lambda each: -weight[path][each]))
        for path in gained
    }
    return {path: value / best for path, value in gained.items()}, {
        path: each[:_MOST_NAMED] for path, each in joined.items()
    }


def _weights(edges: Sequence[Edge]) -> dict[str, dict[str, float]]:
    """Both ways."""
    weight: dict[str, dict[str, float]] = {}
    for each in edges:
        for one, other in ((each.source, each.target), (each.target, each.source)):
            row = weight.setdefault(one, {})
            row[other] = row.get(other, 0.0) + each.worth
    return weight
