"""What the commands that make a single request share: its figures, and what it has cost."""

from __future__ import annotations

from typing import Any

from bursar.domain.money.price import usd_text
from bursar.domain.runs import NewRun, RequestFigures
from bursar.wiring import App


def figures_json(planned: NewRun, figures: RequestFigures) -> dict[str, Any]:
    """Who is asked, and what the request counts and costs before it is sent."""
    return {
        "model": f"{planned.provider}/{planned.model}",
        "request_tokens": figures.counted_tokens,
        "encoding": "o200k_base",
        "request_usd": None if figures.first_request_pico is None else usd_text(figures.first_request_pico),
        "at_most_usd": None if figures.at_most_pico is None else usd_text(figures.at_most_pico),
    }


def cost_usd(app: App, run: str) -> str | None:
    """What an operation has cost so far; None where a model without a price, or a lost answer, leaves it unknown."""
    summary = app.journal().summary(run)
    rows = summary.requests if summary else ()
    if any(each.cost_pico is None for each in rows):
        return None
    return usd_text(sum(each.cost_pico or 0 for each in rows))
