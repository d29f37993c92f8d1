"""The most that an attempt can have cost and taken where the provider did not say, or did not say it to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bursar.domain.money.bound import input_bound_tokens, output_bound_tokens
from bursar.domain.money.price import Price, Unpriced, cost_of, most_it_can_cost_pico
from bursar.domain.money.usage import Usage

_ANY_SIZE = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The whole of it: money in pico-dollars and tokens in and out. No tokens: what was reserved bounds them."""

    pico: int
    tokens: int = 0


def bound_of_count(
    usage: Usage,
    *,
    counted_tokens: int,
    said: str,
    said_tokens: int,
    max_tokens: int,
    model: str,
    price: Price | Unpriced,
    hold_pico: int,
) -> Bound:
    """For a whole answer without usage, booked by our own count: the upper ends of both counts.

    It is never above what was reserved, which the request itself enforced, and never below what is booked.
    """
    asked = input_bound_tokens(counted_tokens=counted_tokens, body_bytes=_ANY_SIZE, model=model)
    answered = output_bound_tokens(
        counted_tokens=said_tokens,
        text_bytes=len(said.encode("utf-8", "replace")),
        max_tokens=max_tokens,
        model=model,
    )
    tokens = max(asked + answered, usage.input + usage.output)
    if isinstance(price, Unpriced):
        return Bound(pico=hold_pico, tokens=tokens)
    most = most_it_can_cost_pico(input_tokens=asked, output_tokens=answered, price=price)
    return Bound(pico=max(min(most, hold_pico), _cost_pico(usage, price)), tokens=tokens)


def bound_of_hold(usage: Usage, *, price: Price | Unpriced, hold_pico: int) -> Bound:
    """For usage that cannot be, which bounds nothing: what was reserved, and never below what is booked."""
    return Bound(pico=max(hold_pico, _cost_pico(usage, price)))


def bound_of_cut(
    reported: Usage, *, max_tokens: int, is_asked_model: bool, price: Price | Unpriced, hold_pico: int
) -> Bound:
    """For an answer that broke off after its input was reported: that input, and the longest answer there could be."""
    if isinstance(price, Unpriced) or not max_tokens:
        return Bound(pico=hold_pico)
    most = _cost_pico(replace(reported, output=max(max_tokens, reported.output)), price)
    return Bound(pico=min(most, hold_pico) if is_asked_model else max(most, hold_pico))


def _cost_pico(usage: Usage, price: Price | Unpriced) -> int:
    cost = cost_of(usage, price)
    return 0 if isinstance(cost, Unpriced) else cost.pico
