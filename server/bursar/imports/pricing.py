"""What imported requests cost, by the prices of now for the time of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bursar.domain.money.imported import ImportedRequest, PricedRequest
from bursar.domain.money.price import Price, Unpriced, cost_of
from bursar.domain.ports import PriceBook

_KEPT_NAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """The prices of now, and the user's calendar day of a moment."""

    book: PriceBook
    local_day_of: Callable[[str], str]


class Pricer:
    """Prices records; what a model costs is looked up once for ten minutes of its use, which no price card divides."""

    def __init__(self, pricing: Pricing, unpriced: set[str]) -> None:
        self._pricing = pricing
        self._unpriced = unpriced
        self._prices: dict[tuple[str, str, str, str], Price | Unpriced] = {}
        self._days: dict[str, str] = {}

    def priced(self, request: ImportedRequest) -> PricedRequest:
        """The record with its money; without a price it has none."""
        cost = cost_of(request.usage, self._price(request))
        day = self._day(request.at)
        if isinstance(cost, Unpriced):
            if len(self._unpriced) < _KEPT_NAMES:
                self._unpriced.add(f"{request.model} ({request.tier})" if request.tier else request.model)
            return PricedRequest(request=request, local_day=day, cost_pico=None, unit_prices=None, rate_card=None)
        return PricedRequest(
            request=request,
            local_day=day,
            cost_pico=cost.pico,
            unit_prices=json.dumps(cost.rates.as_dict()),
            rate_card=cost.rate_card,
        )

    def _price(self, request: ImportedRequest) -> Price | Unpriced:
        key = (request.provider, request.model, request.tier, request.at[:15])
        if key not in self._prices:
            if len(self._prices) > 10_000:
                self._prices.clear()
            self._prices[key] = self._looked_up(request)
        return self._prices[key]

    def _looked_up(self, request: ImportedRequest) -> Price | Unpriced:
        book = self._pricing.book
        if request.tier == "":
            return book.price(provider=request.provider, model=request.model, at=request.at)
        return book.service_price(provider=request.provider, model=request.model, at=request.at, service=request.tier)

    def _day(self, at: str) -> str:
        key = at[:15]
        if key not in self._days:
            self._days[key] = self._pricing.local_day_of(at)
        return self._days[key]
