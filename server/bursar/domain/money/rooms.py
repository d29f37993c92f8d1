"""What is left of each budget that a run would be held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bursar.domain.money.budget import BudgetKind, BudgetState, Unit
from bursar.domain.money.forecast import Room
from bursar.domain.money.scopes import scope_words
from bursar.domain.pacing import Window

_UNITS: Mapping[str, Unit] = {"requests": "requests", "tokens": "tokens", "quota": "requests"}
EACH_ANEW: tuple[BudgetKind, ...] = ("run", "task")
"""The budgets that a forecast looks at and that a run begins anew; a task's earlier runs are not taken from its own."""


def rooms_of(
    wide: Iterable[BudgetState], *, narrow: Iterable[BudgetState] = (), ceiling_pico: int | None = None
) -> tuple[Room, ...]:
    """The rooms under budgets that add up over several runs, and under those that each run or task has anew.

    ``ceiling_pico`` is the limit of a run in money, in place of what ``narrow`` says of it. What has no limit is none.
    """
    rooms = []
    if ceiling_pico is not None:
        rooms.append(Room(name=_name("run"), unit="usd", left=ceiling_pico, each_run=True))
    rooms += [
        _room(each, each.limit, each_run=True)
        for each in narrow
        if each.limit is not None and not (each.scope.kind == "run" and ceiling_pico is not None)
    ]
    return (*rooms, *(_room(each, each.limit, each_run=False) for each in wide if each.limit is not None))


def window_rooms(
    windows: Iterable[Window], *, provider: str, seconds_until: Callable[[str], float]
) -> tuple[Room, ...]:
    """The rooms in a provider's own windows, as it told them last; those that have been reset since are none.

    Tokens are forecast with those that are read from the cache and those of the answer, so a window that counts only
    some of them is left out: nobody could say whether a task fits it.
    """
    rooms = []
    for each in windows:
        unit, left_s = _UNITS.get(each.kind), seconds_until(each.resets_at) if each.resets_at else None
        if unit is None or not each.counts_cached or (left_s is not None and left_s <= 0):
            continue
        rooms.append(
            Room(
                name=f"the window of {provider}",
                unit=unit,
                left=max(0, each.remaining),
                resets_at=each.resets_at or None,
                lasts_ms=None if left_s is None else round(1_000 * left_s),
            )
        )
    return tuple(rooms)


def _room(state: BudgetState, limit: int, *, each_run: bool) -> Room:
    return Room(
        name=_name(state.scope.kind),
        unit=state.unit,
        left=max(0, limit - state.spent - state.reserved),
        resets_at=state.resets_at,
        each_run=each_run,
        workspace=state.scope.key if state.scope.kind == "workspace" else None,
    )


def _name(kind: BudgetKind) -> str:
    return f"{scope_words(kind)}'s budget"
