"""What a document would take of another model than the one that requests go to."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from bursar.domain.money.price import Price, Unpriced, buckets_at, usd_text
from bursar.domain.money.usage import Usage
from bursar.session.estimating import known_calibration, model_for_estimates
from bursar.session.model import Document
from bursar.session.ports import Adapters
from bursar.settings import Settings, split_model
from bursar.views.figures import count, money

_USUAL = (
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-opus-4-5",
    "anthropic/claude-haiku-4-5",
    "openai/gpt-5",
    "openai/gpt-5-mini",
    "google/gemini-2.5-pro",
)


def other_models(settings: Settings) -> tuple[str, ...]:
    """Models to choose from: those that the settings name, then usual ones; not the one that requests go to."""
    routes = [*settings.routes.values(), *settings.roles.values()]
    named = [str(target) for route in routes for target in route.targets]
    own = model_for_estimates(settings)
    return tuple(each for each in dict.fromkeys([*named, *_USUAL]) if each != own)[:8]


async def estimate_with(adapters: Adapters, settings: Settings, document: Document, model: str) -> dict[str, Any]:
    """The document's tokens for the model and what they cost in each request; figures, and a sentence for the user.

    Raises BadInput for a model that nothing is known of.
    """
    provider, name = split_model(model)
    price = adapters.prices(settings).price(provider=provider, model=name, at=adapters.clock.now_utc())
    return await asyncio.to_thread(_estimated, adapters, settings, document, model, price)


def _estimated(
    adapters: Adapters, settings: Settings, document: Document, model: str, price: Price | Unpriced
) -> dict[str, Any]:
    from bursar.domain.counting import estimate_text

    estimate = estimate_text(document.text, known_calibration(adapters, settings, model), adapters.counter())
    uncached = cached = None
    if isinstance(price, Price):
        uncached = sum(each.pico for each in buckets_at(Usage(uncached_input=estimate.tokens), price.rates))
        cached = sum(each.pico for each in buckets_at(Usage(cache_read=estimate.tokens), price.rates))
    tokens = count(estimate.tokens)
    if estimate.low != estimate.high:
        tokens = f"about {tokens} ({count(estimate.low)} to {count(estimate.high)})"
    name = PurePath(document.spec or document.uri).name
    message = f"{name} has {tokens} tokens for {model} ({estimate.provenance})"
    if uncached is None or cached is None or not isinstance(price, Price):
        message += "; no price is known for this model: name one in a price file to see what that costs"
    else:
        message += (
            f": {money(uncached)} in each request that carries it, {money(cached)} where the provider reads it from "
            f"its prompt cache ({price.rate_card})"
        )
    return {
        "uri": document.uri,
        "model": model,
        "estimate": asdict(estimate),
        "uncached_usd": None if uncached is None else usd_text(uncached),
        "cached_usd": None if cached is None else usd_text(cached),
        "rate_card": price.rate_card if isinstance(price, Price) else None,
        "message": f"{message}.",
    }
