"""Prices through a batch API: from the card or the user's file, and never a guess."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.ports import PriceBook
from bursar.prices import price_book

AT = "2026-11-20T12:00:00.000Z"
NOBODY: frozenset[str] = frozenset()


def book(tmp_path: Path, **models: object) -> PriceBook:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"models": models}))
    return price_book(override_file=path, free_providers=NOBODY)


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "gpt-6-sol"])
def test_the_card_lists_them(model: str) -> None:
    prices = price_book(override_file=None, free_providers=NOBODY)
    usual = prices.price(provider="sim", model=model, at=AT)
    batch = prices.batch_price(provider="sim", model=model, at=AT)
    assert isinstance(usual, Price)
    assert isinstance(batch, Price)
    assert batch.rate_card == f"{usual.rate_card}, batch"
    assert (batch.rates.input, batch.rates.output) == (usual.rates.input / 2, usual.rates.output / 2)


@pytest.mark.parametrize(
    ("provider", "model", "at"),
    [
        ("sim", "nobody-knows-it", AT),
        ("sim", "claude-sonnet-5-5", "2026-09-01T00:00:00.000Z"),
        ("anthropic", "claude-3-haiku-20240307", AT),
    ],
)
def test_a_price_that_is_not_listed_for_that_moment_is_unknown(provider: str, model: str, at: str) -> None:
    prices = price_book(override_file=None, free_providers=NOBODY)
    found = prices.batch_price(provider=provider, model=model, at=at)
    assert isinstance(found, Unpriced)
    assert "no batch price" in found.why or "no price is known" in found.why
    assert 'under "batch"' in found.why


def test_the_users_file_decides_about_its_models(tmp_path: Path) -> None:
    rates = {"input": "3", "output": "15"}
    batch = {"input": "1.2", "output": "6", "tiers": [{"above_tokens": 100, "input": "2"}]}
    prices = book(tmp_path, mine={**rates, "batch": batch}, **{"claude-sonnet-5-5": rates})
    own = prices.batch_price(provider="p", model="mine", at=AT)
    assert isinstance(own, Price)
    assert own.rate_card == "override mine.json, batch"
    assert (own.rates_for(100).input, own.rates_for(101).input) == (Decimal("1.2"), Decimal(2))
    assert own.rates.output == 6
    usual = prices.price(provider="p", model="mine", at=AT)
    assert isinstance(usual, Price)
    assert usual.rates.output == 15
    half = prices.batch_price(provider="p", model="claude-sonnet-5-5", at=AT)
    assert isinstance(half, Unpriced), "the card's price goes with the card's price, not with this one"
    assert "the price file has no batch price" in half.why


def test_a_free_provider_is_free_there_too() -> None:
    found = price_book(override_file=None, free_providers=frozenset({"own"})).batch_price(
        provider="own", model="any", at=AT
    )
    assert isinstance(found, Price)
    assert found.rates.output == 0


@pytest.mark.parametrize("batch", [{"input": "1"}, {"input": "1", "output": "-1"}, {"input": "1", "outputs": "1"}, []])
def test_a_wrong_one_is_refused(tmp_path: Path, batch: object) -> None:
    with pytest.raises(BadInput, match="batch"):
        book(tmp_path, mine={"input": "3", "output": "15", "batch": batch})
