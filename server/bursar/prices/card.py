"""Prices from the bundled snapshot of genai-prices, only where the name says for certain which model is meant."""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from genai_prices import types as card_types
from genai_prices.data_snapshot import get_snapshot

from bursar.domain.money.price import Assumed, Price, Rates, Service, Tier
from bursar.prices.names import find_model, sellers, vendor_of

_BUCKETS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")

# Prices for what no request of ours has: other media, and tools that run at the provider. A key that is in neither list
# is for something that is not counted here, and a sum over tokens would be too low.
_NEVER_ASKED_FOR = re.compile(
    r".*_(?:audio|image|video)(?:_read)?_mtok|audio_hours|input_audio_hours|input_mchars|input_text_messages_kcount"
    r"|(?:web|storage)_searches_kcount|input_(?:annotated_)?document_kpages"
)

_CACHE_BUCKETS = {
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
}

_VARIANTS: dict[Service, tuple[dict[str, str], ...]] = {
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}


def card_price(*, provider: str, model: str, at: str, service: Service = "standard") -> Price | str:
    """The card's price of a model at a moment, or why there is none: a sentence without its end.

    The entry's own name counts where the card knows a provider of that name, because that one sends the bill; then the
    vendor in or behind the model's name; then all providers of the card, if they agree. For another ``service``
    than the usual one it is the price that the card lists for exactly that, at that seller.
    """
    name = model.lower()
    moment = datetime.fromisoformat(at).astimezone(UTC)
    near = None
    for seller, ref in sellers(provider.lower(), name):
        found, loose = find_model(seller, ref)
        if found is not None:
            return _price(found, model=model, moment=moment, seller=seller.id, service=service)
        near = near or loose
    if near is not None:
        return f"no price is known for the model '{model}' (the nearest name is '{near}', which may be another model)"
    if vendor_of(name) is None and service == "standard":
        return _price_they_agree_on(model=model, name=name, moment=moment)
    return f"no price is known for the model '{model}'"


def card_window_tokens(*, provider: str, model: str) -> int | None:
    """The context window of exactly this model, from the first of its sellers that names one."""
    for seller, ref in sellers(provider.lower(), model.lower()):
        found, _ = find_model(seller, ref)
        if found is not None and found.context_window is not None:
            return found.context_window
    return None


def is_counted(key: str) -> bool:
    """Whether a key of the card is a bucket's price, or one for what no request of ours has."""
    return key in _BUCKETS or _NEVER_ASKED_FOR.fullmatch(key) is not None


@functools.cache
def rate_card() -> str:
    """The name and version of the card, as kept with each ledger entry."""
    return f"genai-prices {importlib.metadata.version('genai-prices')}"


def _price_they_agree_on(*, model: str, name: str, moment: datetime) -> Price | str:
    """The price of a model without a known vendor; the card's name then says whose price it is."""
    prices, agreed = [], []
    for seller in get_snapshot().providers:
        found, _ = find_model(seller, name)
        if found is not None:
            price = _price(found, model=model, moment=moment, seller=seller.id, service="standard")
            if isinstance(price, Price) and price.rates.output > 0:
                prices.append(price)
                agreed.append(seller.id)
    if not prices:
        return f"no price is known for the model '{model}'"
    if any(each != prices[0] for each in prices):
        return f"the {len(prices)} sellers of the model '{model}' on the price card do not agree on its price"
    return replace(prices[0], rate_card=f"{rate_card()} ({', '.join(agreed)})")


def _price(found: card_types.ModelInfo, *, model: str, moment: datetime, seller: str, service: Service) -> Price | str:
    when = f"for {moment:%Y-%m-%d %H:%M} UTC"
    listed, hours = _listed(found, moment)
    if listed is None:
        return f"the price card has no price of the model '{model}' {when}"
    values = _values(listed)
    extra = next((key for key in values if not is_counted(key)), None)
    if extra is not None:
        return f"the model '{model}' costs more than its tokens ({extra}), which is not counted here"
    usual: _Values = {}
    if service != "standard":
        own, usual, hours = _variant(found, moment, service), values, ""
        if "input_mtok" not in own or "output_mtok" not in own:
            return f"the price card has no {service} price of the model '{model}' {when}"
        values = usual | own
        usual = {key: value for key, value in usual.items() if key not in own}
    if "input_mtok" not in values or "output_mtok" not in values:
        return f"the price card has no price by tokens for the model '{model}'"
    steps = sorted(
        {tier.start for value in values.values() if isinstance(value, card_types.TieredPrices) for tier in value.tiers}
    )
    return Price(
        model=model,
        rates=_rates(values, 0, seller),
        tiers=tuple(Tier(above_tokens=start, rates=_rates(values, start + 1, seller)) for start in steps),
        rate_card=rate_card() + hours + ("" if service == "standard" else f", {service}"),
        assumed=(*_usual_ones(usual, model, service), *_assumed(values, model, seller)),
    )


def _variant(found: card_types.ModelInfo, moment: datetime, service: Service) -> _Values:
    """The prices that are listed for this service and nothing else beside it; what comes first counts."""
    values: _Values = {}
    for each in found.price_variants or ():
        if each.when in _VARIANTS[service] and (each.constraint is None or each.constraint.active(moment)):
            values = _values(each.prices) | values
    return values


def _listed(found: card_types.ModelInfo, moment: datetime) -> tuple[card_types.ModelPrice | None, str]:
    """The prices in force, and the hours of the day that they hold for, in words, where they hold for some.

    None where no price is in force, for which the card itself would take the first of them silently.
    """
    if isinstance(found.prices, card_types.ModelPrice):
        return found.prices, ""
    for each in reversed(found.prices):
        if each.constraint is None or each.constraint.active(moment):
            if isinstance(each.constraint, card_types.TimeOfDateConstraint):
                start, end = each.constraint.start_time, each.constraint.end_time
                return each.prices, f", {start:%H:%M}-{end:%H:%M} UTC"
            return each.prices, ""
    return None, ""


_Values = dict[str, "Decimal | card_types.TieredPrices"]


def _values(listed: card_types.ModelPrice) -> _Values:
    return {key: value for key, value in vars(listed).items() if value is not None}


def _usual_ones(usual: _Values, model: str, service: Service) -> Iterator[Assumed]:
    """The buckets that keep their usual price in another service: so the card means it where it names only some.

    Google says so of cache reads in batches; of other vendors nobody has checked it, so it is said.
    """
    for key, bucket in _CACHE_BUCKETS.items():
        if key in usual:
            why = f"the price card lists no {service} price for {bucket.replace('_', ' ')} of '{model}': it is charged"
            yield Assumed(bucket=bucket, known=True, why=f"{why} at the usual price")


def _assumed(values: _Values, model: str, seller: str) -> Iterator[Assumed]:
    """What stands in for the buckets without a price; the card itself charges plain input for all of them, silently."""
    if "cache_read_mtok" not in values:
        why = f"the price card lists no price for cache reads of '{model}': they are charged as plain input"
        yield Assumed(bucket="cache_read", known=True, why=f"{why}, the most that they can cost")
    unknown = f"the price card lists no price for cache writes of '{model}', so what this answer costs is not known"
    if "cache_write_mtok" not in values:
        yield Assumed(bucket="cache_write_5m", known=False, why=unknown)
    if "cache_write_1h_mtok" not in values:
        if "cache_write_mtok" in values and seller == "anthropic":
            why = f"the price card lists no price for one-hour cache writes of '{model}': they are charged as twice the"
            yield Assumed(bucket="cache_write_1h", known=True, why=f"{why} input, as Anthropic does")
        else:
            yield Assumed(bucket="cache_write_1h", known=False, why=unknown)


def _rates(values: _Values, prompt_tokens: int, seller: str) -> Rates:
    """The five rates for a prompt of this size. Where the card has no price ``_assumed`` says what the rate is worth.

    Anthropic bills a write for one hour at twice the input; that stands in where the card lacks it.
    """
    plain = _at(values["input_mtok"], prompt_tokens)
    short = _at(values.get("cache_write_mtok", plain), prompt_tokens)
    long = plain * 2 if seller == "anthropic" else short
    return Rates(
        input=plain,
        output=_at(values["output_mtok"], prompt_tokens),
        cache_read=_at(values.get("cache_read_mtok", plain), prompt_tokens),
        cache_write_5m=short,
        cache_write_1h=_at(values.get("cache_write_1h_mtok", long), prompt_tokens),
    )


def _at(value: Decimal | card_types.TieredPrices, prompt_tokens: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    rate = value.base
    for tier in value.tiers:
        if prompt_tokens > tier.start:
            rate = tier.price
    return rate
