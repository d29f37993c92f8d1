"""The user's price file and free providers: exact, first, and refused whole when something in it is wrong."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, cost_of
from bursar.domain.money.usage import Usage
from bursar.prices import price_book

AT = "2026-11-20T12:00:00.000Z"
NOBODY: frozenset[str] = frozenset()


def book(tmp_path, text: str, free: frozenset[str] = NOBODY):
    path = tmp_path / "my-prices.json"
    path.write_text(text)
    return price_book(override_file=path, free_providers=free)


def test_the_file_comes_before_the_card(tmp_path):
    entry = {
        "input": "1.50",
        "output": 7,
        "cache_read": 0.15,
        "cache_write_5m": "1.875",
        "cache_write_1h": "3",
        "tiers": [{"above_tokens": 1000, "input": "3", "output": "14"}, {"above_tokens": 500, "cache_read": "0.2"}],
    }
    prices = book(tmp_path, json.dumps({"models": {"claude-sonnet-5-5": entry, "my-model": entry}}))
    for model in ("claude-sonnet-5-5", "my-model"):
        price = prices.price(provider="any", model=model, at=AT)
        assert isinstance(price, Price)
        assert price.rate_card == "override my-prices.json"
        assert price.rates.as_dict() == {
            "input": "1.50",
            "output": "7",
            "cache_read": "0.15",
            "cache_write_5m": "1.875",
            "cache_write_1h": "3",
        }
        # The lower tier names one price; the higher one replaces two and keeps that one.
        assert [each.above_tokens for each in price.tiers] == [500, 1000]
        assert [price.tiers[0].rates.input, price.tiers[0].rates.cache_read] == [Decimal("1.5"), Decimal("0.2")]
        assert [price.tiers[1].rates.input, price.tiers[1].rates.cache_read] == [Decimal(3), Decimal("0.2")]
    other = prices.price(provider="any", model="claude-opus-5-5", at=AT)
    assert isinstance(other, Price)
    assert other.rate_card.startswith("genai-prices")


def test_a_bucket_that_is_not_named_costs_plain_input(tmp_path):
    entry = {"input": "2", "output": "9", "tiers": [{"above_tokens": 10, "input": "4"}]}
    price = book(tmp_path, json.dumps({"models": {"m": entry}})).price(provider="p", model="m", at=AT)
    assert isinstance(price, Price)
    assert price.rates.as_dict() == {
        "input": "2",
        "output": "9",
        "cache_read": "2",
        "cache_write_5m": "2",
        "cache_write_1h": "2",
    }
    assert price.tiers[0].rates.cache_read == 4


def test_a_free_provider_costs_nothing_whatever_the_model(tmp_path):
    text = json.dumps({"models": {"m": {"input": "2", "output": "9"}}})
    prices = book(tmp_path, text, frozenset({"local"}))
    free = prices.price(provider="local", model="m", at=AT)
    assert isinstance(free, Price)
    assert free.rate_card == "free"
    assert cost_of(Usage(uncached_input=10**6, cache_read=5, output=10**6), free).pico == 0
    assert prices.price(provider="other", model="m", at=AT).rates.input == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n "models": {\n', ["line 3", "not JSON"]),
        ("[]", ["line 1"]),
        ("{}", ["models"]),
        ('{"model": {}}', ["model"]),
        ('{"models": {\n "a": {"input": "1", "output": "2"},\n "b": {"input": "1"}}}', ["line 3", "models.b.output"]),
        ('{"models": {\n "b": {"input": "1",\n "output": "-2"}}}', ["line 3", "models.b.output"]),
        ('{"models": {"b": {"input": "x", "output": "2"}}}', ["models.b.input"]),
        ('{"models": {"b": {"input": null, "output": "2"}}}', ["models.b.input"]),
        ('{"models": {"b": {"input": true, "output": "2"}}}', ["models.b.input"]),
        ('{"models": {"b": {"input": NaN, "output": "2"}}}', ["NaN"]),
        ('{"models": {"b": {"input": "NaN", "output": "2"}}}', ["models.b.input"]),
        ('{"models": {"b": {"input": "Infinity", "output": "2"}}}', ["models.b.input"]),
        ('{"models": {"b": {"input": "0.0000001", "output": "2"}}}', ["models.b.input", "6 decimal"]),
        ('{"models": {"b": {"input": "1", "output": "2", "cached": "1"}}}', ["models.b.cached"]),
        ('{"models": {"b": {"input": "1", "output": "2", "tiers": [\n{"input": "1"}]}}}', ["line 2", "above_tokens"]),
        (
            '{"models": {"b": {"input": "1", "output": "2"},\n"b": {"input": "1", "output": "2"}}}',
            ["'b' is there twice"],
        ),
        ("[" * 100_000, ["not usable"]),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_and_the_line(tmp_path, text, words):
    with pytest.raises(BadInput) as caught:
        book(tmp_path, text)
    for word in ["my-prices.json", *words]:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        price_book(override_file=tmp_path / "none.json", free_providers=NOBODY)
    with pytest.raises(BadInput, match="cannot be read"):
        price_book(override_file=tmp_path, free_providers=NOBODY)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInput, match="UTF-8"):
        price_book(override_file=tmp_path / "bytes.json", free_providers=NOBODY)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    prices = book(tmp_path, '\ufeff{"models": {"m": {"input": "1", "output": "2"}}}')
    assert isinstance(prices.price(provider="p", model="m", at=AT), Price)
