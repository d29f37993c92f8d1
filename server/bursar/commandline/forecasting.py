"""Forecasts for a terminal: made from the same history as in an editor, printed exactly for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bursar.commandline.specs import OpenedSpec
from bursar.domain.moments import in_local_time
from bursar.domain.money.forecast import SIMILAR_NEEDED, Room, TaskForecast
from bursar.domain.money.past import past_tasks
from bursar.domain.money.price import usd_text
from bursar.domain.money.spread import Spread
from bursar.domain.runs import TaskEstimate
from bursar.runs.here import here_of
from bursar.session.forecasting import HISTORY_RUNS, Forecaster, known_of
from bursar.session.money import wide_states
from bursar.session.rooms import rooms_left
from bursar.settings import Settings
from bursar.views.forecasts import unlikely
from bursar.wiring import App


class Outlooks:
    """The forecasts of one command for the tasks of one spec, from the history as it is when the command begins."""

    def __init__(self, app: App, settings: Settings, opened: OpenedSpec, *, ceiling_pico: int | None) -> None:
        self._app = app
        self._settings = settings
        self._workspace = str(opened.root)
        self._spec = opened.path
        self._ceiling_pico = ceiling_pico
        self._forecaster = forecaster_of(app)

    def of(self, estimate: TaskEstimate) -> TaskForecast:
        """The forecast of one task."""
        return self._forecaster.alone(known_of(estimate, workspace=self._workspace, spec=self._spec))

    def together(self, estimates: Sequence[TaskEstimate]) -> TaskForecast | None:
        """The forecast of several tasks; None without one."""
        known = tuple(known_of(each, workspace=self._workspace, spec=self._spec) for each in estimates)
        return self._forecaster.together(known)

    def rooms(self) -> tuple[Room, ...]:
        """What is left of each limit now."""
        return rooms_in(self._app, self._settings, self._workspace, ceiling_pico=self._ceiling_pico)

    def warning(self, estimate: TaskEstimate) -> str | None:
        """What is told before a run that will probably not finish; None where it may begin without a word."""
        if "probably-unfinished" in self._settings.silenced:
            return None
        found = unlikely(self.of(estimate), self.rooms())
        return None if found is None else in_local_time(f"{estimate.address}: {found}.", here_of(self._app.clock))


def forecaster_of(app: App) -> Forecaster:
    """Forecasts from the user's history as it is now."""
    return Forecaster(past_tasks(app.journal().ended_runs(HISTORY_RUNS)))


def rooms_in(app: App, settings: Settings, workspace: str, *, ceiling_pico: int | None = None) -> tuple[Room, ...]:
    """What is left now of everything that a run in this workspace would be held to."""
    wide = wide_states(app, app.journal(), settings, workspaces=[workspace])
    return rooms_left(app, settings, wide, ceiling_pico=ceiling_pico)


def forecast_json(forecast: TaskForecast, rooms: Sequence[Room]) -> dict[str, Any]:
    """A forecast as programs read it; its figures are null where there is too little history for them."""
    enough = forecast.is_enough
    fits = [fit for room in rooms if (fit := forecast.fit(room)) is not None] if enough else []
    lowest, highest = forecast.lowest_pico, forecast.highest_pico
    return {
        "enough": enough,
        "similar": forecast.similar,
        "needed": SIMILAR_NEEDED,
        "past": forecast.past,
        "effective": round(forecast.weight, 2),
        "similar_cost_usd": None
        if lowest is None or highest is None
        else {"lowest": usd_text(lowest), "highest": usd_text(highest)},
        "cost_usd": _figures(forecast.cost_pico, usd_text) if enough else None,
        "tokens": _figures(forecast.tokens, int) if enough else None,
        "requests": _figures(forecast.requests, int) if enough else None,
        "seconds": _figures(forecast.time_ms, lambda value: round(value / 1000, 3)) if enough else None,
        "fits": [
            {
                "limit": each.room.name,
                "unit": each.room.unit,
                "left": usd_text(each.room.left) if each.room.unit == "usd" else each.room.left,
                "resets_at": each.room.resets_at,
                "chance": round(each.chance, 4),
            }
            for each in fits
        ],
    }


def _figures(spread: Spread | None, written: Callable[[int], Any]) -> dict[str, Any] | None:
    if spread is None:
        return None
    figures = {name: written(spread.quantile(share)) for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))}
    return {**figures, "open_share": round(spread.open_share, 4)}
