"""What is left of each budget and of a provider's own windows, as a forecast is held against it."""

from dataclasses import replace

import pytest

from bursar.domain.money.budget import BudgetKind, BudgetState, Scope, Unit
from bursar.domain.money.forecast import Room, TaskForecast
from bursar.domain.money.rooms import rooms_of, window_rooms
from bursar.domain.money.spread import Spread
from bursar.domain.pacing import Window

AT = "2026-11-21T09:00:00Z"
FORECAST = TaskForecast(
    tokens=Spread(values=(1_000, 2_000), shares=(0.5, 1.0)),
    cost_pico=None,
    time_ms=Spread(values=(60_000,), shares=(1.0,)),
    requests=Spread(values=(4, 8), shares=(0.5, 1.0)),
    similar=5,
    past=5,
    weight=5.0,
)


def state(kind: BudgetKind, limit: int | None, *, unit: Unit = "usd", key: str = "", spent: int = 0) -> BudgetState:
    return BudgetState(
        scope=Scope(kind=kind, key=key), unit=unit, limit=limit, spent=spent, reserved=10, level="ok", resets_at=AT
    )


def test_every_budget_with_a_limit_is_a_room() -> None:
    wide = [state("day", 100, spent=30), state("week", None), state("workspace", 50, key="/w"), state("month", 5)]
    assert rooms_of(wide, narrow=[state("run", 40), state("task", 7, unit="requests")]) == (
        Room(name="this run's budget", unit="usd", left=30, resets_at=AT, each_run=True),
        Room(name="this task's budget", unit="requests", left=0, resets_at=AT, each_run=True),
        Room(name="today's budget", unit="usd", left=60, resets_at=AT),
        Room(name="this workspace's budget", unit="usd", left=40, resets_at=AT, workspace="/w"),
        Room(name="this month's budget", unit="usd", left=0, resets_at=AT),
    )


def test_a_ceiling_that_was_given_takes_the_place_of_the_runs_own_budget() -> None:
    rooms = rooms_of([], narrow=[state("run", 40, unit="tokens")], ceiling_pico=3)
    assert rooms == (Room(name="this run's budget", unit="usd", left=3, each_run=True),)


def window(**changes: object) -> Window:
    made = Window(kind="requests", remaining=5, limit=50, resets_at=AT)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_window_is_a_room_until_it_is_reset() -> None:
    (room,) = window_rooms([window()], provider="acme", seconds_until=lambda at: 90.0)
    assert room == Room(name="the window of acme", unit="requests", left=5, resets_at=AT, lasts_ms=90_000)
    assert window_rooms([window()], provider="acme", seconds_until=lambda at: 0.0) == ()
    (never,) = window_rooms([window(resets_at="")], provider="acme", seconds_until=lambda at: 0.0)
    assert (never.resets_at, never.lasts_ms) == (None, None)


@pytest.mark.parametrize("changes", [{"kind": "output_tokens"}, {"kind": "tokens", "counts_cached": False}])
def test_a_window_that_counts_what_is_not_forecast_is_none(changes: dict[str, object]) -> None:
    assert window_rooms([window(**changes)], provider="acme", seconds_until=lambda at: 90.0) == ()


@pytest.mark.parametrize(("lasts_ms", "chance"), [(None, 0.5), (60_000, 0.5), (59_999, None)])
def test_a_task_that_outlasts_a_window_is_not_held_to_it(lasts_ms: int | None, chance: float | None) -> None:
    fit = FORECAST.fit(Room(name="w", unit="requests", left=5, lasts_ms=lasts_ms))
    assert (None if fit is None else fit.chance) == chance
