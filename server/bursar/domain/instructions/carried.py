"""What it costs that the requests of an agent carry a file."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, first_sent
from bursar.domain.money.usage import Usage
from bursar.domain.money.use_rate import UseRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the vendor probably counts: ``likely`` tokens of its own where we counted ``counted``."""

    counted: int
    likely: int

    def of(self, tokens: int) -> int:
        """As many of the vendor's tokens, rounded to the nearest."""
        return (2 * tokens * self.likely + self.counted) // (2 * self.counted) if self.counted > 0 else tokens


AS_COUNTED = Scale(counted=1, likely=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The tokens and their cost in one request: read from the prompt cache, and where they are not.

    ``cached`` is None where the card has no price for reading. ``written`` says that ``uncached`` is a write to the
    cache, which some vendors bill above plain input.
    """

    tokens: int
    cached: Cost | None
    uncached: Cost
    written: bool

    @property
    def baseline(self) -> Cost:
        """The least that a request pays."""
        return self.uncached if self.cached is None else self.cached

    def a_day(self, cost: Cost, rate: UseRate) -> int:
        """That cost in each request of a day, in pico-dollars, rounded to the nearest."""
        return (cost.pico * rate.requests * 2 + rate.days) // (2 * rate.days)


def carried(tokens: int, price: Price | Unpriced) -> Carried | Unpriced:
    """What these tokens cost in one request at the model's rates; Unpriced where its input has no price."""
    uncached = cost_of(Usage(uncached_input=tokens), price)
    if isinstance(uncached, Unpriced):
        return uncached
    sent = cost_of(first_sent(tokens, written=True, price=price), price)
    dearest = sent if isinstance(sent, Cost) and sent.pico > uncached.pico else uncached
    cached = cost_of(Usage(cache_read=tokens), price)
    return Carried(
        tokens=tokens,
        cached=cached if isinstance(cached, Cost) else None,
        uncached=dearest,
        written=dearest is not uncached,
    )
