"""What an answer in another service costs, and what stands in for a bucket that has no price: said, or unpriced."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from bursar.domain.errors import BadInput
from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, first_sent, service_of
from bursar.domain.money.usage import Usage
from bursar.domain.ports import PriceBook
from bursar.prices import price_book
from bursar.prices.card import is_counted

AT = "2026-11-20T12:00:00.000Z"
NOBODY: frozenset[str] = frozenset()
BOOK = price_book(override_file=None, free_providers=NOBODY)


def book(tmp_path: Path, content: dict[str, object]) -> PriceBook:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content))
    return price_book(override_file=path, free_providers=NOBODY)


def found(book: PriceBook, model: str, service: str | None, at: str = AT) -> Price:
    price = book.service_price(provider="p", model=model, at=at, service=service)
    assert isinstance(price, Price), price
    return price


# Typed from the vendors' tables: model, service, then input, cache read and output in USD per million.
@pytest.mark.parametrize(
    ("model", "service", "rates"),
    [
        ("gpt-6-sol", None, ("2", "0.2", "10")),
        ("gpt-6-sol", "default", ("2", "0.2", "10")),
        ("gpt-6-sol", "flex", ("1", "0.1", "5")),
        ("gpt-6-sol", "priority", ("4", "0.4", "20")),
        ("gpt-6-sol", "batch", ("1", "0.1", "5")),
        ("claude-opus-5-5", "standard", ("4", "0.2", "20")),
        ("claude-opus-5-5", "batch", ("2", "0.1", "10")),
    ],
)
def test_each_service_has_its_own_price(model: str, service: str | None, rates: tuple[str, ...]) -> None:
    price = found(BOOK, model, service)
    assert [price.rates.input, price.rates.cache_read, price.rates.output] == [Decimal(each) for each in rates]
    assert price.rate_card.endswith(f", {service}") == (service not in (None, "default", "standard"))


@pytest.mark.parametrize(
    ("model", "service"),
    [
        # The card takes the usual price for each of these, and says nothing.
        ("claude-opus-5-5", "flex"),
        ("claude-opus-5-5", "priority"),
        ("gemini-2.5-pro", "flex"),
        ("gpt-6-sol", "ultrafast"),
        ("gpt-6-sol", "scale"),
        ("no-such-model", "flex"),
    ],
)
def test_a_service_without_a_price_is_unpriced_and_never_the_usual_one(model: str, service: str) -> None:
    price = BOOK.service_price(provider="p", model=model, at=AT, service=service)
    assert isinstance(price, Unpriced)
    assert service in price.why
    assert "price" in price.why


def test_a_free_provider_is_free_in_every_service() -> None:
    free = price_book(override_file=None, free_providers=frozenset({"own"}))
    for service in ("flex", "warp", None):
        price = free.service_price(provider="own", model="any", at=AT, service=service)
        assert isinstance(price, Price)
        assert price.rate_card == "free"


def test_the_words_for_a_service() -> None:
    assert {service_of(each) for each in (None, "", "auto", "default", "STANDARD", "on_demand")} == {"standard"}
    assert [service_of(each) for each in ("flex", "Priority", "fast", "batch")] == ["flex", "priority", "fast", "batch"]
    assert service_of("warp") is None


def test_tokens_in_a_bucket_without_a_price_are_never_charged_silently() -> None:
    price = found(BOOK, "gpt-5.5", None)
    assert isinstance(cost_of(Usage(uncached_input=10, cache_read=5, output=1), price), Cost)
    written = cost_of(Usage(uncached_input=10, cache_write_5m=1), price)
    assert isinstance(written, Unpriced)
    assert "no price for cache writes of 'gpt-5.5'" in written.why
    # What is sent for the first time is plain input there, and a write where writes have a price.
    assert first_sent(7, written=True, price=price) == Usage(uncached_input=7)
    assert first_sent(7, written=True, price=found(BOOK, "claude-opus-5-5", None)) == Usage(cache_write_5m=7)


def test_what_stands_in_for_a_price_is_said_where_it_is_used_only() -> None:
    price = found(BOOK, "mistral-large", None)
    plain, read = cost_of(Usage(uncached_input=10), price), cost_of(Usage(uncached_input=5, cache_read=5), price)
    assert isinstance(plain, Cost)
    assert isinstance(read, Cost)
    assert plain.pico == read.pico
    assert plain.assumed == ()
    assert "cache reads of 'mistral-large'" in read.assumed[0]
    batch = cost_of(Usage(cache_read=10**6), found(BOOK, "gemini-2.5-pro", "batch"))
    assert isinstance(batch, Cost)
    assert batch.pico == 250_000_000_000, "above 200,000 tokens at the usual price"
    assert "at the usual price" in batch.assumed[0]


def test_every_key_of_the_card_is_known() -> None:
    """A new kind of price in the next snapshot is looked at before anything is computed with it."""
    keys = set()
    for seller in get_snapshot().providers:
        for model in seller.models:
            prices = [model.prices] if isinstance(model.prices, ModelPrice) else [each.prices for each in model.prices]
            prices += [each.prices for each in model.price_variants or ()]
            keys |= {key for each in prices for key, value in vars(each).items() if value is not None}
    beside = {each for each in keys if not is_counted(each)}
    assert beside == {"requests_kcount", "output_reasoning_mtok", "output_citation_mtok"}
    assert not is_counted("output_holograms_mtok")


def test_off_peak_names_its_hours() -> None:
    cards = {found(BOOK, "deepseek-flash", None, f"2026-11-20T{hour:02}:30:00Z").rate_card for hour in range(24)}
    assert len(cards) > 1
    assert any("UTC" in each for each in cards)


OWN: dict[str, object] = {
    "date": "2026-11-20",
    "models": {
        "mine": {
            "input": "4",
            "output": "8",
            "cache_read": "1",
            "tiers": [{"above_tokens": 100, "input": "6"}],
            "flex": {"input": "2", "output": "4", "tiers": [{"above_tokens": 100, "input": "3"}]},
            "hours": [
                {"from": "22:30", "until": "06:00", "output": "5"},
                {"from": "12:00", "until": "13:00", "input": "5"},
            ],
        }
    },
}


def test_a_file_of_ones_own_has_a_date_services_and_hours(tmp_path: Path) -> None:
    Draft202012Validator(load_schema("price-file")).validate(OWN)
    own = book(tmp_path, OWN)
    assert found(own, "mine", None, "2026-11-20T08:00:00Z").rate_card == "override mine.json 2026-11-20"
    flex = found(own, "mine", "flex")
    assert flex.rate_card == "override mine.json 2026-11-20, flex"
    assert (flex.rates_for(100).input, flex.rates_for(101).input) == (2, 3)
    priority = own.service_price(provider="p", model="mine", at=AT, service="priority")
    assert isinstance(priority, Unpriced)
    assert 'give it under "priority" of the model' in priority.why


@pytest.mark.parametrize(
    ("at", "input_usd", "output_usd"),
    [
        ("2026-11-20T22:29:59Z", 4, 8),
        ("2026-11-20T22:30:00Z", 4, 5),
        ("2026-11-21T05:59:59Z", 4, 5),
        ("2026-11-21T06:00:00Z", 4, 8),
        ("2026-11-21T12:00:00Z", 5, 8),
        ("2026-11-21T13:00:00Z", 4, 8),
        ("2026-11-21T00:30:00+02:00", 4, 5),
    ],
)
def test_hours_are_those_of_utc_and_may_go_over_midnight(
    tmp_path: Path, at: str, input_usd: int, output_usd: int
) -> None:
    price = found(book(tmp_path, OWN), "mine", None, at)
    assert (price.rates.input, price.rates.output) == (input_usd, output_usd)
    assert ("UTC" in price.rate_card) == ((input_usd, output_usd) != (4, 8))
    # The hours replace what they name in the tiers, too, and leave the rest.
    assert price.rates_for(101).output == output_usd
    assert price.rates_for(101).input == (5 if input_usd == 5 else 6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"date": 20261120}, "date"),
        ({"date": "yesterday"}, "date"),
        ({"models": {"m": {"input": "1", "output": "2", "hours": [{"from": "25:00", "until": "06:00"}]}}}, "from"),
        ({"models": {"m": {"input": "1", "output": "2", "hours": [{"from": "22:00"}]}}}, "until"),
        ({"models": {"m": {"input": "1", "output": "2", "hours": [{"from": 22, "until": "06:00"}]}}}, "from"),
        ({"models": {"m": {"input": "1", "output": "2", "flex": {"input": "1"}}}}, "flex"),
        ({"models": {"m": {"input": "1", "output": "2", "warp": {"input": "1", "output": "1"}}}}, "warp"),
    ],
)
def test_a_wrong_one_is_refused_with_its_key(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        book(tmp_path, {**OWN, **change})
