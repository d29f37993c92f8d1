"""What a call costs: sums that can be checked by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.money.price import (
    Cost,
    Price,
    Rates,
    Tier,
    Unpriced,
    cost_of,
    most_it_can_cost_pico,
    usd_text,
)
from bursar.domain.money.usage import Usage, cached_percent


def rates(plain: str, out: str, read: str, short: str, long: str) -> Rates:
    return Rates(
        input=Decimal(plain),
        output=Decimal(out),
        cache_read=Decimal(read),
        cache_write_5m=Decimal(short),
        cache_write_1h=Decimal(long),
    )


SONNET = Price(
    model="s",
    rates=rates("3", "15", "0.30", "3.75", "6"),
    tiers=(Tier(above_tokens=200_000, rates=rates("6", "22.50", "0.60", "7.50", "12")),),
    rate_card="test",
)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "0"),
        # One token at 3 USD per million is 3 millionths of a dollar.
        (Usage(uncached_input=1), "0.000003"),
        (Usage(cache_read=1), "0.0000003"),
        (Usage(cache_write_5m=1), "0.00000375"),
        (Usage(cache_write_1h=1), "0.000006"),
        (Usage(output=1), "0.000015"),
        # 100 x 3 + 2000 x 0.30 + 300 x 3.75 + 42 x 15 = 300 + 600 + 1125 + 630 = 2655 millionths.
        (Usage(uncached_input=100, cache_read=2000, cache_write_5m=300, output=42), "0.002655"),
        # Thinking is part of the output, not beside it.
        (Usage(output=42, reasoning=40), "0.00063"),
        # A million of plain input is above the mark of the tier: 6 + 22.50.
        (Usage(uncached_input=10**6, output=10**6), "28.5"),
        # Exactly at the mark the base rates hold, one token above it all tokens are dearer.
        (Usage(cache_read=200_000), "0.06"),
        (Usage(cache_read=200_000, uncached_input=1, output=2), "0.120051"),
    ],
)
def test_cost(usage, cost):
    found = cost_of(usage, SONNET)
    assert isinstance(found, Cost)
    assert usd_text(found.pico) == cost
    assert found.rate_card == "test"


def test_the_rates_that_were_used_are_told():
    below, above = cost_of(Usage(uncached_input=5), SONNET), cost_of(Usage(uncached_input=200_001), SONNET)
    assert isinstance(below, Cost)
    assert isinstance(above, Cost)
    assert (below.rates, above.rates) == (SONNET.rates, SONNET.tiers[0].rates)


def test_a_rate_finer_than_a_pico_dollar_is_rounded_up():
    price = Price(model="m", rates=rates("0.0000001", "1", "1", "1", "1"), rate_card="test")
    assert cost_of(Usage(uncached_input=1), price).pico == 1
    assert cost_of(Usage(uncached_input=11), price).pico == 2


def test_unknown_is_not_zero():
    unknown = Unpriced(model="m", why="never heard of")
    assert cost_of(Usage(uncached_input=1), unknown) is unknown


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5))
def test_no_call_costs_more_than_its_bound(plain, read, short, output):
    usage = Usage(uncached_input=plain, cache_read=read, cache_write_5m=short, output=output)
    bound = most_it_can_cost_pico(input_tokens=usage.input, output_tokens=output, price=SONNET)
    assert cost_of(usage, SONNET).pico <= bound


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=8))
def test_the_sum_of_costs_is_the_cost_of_the_sum_below_the_tier(calls):
    usages = [Usage(cache_read=read, output=output) for read, output in calls]
    assert sum(cost_of(each, SONNET).pico for each in usages) == cost_of(sum(usages, Usage()), SONNET).pico


def test_the_cached_share():
    assert cached_percent(Usage()) == 0
    assert cached_percent(Usage(uncached_input=1, cache_read=3)) == 75
    assert cached_percent(Usage(cache_read=3, output=99)) == 100
