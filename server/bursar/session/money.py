"""What is left of the budgets, and the meter."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.moments import Here
from bursar.domain.money.budget import BudgetState, Scope, Unit, level_of, parse_amount
from bursar.domain.ports import Clock, Journal
from bursar.session.ports import Adapters
from bursar.settings import BUILT_IN, Settings
from bursar.views.annotations import Meter
from bursar.views.meter import meter_of


def default_settings() -> Settings:
    """What holds where nothing is set, or where what is set cannot be read."""
    return Settings(
        providers=BUILT_IN, model=None, budget_run=parse_amount("1usd"), budget_day=parse_amount("5usd"), prices=None
    )


def day_state(adapters: Adapters, journal: Journal, settings: Settings) -> BudgetState:
    """The day's budget with what is charged and held, in the unit of its limit; money without one."""
    clock: Clock = adapters.clock
    day = Scope(kind="day", key=clock.local_day())
    amount = adapters.day_limit(settings)
    unit: Unit = "usd" if amount is None else amount.unit
    limit = None if amount is None else amount.value
    used = journal.used(day, unit)
    source, overrides = adapters.limit_from("day", settings)
    return BudgetState(
        scope=day,
        unit=unit,
        limit=limit,
        spent=used.charged,
        not_known=used.not_known,
        reserved=used.held,
        level=level_of(taken=used.charged + used.held, limit=limit, warn_percent=journal.warn_percent()),
        resets_at=clock.next_local_midnight_utc(),
        source=source,
        overrides=overrides,
    )


def run_ceiling_pico(adapters: Adapters, settings: Settings) -> int | None:
    """The most that one run may cost, None without a limit."""
    amount = adapters.run_limit(settings)
    return amount.value if amount is not None and amount.unit == "usd" else None


def left_pico(day: BudgetState, ceiling_pico: int | None) -> int | None:
    """The smallest remaining of the budgets for a run that has not begun."""
    lefts = [] if day.limit is None or day.unit != "usd" else [max(day.limit - day.spent - day.reserved, 0)]
    if ceiling_pico is not None:
        lefts.append(ceiling_pico)
    return min(lefts, default=None)


def meter(journal: Journal, day: BudgetState, running: Sequence[str], here: Here) -> Meter:
    """The meter of this moment."""
    spent_pico = day.spent if day.unit == "usd" else journal.used(day.scope, "usd").charged
    others = journal.imported_on(here.day)
    return meter_of(day=day, spent_pico=spent_pico, running=running, here=here, others=others)
