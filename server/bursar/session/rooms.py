"""What is left of everything that a run would be held to, for an editor and for a terminal alike."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import BudgetState
from bursar.domain.money.forecast import Room
from bursar.domain.money.rooms import EACH_ANEW, rooms_of, window_rooms
from bursar.session.money import begins_with, windows_now
from bursar.session.ports import Adapters
from bursar.settings import Settings


def rooms_left(
    adapters: Adapters, settings: Settings, wide: Sequence[BudgetState], *, ceiling_pico: int | None = None
) -> tuple[Room, ...]:
    """The rooms under these budgets, under those that each run has anew, and in the windows of whom a run asks first.

    ``ceiling_pico`` is the limit of a run in place of the user's own.
    """
    each_anew = [begins_with(adapters, settings, kind) for kind in EACH_ANEW]
    rooms = rooms_of(wide, narrow=each_anew, ceiling_pico=ceiling_pico)
    try:
        provider, model = adapters.provider(settings)
    except BadInput:
        # Nobody could be asked, so nobody's window can be in the way.
        return rooms
    told = windows_now(adapters, adapters.journal())
    windows = [
        each.window
        for each in told
        if each.provider == provider.name and (each.model == model or each.window.kind == "quota")
    ]
    here = window_rooms(windows, provider=f"{provider.name}/{model}", seconds_until=adapters.clock.seconds_until)
    return (*rooms, *here)
