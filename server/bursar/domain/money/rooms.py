"""What is left of each limit that a run would be held to."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.money.budget import BudgetState
from bursar.domain.money.forecast import Room

_NAMES = {"day": "today's budget", "week": "this week's budget", "month": "this month's budget"}


def rooms_of(states: Iterable[BudgetState], *, ceiling_pico: int | None) -> tuple[Room, ...]:
    """The rooms under these budgets, and under the ceiling of a run that has not begun; what has no limit is none."""
    rooms = [
        Room(
            name=_NAMES.get(each.scope.kind, f"the {each.scope.kind}'s budget"),
            unit=each.unit,
            left=max(0, each.limit - each.spent - each.reserved),
            resets_at=each.resets_at,
        )
        for each in states
        if each.limit is not None and each.scope.kind != "run"
    ]
    if ceiling_pico is not None:
        rooms.insert(0, Room(name="the run's limit", unit="usd", left=ceiling_pico, each_run=True))
    return tuple(rooms)
