"""How money is written for people, the same everywhere; what programs read stays exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

from bursar.domain.money.price import usd

_CENT = Decimal("0.01")
_DIME = Decimal("0.10")


def money(pico: int) -> str:
    """``$1.00``, ``$0.42``, and two significant digits below ten cents: ``$0.058``, ``$0.0071``, ``$0.04``."""
    return f"${plain_money(pico)}"


def money_at_least(pico: int) -> str:
    """The same, never less than the amount: who sets a limit to what is read here has set enough."""
    return f"${plain_money(pico, rounding=ROUND_UP)}"


def plain_money(pico: int, *, rounding: str = ROUND_HALF_UP) -> str:
    """The same without the sign of the currency."""
    amount = usd(pico)
    if amount == 0 or abs(amount) >= _DIME:
        return f"{amount.quantize(_CENT, rounding=rounding):,}"
    step = Decimal(1).scaleb(amount.adjusted() - 1)
    text = f"{amount.quantize(min(step, _CENT), rounding=rounding):f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def money_range(low_pico: int, high_pico: int) -> str:
    """``$0.05-0.21``; one amount where both are written alike."""
    low, high = plain_money(low_pico), plain_money(high_pico)
    return f"${low}" if low == high else f"${low}-{high}"
