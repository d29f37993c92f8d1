"""What trims have saved, in words."""

from __future__ import annotations

from bursar.domain.context.savings import RunSaving
from bursar.views.figures import count, money, plural


def saving_text(saving: RunSaving) -> str:
    """``3 trims left 41,200 tokens out and saved $0.0812 in 14 requests so far, by their bills; 1 recall``."""
    made = saving.realised
    verb = "saved" if made.pico >= 0 else "cost"
    said = (
        f"{plural(saving.trims, 'trim')} left {count(saving.tokens)} tokens out and {verb} {money(abs(made.pico))} in"
        f" {plural(made.requests, 'request')} so far, by what was billed"
    )
    if made.lost_pico:
        said += f" ({money(made.saved_pico)} less, {money(made.lost_pico)} more for what was written anew)"
    return said + (f"; {plural(saving.recalls, 'recall')}" if saving.recalls else "")
