"""How many input tokens a request can have at most, from our own count of it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

# A count under o200k_base is exact for OpenAI's models; other vendors count differently. Published and reconstructed
# ratios for Claude range from 1.10 to 2.16 by model and language; the factor stands above all of them. Where a run has
# reported usage, callers may do better; without history this is the honest bound.
_EXACT_FAMILIES = ("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-")
_FACTOR_EXACT = Decimal("1.10")
_FACTOR_OTHER = Decimal("2.2")
_FRAMING_TOKENS = 512


def input_bound_tokens(*, counted_tokens: int, body_bytes: int, model: str) -> int:
    """An upper bound on what the provider can count for this body; never above its bytes plus framing."""
    scaled = int((counted_tokens * _factor(model)).to_integral_value(rounding=ROUND_CEILING))
    return min(scaled, max(body_bytes, counted_tokens)) + _FRAMING_TOKENS


def counted_interval(*, counted_tokens: int, text_bytes: int, model: str) -> tuple[int, int]:
    """Between what the provider's own count of a text lies, from ours of it; a token is at least one byte."""
    factor = _factor(model)
    low = int((counted_tokens / factor).to_integral_value(rounding=ROUND_FLOOR))
    high = int((counted_tokens * factor).to_integral_value(rounding=ROUND_CEILING))
    return low, min(high, max(text_bytes, counted_tokens))


def _factor(model: str) -> Decimal:
    return _FACTOR_EXACT if model.rsplit("/", 1)[-1].startswith(_EXACT_FAMILIES) else _FACTOR_OTHER
