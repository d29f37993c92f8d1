"""What requests, summaries, pings and re-fetches cost under a price set, in plain input tokens.

These are ratios of token counts, not money: nothing here is booked.
"""

from __future__ import annotations

from bursar.domain.context.rates import PriceSet

CARRIED_REQUESTS = 10
"""How many further requests carry content that was fetched again; a miss of it in these costs nothing more."""
_REFETCH_OUTPUT = 80
_SUMMARY_PROMPT, _SUMMARY_OUTPUT = 400, 2_000
_PING_OUTPUT = 1


def request_cost(prices: PriceSet, prompt_tokens: int, cached_tokens: int) -> float:
    """The input of a request of which so many tokens were read from the cache."""
    written = prompt_tokens - cached_tokens
    return _tier(prices, prompt_tokens) * (prices.read * cached_tokens + prices.write * written)


def summary_cost(prices: PriceSet, prompt_tokens: int) -> float:
    """A call that summarises a context of that size."""
    return prices.read * prompt_tokens + prices.write * _SUMMARY_PROMPT + prices.output * _SUMMARY_OUTPUT


def ping_cost(prices: PriceSet, prompt_tokens: int) -> float:
    """A minimal request that keeps a prompt of that size in the cache."""
    return _tier(prices, prompt_tokens) * (prices.read * prompt_tokens + prices.output * _PING_OUTPUT)


def refetch_cost(prices: PriceSet, prompt_tokens: int, result_tokens: int) -> float:
    """One more request to get a result again, writing it, and carrying it for a while."""
    again = prices.write * result_tokens + CARRIED_REQUESTS * prices.read * result_tokens
    return prices.read * prompt_tokens + again + prices.output * _REFETCH_OUTPUT


def _tier(prices: PriceSet, prompt_tokens: int) -> float:
    return prices.above if prices.edge_tokens is not None and prompt_tokens > prices.edge_tokens else 1.0
