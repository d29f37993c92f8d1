"""Price sets to measure with: what a cached token, a written one and an answer cost, in plain input tokens."""

from __future__ import annotations

from dataclasses import dataclass

_MINUTE = 60.0
_HOUR = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSet:
    """Ratios to the price of a plain input token. ``edge_tokens``: above it the whole request costs ``above`` times."""

    name: str
    read: float
    write: float
    ttl_s: float
    output: float
    minimum_tokens: int
    edge_tokens: int | None = None
    above: float = 1.0


PRICE_SETS: dict[str, PriceSet] = {
    each.name: each
    for each in (
        PriceSet(name="A", read=0.1, write=1.25, ttl_s=5 * _MINUTE, output=5, minimum_tokens=4_096),
        PriceSet(name="B", read=0.1, write=2, ttl_s=_HOUR, output=5, minimum_tokens=4_096),
        PriceSet(name="C", read=0.1, write=1.25, ttl_s=30 * _MINUTE, output=6, minimum_tokens=1_024),
        PriceSet(name="D", read=0.05, write=1.25, ttl_s=5 * _MINUTE, output=5, minimum_tokens=512),
        PriceSet(name="E", read=0.05, write=2, ttl_s=_HOUR, output=5, minimum_tokens=512),
        PriceSet(name="F", read=0.025, write=2, ttl_s=_HOUR, output=5, minimum_tokens=512),
        PriceSet(name="G", read=0.02, write=1, ttl_s=24 * _HOUR, output=4, minimum_tokens=64),
        PriceSet(
            name="cliff",
            read=0.1,
            write=1.25,
            ttl_s=5 * _MINUTE,
            output=5,
            minimum_tokens=512,
            edge_tokens=100_000,
            above=5,
        ),
    )
}
"""A to G are providers' rules of autumn 2026: A five minutes, B an hour, C half an hour at marks, D to F cheaper reads,
G an automatic cache that lasts; cliff bills a request of more than 100,000 tokens at five times."""
