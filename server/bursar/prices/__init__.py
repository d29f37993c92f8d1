"""What models cost: the user's own price file first, then the bundled price card. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.domain.money.price import Price, Rates, Service, Unpriced, service_of
from bursar.domain.ports import PriceBook

if TYPE_CHECKING:
    from bursar.prices.price_file import OwnPrice

__all__ = ["price_book"]

_NOTHING = Decimal(0)
_FREE = Rates(input=_NOTHING, output=_NOTHING, cache_read=_NOTHING, cache_write_5m=_NOTHING, cache_write_1h=_NOTHING)


def price_book(*, override_file: Path | None, free_providers: frozenset[str]) -> PriceBook:
    """The prices of this user: free where the provider's entry says so, then the price file, then the card.

    Raises BadInput where the price file cannot be read or used.
    """
    if override_file is None:
        return _Book({}, free_providers)
    # The seam's library takes longer to load than the file; without a file it is not needed.
    from bursar.prices.price_file import read_price_file

    return _Book(read_price_file(override_file), free_providers)


class _Book:
    """A user's price file over the card."""

    def __init__(self, own: Mapping[str, OwnPrice], free_providers: frozenset[str]) -> None:
        self._own = own
        self._free_providers = free_providers

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price of a model at a moment; Unpriced says what would allow it."""
        return self._found(provider, model, at, "standard")

    def batch_price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price through the batch API. A model with a price of the user's own has the user's batch price or none:
        half of it, or the card's, would be a guess."""
        return self._found(provider, model, at, "batch")

    def service_price(self, *, provider: str, model: str, at: str, service: str | None) -> Price | Unpriced:
        """The price of an answer that names its service so; by the same rule."""
        known = service_of(service)
        if known is not None or provider in self._free_providers:
            return self._found(provider, model, at, known or "standard")
        return Unpriced(
            model=model,
            why=f"the answer names the service '{service}', for which no price is known: compare it with the "
            "provider's bill, or turn that service off at the provider",
        )

    def _found(self, provider: str, model: str, at: str, service: Service) -> Price | Unpriced:
        if provider in self._free_providers:
            return Price(model=model, rates=_FREE, rate_card="free")
        found: Price | str
        if model in self._own:
            found = self._own[model].at(at, service) or f"the price file has no {service} price for the model '{model}'"
        else:
            # Its data is a megabyte and a half of Python: nobody waits for it who has not asked for a price.
            from bursar.prices.card import card_price

            found = card_price(provider=provider, model=model, at=at, service=service)
        return (
            found if isinstance(found, Price) else Unpriced(model=model, why=f"{found}: {_remedy(provider, service)}")
        )

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        """The card's context window of a model; None where the card does not know the model or its window."""
        from bursar.prices.card import card_window_tokens

        return card_window_tokens(provider=provider, model=model)


def _remedy(provider: str, service: Service) -> str:
    if service == "standard":
        return (
            'give its price in a price file and name that in the setting "prices", '
            f'or set "price": "free" on the provider {provider} if it costs nothing'
        )
    if service == "batch":
        return 'give it under "batch" of the model in a price file, or ask without the batch API'
    return f'give it under "{service}" of the model in a price file, or turn that service off at the provider'
