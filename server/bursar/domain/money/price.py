"""Rates for one model, and what a call costs at them: exact, or Unpriced, never zero for unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Literal, get_args

from bursar.domain.money.usage import Usage

PICO_PER_USD = 10**12
Service = Literal["standard", "batch", "flex", "priority", "fast"]
"""How a provider serves a request where that has a price of its own."""
_STANDARD_WORDS = ("", "standard", "standard_only", "default", "auto", "on_demand")
_PICO_PER_TOKEN_AT_ONE_USD_PER_MTOK = Decimal(10**6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per million tokens, one for each bucket."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal

    def as_dict(self) -> dict[str, str]:
        """The five rates as decimal strings, for the ledger and for JSON."""
        return {
            "input": str(self.input),
            "output": str(self.output),
            "cache_read": str(self.cache_read),
            "cache_write_5m": str(self.cache_write_5m),
            "cache_write_1h": str(self.cache_write_1h),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The rates that replace the base ones when the whole prompt is above ``above_tokens``."""

    above_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """A bucket that the card has no price for, and what is done about it.

    ``known`` says that the rate that stands in is the vendor's rule or the most that the bucket can cost; without it
    tokens in this bucket make the whole cost unknown.
    """

    bucket: str
    known: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Rates of one model, and the card they come from (name and version)."""

    model: str
    rates: Rates
    tiers: tuple[Tier, ...] = field(default=())
    rate_card: str
    assumed: tuple[Assumed, ...] = field(default=())

    @property
    def bills_writes(self) -> bool:
        """Whether it is known what a write to the provider's prompt cache costs."""
        return all(each.known for each in self.assumed if each.bucket == "cache_write_5m")

    def rates_for(self, prompt_tokens: int) -> Rates:
        """The rates for a whole prompt of this size: those of the highest tier below it."""
        rates = self.rates
        for tier in sorted(self.tiers, key=lambda each: each.above_tokens):
            if prompt_tokens > tier.above_tokens:
                rates = tier.rates
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """No price is known for this model: its cost is unknown, which is not zero."""

    model: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Exact money for one call in whole pico-dollars, with the rates it was made from.

    ``assumed`` says of each bucket that was used and has no price on the card what stands in for it.
    """

    pico: int
    rates: Rates
    rate_card: str
    assumed: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCost:
    """What one bucket of a usage costs: tokens, times USD per million, is whole pico-dollars."""

    bucket: str
    tokens: int
    usd_per_mtok: Decimal
    pico: int


def buckets_at(usage: Usage, rates: Rates) -> tuple[BucketCost, ...]:
    """Each of the five buckets with its price; the sum of their money is the cost of the usage."""
    pairs = (
        ("uncached_input", usage.uncached_input, rates.input),
        ("cache_read", usage.cache_read, rates.cache_read),
        ("cache_write_5m", usage.cache_write_5m, rates.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h, rates.cache_write_1h),
        ("output", usage.output, rates.output),
    )
    return tuple(
        BucketCost(bucket=bucket, tokens=tokens, usd_per_mtok=rate, pico=_bucket_pico(tokens, rate))
        for bucket, tokens, rate in pairs
    )


def service_of(reported: str | None) -> Service | None:
    """The service that a provider's own word for it means; None for a word that is not known."""
    word = (reported or "").lower()
    if word in _STANDARD_WORDS:
        return "standard"
    return next((each for each in get_args(Service) if each == word), None)


def first_sent(input_tokens: int, *, written: bool, price: Price | Unpriced) -> Usage:
    """An input as it is sent for the first time: ``written`` to the provider's cache where that has a price."""
    if written and (isinstance(price, Unpriced) or price.bills_writes):
        return Usage(cache_write_5m=input_tokens)
    return Usage(uncached_input=input_tokens)


def cost_of(usage: Usage, price: Price | Unpriced) -> Cost | Unpriced:
    """What this usage costs at this price; Unpriced where the price is unknown, or that of a bucket it uses is.

    Rates have at most six decimals per million tokens, so each bucket is a whole number of pico-dollars; a rate
    with more is rounded up to the next pico-dollar for the bucket.
    """
    if isinstance(price, Unpriced):
        return price
    rates = price.rates_for(usage.input)
    buckets = buckets_at(usage, rates)
    used = {each.bucket for each in buckets if each.tokens}
    assumed = [each for each in price.assumed if each.bucket in used]
    for each in assumed:
        if not each.known:
            return Unpriced(model=price.model, why=each.why)
    return Cost(
        pico=sum(each.pico for each in buckets),
        rates=rates,
        rate_card=price.rate_card,
        assumed=tuple(dict.fromkeys(each.why for each in assumed)),
    )


def most_it_can_cost_pico(*, input_tokens: int, output_tokens: int, price: Price) -> int:
    """The upper bound for a request: all its input at the dearest input bucket, all its output bound.

    ``input_tokens`` must itself be a bound (see ``bound.py``); ``output_tokens`` is the request's own ``max_tokens``.
    The one-hour cache write is left out because no request of ours asks for it.
    """
    candidates = [price.rates] + [tier.rates for tier in price.tiers if input_tokens > tier.above_tokens]
    return max(
        _bucket_pico(input_tokens, max(rates.input, rates.cache_write_5m, rates.cache_read))
        + _bucket_pico(output_tokens, rates.output)
        for rates in candidates
    )


def usd(pico: int) -> Decimal:
    """Pico-dollars as exact USD."""
    return Decimal(pico).scaleb(-12)


def usd_text(pico: int) -> str:
    """Exact USD as a plain decimal string without exponent or trailing zeros: '0.0071', '1', '0'."""
    text = f"{usd(pico):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"


def _bucket_pico(tokens: int, usd_per_mtok: Decimal) -> int:
    exact = tokens * usd_per_mtok * _PICO_PER_TOKEN_AT_ONE_USD_PER_MTOK
    return int(exact.to_integral_value(rounding=ROUND_CEILING))
