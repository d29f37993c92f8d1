"""What is left of the budgets, and the meter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bursar.domain.moments import Here
from bursar.domain.money.binding import ProviderWindow, binds_first, still_told, window_level
from bursar.domain.money.budget import (
    Amount,
    BudgetKind,
    BudgetState,
    Limit,
    Scope,
    Standing,
    Unit,
    level_of,
    parse_amount,
)
from bursar.domain.money.scopes import ENDING, day_after, keep_warm_scope, period_scopes
from bursar.domain.ports import Journal
from bursar.domain.runs import RunRecord
from bursar.session.ports import Adapters
from bursar.settings import BUILT_IN, Settings
from bursar.views.annotations import Meter
from bursar.views.meter import meter_of


def default_settings() -> Settings:
    """What holds where nothing is set, or where what is set cannot be read."""
    return Settings(
        providers=BUILT_IN,
        model=None,
        budgets={"run": parse_amount("1usd"), "day": parse_amount("5usd")},
        prices=None,
    )


def day_state(adapters: Adapters, journal: Journal, settings: Settings) -> BudgetState:
    """The day's budget with what is charged and held, in the unit of its limit; money without one."""
    return _state(adapters, journal, settings, _periods(adapters, journal)["day"])


def wide_states(
    adapters: Adapters, journal: Journal, settings: Settings, *, workspaces: Iterable[str]
) -> list[BudgetState]:
    """The budgets that add up over several runs: the day's always, the others where there is a limit."""
    periods = _periods(adapters, journal)
    scopes = [
        *periods.values(),
        Scope(kind="session", key=journal.session),
        *(Scope(kind="workspace", key=each) for each in workspaces),
    ]
    amounts = adapters.budgets(settings)
    return [_state(adapters, journal, settings, each) for each in scopes if each.kind == "day" or each.kind in amounts]


def keep_warm_state(adapters: Adapters, journal: Journal, settings: Settings) -> BudgetState:
    """The day's budget of the requests that only keep prompts warm. It stops nothing else, so it is with no others."""
    return _state(adapters, journal, settings, keep_warm_scope(_periods(adapters, journal)["day"].key))


def begins_with(adapters: Adapters, settings: Settings, kind: BudgetKind) -> BudgetState:
    """The limit that each new request, run or task begins with."""
    amount = adapters.budgets(settings).get(kind)
    source, overrides = adapters.limit_from(kind, settings)
    return BudgetState(
        scope=Scope(kind=kind, key=""),
        unit=amount.unit if amount else "usd",
        limit=amount.value if amount else None,
        spent=0,
        reserved=0,
        level="ok" if amount else "off",
        resets_at=None,
        source=source,
        overrides=overrides,
    )


def run_ceiling_pico(adapters: Adapters, settings: Settings) -> int | None:
    """The most that one run may cost, None without a limit in money."""
    amount = adapters.budgets(settings).get("run")
    return amount.value if amount is not None and amount.unit == "usd" else None


def left_pico(wide: Sequence[BudgetState], ceiling_pico: int | None) -> int | None:
    """The smallest remaining of the budgets in money for a run that has not begun."""
    lefts = [
        max(each.limit - each.spent - each.reserved, 0)
        for each in wide
        if each.limit is not None and each.unit == "usd"
    ]
    if ceiling_pico is not None:
        lefts.append(ceiling_pico)
    return min(lefts, default=None)


def own_states(journal: Journal, runs: Iterable[RunRecord]) -> list[BudgetState]:
    """The ceilings of runs that go on now, with what is used of them."""
    limits = [
        Limit(scope=Scope(kind="run", key=each.run), amount=Amount(unit="usd", value=each.ceiling_pico))
        for each in runs
        if each.ceiling_pico is not None
    ]
    percent = journal.warn_percent()
    return [
        BudgetState(
            scope=each.scope,
            unit=each.unit,
            limit=each.limit,
            spent=each.used.charged,
            not_known=each.used.not_known,
            reserved=each.used.held,
            level=level_of(taken=each.taken, limit=each.limit, warn_percent=percent),
            resets_at=None,
        )
        for each in journal.standings(limits)
    ]


def windows_now(adapters: Adapters, journal: Journal, *, longer_than_s: float = 0.0) -> list[ProviderWindow]:
    """The providers' own limits as they were told last, less those that have been reset since."""
    return still_told(journal.windows(), seconds_until=adapters.clock.seconds_until, longer_than_s=longer_than_s)


def meter(
    journal: Journal,
    budgets: Sequence[BudgetState],
    windows: Sequence[ProviderWindow],
    running: Sequence[str],
    here: Here,
) -> Meter:
    """The meter of this moment: ``budgets`` and ``windows`` are those that can stop the next request."""
    day = next(each for each in budgets if each.scope.kind == "day")
    first = binds_first(budgets, windows)
    spent_pico = day.spent if day.unit == "usd" else journal.used(day.scope, "usd").charged
    others = journal.imported_on(here.day)
    warm = journal.used(keep_warm_scope(day.scope.key), "usd").charged
    return meter_of(
        day=day,
        spent_pico=spent_pico,
        running=running,
        here=here,
        others=others,
        budgets=budgets,
        first=first,
        kept_warm_pico=warm,
        window_level=window_level(first, journal.warn_percent()) if isinstance(first, ProviderWindow) else "ok",
    )


def _periods(adapters: Adapters, journal: Journal) -> dict[BudgetKind, Scope]:
    return period_scopes(journal.budget_day(adapters.clock.local_day()))


def _state(adapters: Adapters, journal: Journal, settings: Settings, scope: Scope) -> BudgetState:
    amount = adapters.budgets(settings).get(scope.kind)
    unit: Unit = "usd" if amount is None else amount.unit
    limits = [Limit(scope=scope, amount=amount or Amount(unit=unit, value=0))]
    standing: Standing = journal.standings(limits)[0]
    limit = None if amount is None else standing.limit
    source, overrides = adapters.limit_from(scope.kind, settings)
    raised = "" if amount is None or limit == amount.value else ", raised once"
    return BudgetState(
        scope=scope,
        unit=unit,
        limit=limit,
        spent=standing.used.charged,
        not_known=standing.used.not_known,
        reserved=standing.used.held,
        level=level_of(taken=standing.taken, limit=limit, warn_percent=journal.warn_percent()),
        resets_at=adapters.clock.local_midnight_utc(day_after(scope)) if scope.kind in ENDING else None,
        source=f"{source}{raised}",
        overrides=overrides,
    )
