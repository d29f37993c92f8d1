"""How many input tokens a request can have at most, from our own count of it and what the provider counted before."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

# A count under o200k_base is exact for OpenAI's models; other vendors count differently. Published and reconstructed
# ratios for Claude range from 1.10 to 2.16 by model and language; the factor stands above all of them.
_EXACT_FAMILIES = ("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-")
_FACTOR_EXACT = Decimal("1.10")
_FACTOR_OTHER = Decimal("2.2")
_FRAMING_TOKENS = 512
# Models that think are billed for thoughts that nobody is shown, so what is seen of their answers bounds nothing.
_THINK_UNSEEN = ("gpt-5", "gpt-6", "o1", "o3", "o4", "codex-", "claude-", "gemini-", "deepseek-", "grok-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The beginning of a request that was sent before: our count of it, and what the provider reported for it."""

    counted_tokens: int
    reported_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBound:
    """The most that a provider can count for a body, and where that comes from."""

    tokens: int
    provenance: str


def input_bound(*, counted_tokens: int, body_bytes: int, model: str, prefix: Prefix | None = None) -> InputBound:
    """An upper bound on what the provider can count for this body; never above its bytes plus framing.

    Of a conversation that goes on the provider has counted the beginning itself: that figure is taken as it was
    reported, and only what is new since is multiplied by the factor of the model's family.
    """
    factor = _factor(model)
    whole = min(_times(counted_tokens, factor), max(body_bytes, counted_tokens)) + _FRAMING_TOKENS
    named = InputBound(tokens=whole, provenance=f"our count times {factor}")
    if prefix is None or prefix.reported_tokens <= 0 or counted_tokens < prefix.counted_tokens:
        return named
    new = counted_tokens - prefix.counted_tokens
    known = prefix.reported_tokens + _times(new, factor) + _FRAMING_TOKENS
    if known >= whole:
        return named
    return InputBound(
        tokens=known,
        provenance=f"{prefix.reported_tokens} reported for the request before, and our count of what is new"
        f" times {factor}",
    )


def input_bound_tokens(*, counted_tokens: int, body_bytes: int, model: str) -> int:
    """The bound of a body of which nothing is known but our count."""
    return input_bound(counted_tokens=counted_tokens, body_bytes=body_bytes, model=model).tokens


def counted_interval(*, counted_tokens: int, text_bytes: int, model: str) -> tuple[int, int]:
    """Between what the provider's own count of a text lies, from ours of it; a token is at least one byte."""
    factor = _factor(model)
    low = int((counted_tokens / factor).to_integral_value(rounding=ROUND_FLOOR))
    return low, min(_times(counted_tokens, factor), max(text_bytes, counted_tokens))


def output_bound_tokens(*, counted_tokens: int, text_bytes: int, max_tokens: int, model: str) -> int:
    """The most that a provider can count for an answer that ended: the request's own bound, or less where all of it
    was seen."""
    if model.rsplit("/", 1)[-1].startswith(_THINK_UNSEEN):
        return max_tokens
    _, high = counted_interval(counted_tokens=counted_tokens, text_bytes=text_bytes, model=model)
    return min(high + _FRAMING_TOKENS, max_tokens)


def _factor(model: str) -> Decimal:
    return _FACTOR_EXACT if model.rsplit("/", 1)[-1].startswith(_EXACT_FAMILIES) else _FACTOR_OTHER


def _times(tokens: int, factor: Decimal) -> int:
    return int((tokens * factor).to_integral_value(rounding=ROUND_CEILING))
