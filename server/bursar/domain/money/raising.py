"""By how much a limit is raised with one press: a round amount that is enough, and not more than that needs."""

from __future__ import annotations

from bursar.domain.money.budget import RefusedByBudget


def raise_by(refused: RefusedByBudget) -> int:
    """The smallest of 1, 2 or 5 times a power of ten that covers what is missing and a fifth of the limit."""
    needed = max(refused.shortfall, refused.limit // 5, 1)
    power = 1
    while True:
        for each in (power, 2 * power, 5 * power):
            if each >= needed:
                return each
        power *= 10
