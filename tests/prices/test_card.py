"""The card's rates against numbers typed here from the vendors' pages, and what it must not guess."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from bursar.domain.money.price import Price, Unpriced
from bursar.prices import price_book

AT = "2026-11-20T12:00:00.000Z"
BOOK = price_book(override_file=None, free_providers=frozenset())


def priced(model: str, provider: str = "sim", at: str = AT) -> Price:
    found = BOOK.price(provider=provider, model=model, at=at)
    assert isinstance(found, Price), found
    return found


def unpriced(model: str, provider: str = "sim", at: str = AT) -> str:
    found = BOOK.price(provider=provider, model=model, at=at)
    assert isinstance(found, Unpriced), found
    assert found.model == model
    return found.why


# model, then USD per million tokens: input, output, cache read, five-minute write; then the tier and its input rate.
TABLE = """
claude-opus-5-5         4     20    0.20   5      -       -
claude-sonnet-5-5       2     10    0.10   2.5    -       -
claude-haiku-5-5        0.10  0.50  0.01   0.125  100000  0.50
claude-fable-5-2        8     40    0.20   10     -       -
claude-opus-4-8         5     25    0.5    6.25   -       -
claude-sonnet-4-5       3     15    0.3    3.75   200000  6
gpt-6-sol               2     10    0.2    2.5    272000  4
gpt-6.1-sol             2     10    0.1    2.5    272000  4
gpt-6.1-terra           1     5     0.05   1.25   272000  2
gpt-5.5                 5     30    0.5    5      272000  10
gpt-5.3-codex           1.75  14    0.175  1.75   -       -
gpt-4o                  2.5   10    1.25   2.5    -       -
o3                      2     8     0.5    2      -       -
o4-mini                 1.1   4.4   0.275  1.1    -       -
gemini-3.8-flash        0.75  3.75  0.075  0.75   -       -
gemini-3.1-pro-preview  2     12    0.2    2      200000  4
gemini-2.5-pro          1.25  10    0.125  1.25   200000  2.5
grok-4                  3     15    0.75   3      -       -
mistral-large           2     6     2      2      -       -
gemini-pro-latest       2     12    0.2    2      200000  4
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def differences(rows: list[list[str]]) -> list[str]:
    """The models whose price on the card is not the typed one."""
    wrong = []
    for model, *typed in rows:
        price = priced(model)
        rates = price.rates
        found: list[Decimal | None] = [rates.input, rates.output, rates.cache_read, rates.cache_write_5m]
        found += [Decimal(price.tiers[0].above_tokens), price.tiers[0].rates.input] if price.tiers else [None, None]
        if found != [None if each == "-" else Decimal(each) for each in typed]:
            wrong.append(model)
    return wrong


def test_the_card_has_the_prices_that_were_typed_from_the_vendors_pages():
    assert len(ROWS) == 20
    assert differences(ROWS) == []


@pytest.mark.parametrize("column", range(1, 7))
def test_a_wrong_number_in_any_column_would_be_seen(column):
    row = next(each for each in ROWS if each[0] == "claude-sonnet-4-5")
    spoiled = [*row[:column], str(Decimal(row[column]) + Decimal("0.01")), *row[column + 1 :]]
    assert differences([spoiled]) == ["claude-sonnet-4-5"]


def test_every_bucket_of_one_model_below_and_above_its_tier():
    price = priced("claude-haiku-5-5")
    assert price.rate_card.startswith("genai-prices 0.")
    assert price.rates_for(100_000).as_dict() == {
        "input": "0.1",
        "output": "0.5",
        "cache_read": "0.01",
        "cache_write_5m": "0.125",
        "cache_write_1h": "0.2",
    }
    assert price.rates_for(100_001).as_dict() == {
        "input": "0.5",
        "output": "2.5",
        "cache_read": "0.05",
        "cache_write_5m": "0.625",
        "cache_write_1h": "1",
    }


def test_a_bucket_without_a_price_costs_plain_input_in_each_tier():
    price = priced("gpt-5.5")
    assert [price.rates.cache_write_5m, price.rates.cache_write_1h] == [5, 5]
    assert [price.tiers[0].rates.cache_write_5m, price.tiers[0].rates.cache_write_1h] == [10, 10]
    assert priced("mistral-large").rates.cache_read == 2


def test_prices_are_those_of_the_moment():
    assert priced("o3", at="2025-01-15T00:00:00Z").rates.input == 10
    assert priced("o3").rates.input == 2
    # DeepSeek is dearer by day: the same model twice on one day.
    rates = {priced("deepseek-flash", at=f"2026-11-20T{hour:02}:30:00Z").rates.input for hour in range(24)}
    assert rates == {Decimal("0.15"), Decimal("0.30")}
    # The moment is what counts, not how it is written.
    assert {priced("deepseek-flash", at=f"2026-11-20T{hour:02}:30:00+02:00").rates.input for hour in range(24)} == rates


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("claude-sonnet-5-5-20261001", "claude-sonnet-5-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-8-20260301", "claude-opus-4-8"),
        ("claude-opus-4.8", "claude-opus-4-8"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-6-sol-2026-09-01", "gpt-6-sol"),
        ("GPT-4o", "gpt-4o"),
        ("anthropic/claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("openai/gpt-6-sol", "gpt-6-sol"),
        ("google/gemini-2.5-pro", "gemini-2.5-pro"),
    ],
)
def test_other_names_of_the_same_model(model, same_as):
    price = priced(model)
    assert price.model == model
    assert (price.rates, price.tiers) == (priced(same_as).rates, priced(same_as).tiers)


@pytest.mark.parametrize(
    "model",
    [
        # The card's rules begin with a known name and take whatever follows it for the same model.
        "claude-opus-4-8-turbo",
        "claude-sonnet-4-5-fast",
        "claude-sonnet-4-50",
        "claude-sonnet-4-5-2025",
        "claude-3-5-sonnet-latest",
        "gemini-2.5-pro-ultra",
        "gemini-3.8-flash-lite-nano",
        "deepseek-chat-v9",
        # Never heard of, but of a known vendor.
        "claude-sonnet-9-9",
        "gpt-7",
        "gpt-4o-foo",
        "o9",
        # Nobody's.
        "demo-model",
        "sonnet",
        "",
        "/",
        "nobody/claude-sonnet-5-5x",
    ],
)
def test_what_is_not_certainly_known_is_unpriced_and_says_what_would_allow_it(model):
    why = unpriced(model, provider="acme")
    assert '"prices"' in why
    assert '"price": "free" on the provider acme' in why


def test_a_loose_match_is_named_and_not_used():
    assert "the nearest name is 'claude-opus-4-8'" in unpriced("claude-opus-4-8-turbo")


def test_a_model_that_costs_more_than_its_tokens_is_unpriced():
    assert "costs more than its tokens" in unpriced("sonar-pro", provider="perplexity")


def test_a_seller_by_its_own_name_sends_the_bill():
    # OpenRouter names models its own way, and the vendor does not.
    price = priced("mistralai/mistral-large", provider="openrouter")
    assert price.rates.input > 0
    assert priced("claude-sonnet-5-5", provider="anthropic") == priced("claude-sonnet-5-5", provider="work-proxy")


def test_a_model_of_nobody_is_priced_as_all_its_sellers_do_and_they_are_named():
    price = priced("llama-3.3-70b", provider="my-proxy")
    assert price.rate_card.endswith(" (cerebras)")
    assert (price.rates.input, price.rates.output) == (Decimal("0.85"), Decimal("1.2"))


def test_sellers_who_do_not_agree_leave_a_model_unpriced():
    why = unpriced("moonshotai/kimi-k2-instruct", provider="my-proxy")
    assert "do not agree" in why


def test_no_megabytes_are_loaded_before_the_first_price():
    code = (
        "import sys, bursar.prices as p\n"
        "book = p.price_book(override_file=None, free_providers=frozenset({'local'}))\n"
        "book.price(provider='local', model='m', at='2026-11-20T00:00:00Z')\n"
        "print({'genai_prices', 'pydantic', 'httpx2'} & set(sys.modules) or 'none')\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "none"
