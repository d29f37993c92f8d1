"""The status bar's meter: what is spent of the day's budget, by its level, and what is running."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.money.budget import BudgetState
from bursar.domain.money.price import usd_text
from bursar.views.annotations import Meter
from bursar.views.figures import money, plural


def meter_of(*, day: BudgetState, running: Sequence[str]) -> Meter:
    """``$0.42 of $5.00 today``, with ``· running 2.1`` behind it; ``running`` are task addresses."""
    text = f"{money(day.spent)} today" if day.limit is None else f"{money(day.spent)} of {money(day.limit)} today"
    if running:
        text += f" · running {running[0]}" if len(running) == 1 else f" · {plural(len(running), 'run')}"
    tooltip = f"Charged today: {money(day.spent)}."
    if day.reserved:
        tooltip += f" Held for requests in flight: {money(day.reserved)}."
    if day.limit is not None:
        tooltip += f" Left: {money(max(day.limit - day.spent - day.reserved, 0))}, until {day.resets_at}."
    return Meter(
        text=text,
        tooltip=tooltip,
        level=day.level,
        spent_usd=usd_text(day.spent),
        limit_usd=None if day.limit is None else usd_text(day.limit),
        resets_at=day.resets_at,
        running=tuple(running),
    )
