"""How fast requests were, as percentiles of what the ledger's rows say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One request that was measured, and what it counts under; None where it was not measured."""

    key: str
    ttft_ms: int | None
    duration_ms: int | None
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """The median and the 95th percentile by nearest rank: each is a value that was measured."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Over ``requests`` measured ones; None where none of them says it."""

    requests: int
    ttft_ms: Percentiles | None
    duration_ms: Percentiles | None
    output_tokens_per_s: Percentiles | None


def output_tokens_per_s(*, ttft_ms: int | None, duration_ms: int | None, output_tokens: int) -> float | None:
    """Output tokens per second of writing: from the first token to the end, or of the whole where that is not known.

    None where nothing was measured or written, or all of it came at once.
    """
    if duration_ms is None or output_tokens <= 0:
        return None
    writing_ms = duration_ms - (ttft_ms or 0)
    return round(1_000 * output_tokens / writing_ms, 1) if writing_ms > 0 else None


def nearest_rank(values: Sequence[float]) -> Percentiles | None:
    """Percentiles of these values, None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return Percentiles(p50=_at(ordered, 50), p95=_at(ordered, 95))


def speeds(requests: Iterable[Timed]) -> dict[str, Speed]:
    """The speed under each key; one without any measured request is left out."""
    by_key: dict[str, list[Timed]] = {}
    for each in requests:
        if each.duration_ms is not None or each.ttft_ms is not None:
            by_key.setdefault(each.key, []).append(each)
    return {key: _speed(group) for key, group in by_key.items()}


def _speed(group: Sequence[Timed]) -> Speed:
    rates = (
        output_tokens_per_s(ttft_ms=each.ttft_ms, duration_ms=each.duration_ms, output_tokens=each.output_tokens)
        for each in group
    )
    return Speed(
        requests=len(group),
        ttft_ms=nearest_rank([each.ttft_ms for each in group if each.ttft_ms is not None]),
        duration_ms=nearest_rank([each.duration_ms for each in group if each.duration_ms is not None]),
        output_tokens_per_s=nearest_rank([each for each in rates if each is not None]),
    )


def _at(ordered: Sequence[float], percent: int) -> float:
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]
