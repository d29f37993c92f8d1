"""What is left of everything that a run would be held to, for an editor and for a terminal alike."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.money.budget import BudgetState
from bursar.domain.money.forecast import Room
from bursar.domain.money.rooms import EACH_ANEW, rooms_of
from bursar.session.money import begins_with
from bursar.session.ports import Adapters
from bursar.settings import Settings


def rooms_left(
    adapters: Adapters, settings: Settings, wide: Sequence[BudgetState], *, ceiling_pico: int | None = None
) -> tuple[Room, ...]:
    """The rooms under these budgets and those that each run has anew.

    ``ceiling_pico`` is the limit of a run in place of the user's own.
    """
    each_anew = [begins_with(adapters, settings, kind) for kind in EACH_ANEW]
    return rooms_of(wide, narrow=each_anew, ceiling_pico=ceiling_pico)
