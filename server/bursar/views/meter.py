"""The status bar's meter: what is spent of the day's budget, by its level, and what is running."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.moments import Here, moment_words
from bursar.domain.money.budget import BudgetState
from bursar.domain.money.imported import ImportedSpend
from bursar.domain.money.price import usd_text
from bursar.views.annotations import Meter
from bursar.views.figures import amount, count, money, plural


def meter_of(
    *, day: BudgetState, spent_pico: int, running: Sequence[str], here: Here, others: ImportedSpend | None = None
) -> Meter:
    """``$0.42 of $5.00 today``, with ``· running 2.1`` behind it; ``running`` are task addresses.

    A budget of tokens or requests is shown in these, with the money behind it: ``12,000 of 200,000 tokens today``.
    What other agents spent today is said in the tooltip, as far as it was imported.
    """
    in_money = day.unit == "usd"
    if in_money:
        text = f"{money(day.spent)} today" if day.limit is None else f"{money(day.spent)} of {money(day.limit)} today"
    else:
        text = f"{count(day.spent)} of {amount(day.unit, day.limit or 0)} today · {money(spent_pico)}"
    if running:
        text += f" · running {running[0]}" if len(running) == 1 else f" · {plural(len(running), 'run')}"
    tooltip = f"Charged today: {amount(day.unit, day.spent)}."
    if day.not_known:
        tooltip += f" Of it at most {amount(day.unit, day.not_known)} for requests whose bill is not known."
    if day.not_known is None:
        tooltip += f" What requests without a known bill took is not among these {day.unit}."
    if day.reserved:
        tooltip += f" Held for requests in flight: {amount(day.unit, day.reserved)}."
    if day.limit is not None:
        left = amount(day.unit, max(day.limit - day.spent - day.reserved, 0))
        until = "" if day.resets_at is None else f", until {moment_words(day.resets_at, here)}"
        tooltip += f" Left: {left}{until}."
    if others is not None:
        tooltip += f" {_others(others, here)}"
    return Meter(
        text=text,
        tooltip=tooltip,
        level=day.level,
        spent_usd=usd_text(spent_pico),
        limit_usd=usd_text(day.limit) if in_money and day.limit is not None else None,
        resets_at=day.resets_at,
        running=tuple(running),
    )


def _others(others: ImportedSpend, here: Here) -> str:
    """``Other agents today: $3.10 (imported 14:02).``; what has no price is said beside the sum."""
    unpriced = ""
    if others.unpriced_requests:
        unpriced = f" and {plural(others.unpriced_requests, 'request')} without a price"
    at = f"{others.imported_at[:16]}:00Z"
    counted = ", counted in the budgets" if others.counted else ""
    return f"Other agents today: {money(others.cost_pico)}{unpriced} (imported {moment_words(at, here)}){counted}."
