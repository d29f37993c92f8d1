"""How money, counts and times are written, the same everywhere."""

from __future__ import annotations

from bursar.domain.money.figures import money, money_at_least, money_range, plain_money

__all__ = ["count", "money", "money_at_least", "money_range", "plain_money", "plural", "seconds"]


def count(number: int) -> str:
    """``14,210``."""
    return f"{number:,}"


def seconds(duration_s: float) -> str:
    """``0.04 s`` below a second, ``1.9 s`` below ten, ``41 s`` below two minutes, then ``3 min``."""
    if duration_s < 1:
        return f"{duration_s:.2f} s"
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    if duration_s < 120:
        return f"{duration_s:.0f} s"
    return f"{duration_s / 60:.0f} min"


def amount(unit: str, value: int) -> str:
    """An amount of a budget: ``$5.00``, ``12,000 tokens``, ``1 request``."""
    return money(value) if unit == "usd" else plural(value, unit.removesuffix("s"))


def plural(number: int, noun: str) -> str:
    """``1 request``, ``6 requests``."""
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")
