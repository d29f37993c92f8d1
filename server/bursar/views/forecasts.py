"""What a forecast says, in the words of a lens, a hover, a finding and a terminal; each figure with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bursar.domain.money.figures import money_range
from bursar.domain.money.forecast import PRIOR_WEIGHT, SIMILAR_NEEDED, Fit, Room, TaskForecast, tightest
from bursar.domain.money.spread import Spread
from bursar.domain.runs import TaskEstimate
from bursar.views.figures import amount, count, money, plural, seconds

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
"""'Usually' is from the low to the high one: eight of ten."""
LIKELY = 0.5
"""Below this chance a run will probably not finish."""
PRIOR_WORDS = "306 requests to coding agents in five public repositories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The forecasts of a document by the lines of its tasks, those of tasks that stand for others, that of all open
    ones, and what is left of the limits."""

    tasks: Mapping[int, TaskForecast] = field(default_factory=dict)
    groups: Mapping[int, TaskForecast] = field(default_factory=dict)
    total: TaskForecast | None = None
    rooms: Sequence[Room] = ()


NO_OUTLOOK = Outlook()


def usually(forecast: TaskForecast) -> str:
    """``usually $0.04-0.11, 12 similar``; tokens without a price; empty without enough history."""
    if not forecast.is_enough:
        return ""
    if forecast.cost_pico is not None:
        figures = money_range(forecast.cost_pico.quantile(LOW), forecast.cost_pico.quantile(HIGH))
    else:
        low, high = _tokens(forecast.tokens.quantile(LOW)), _tokens(forecast.tokens.quantile(HIGH))
        figures = f"{low}-{high} tokens, no price known"
    return f"usually {figures}" + (f", {forecast.similar} similar" if forecast.tasks == 1 else "")


def total_title(forecast: TaskForecast, rooms: Sequence[Room]) -> str | None:
    """The lens of a whole spec; None where it would say nothing."""
    if forecast.tasks < 2 or not forecast.is_enough:
        return None
    title = f"{plural(forecast.tasks, 'open task')} · {usually(forecast)}"
    fit = tightest(forecast, rooms)
    return title if fit is None else f"{title} · {_fits(fit)}"


def unlikely(forecast: TaskForecast | None, rooms: Sequence[Room]) -> str | None:
    """The finding of a run that will probably not finish; None where it probably will, or too little is known."""
    fit = None if forecast is None else tightest(forecast, rooms)
    if forecast is None or fit is None or fit.chance >= LIKELY:
        return None
    spread = {"usd": forecast.cost_pico, "tokens": forecast.tokens, "requests": forecast.requests}[fit.room.unit]
    if spread is None:
        return None
    needs = amount(fit.room.unit, spread.quantile(MIDDLE))
    left = amount(fit.room.unit, fit.room.left)
    waits = f", wait for its reset ({fit.room.resets_at})" if fit.room.resets_at else ""
    what = "the runs of such tasks took" if forecast.tasks == 1 else f"{plural(forecast.tasks, 'task')} take"
    return (
        f"Will probably not finish: half of {what} more than {needs}, and {left} of {fit.room.name} is left: a chance "
        f"of {percent(fit.chance)}, from {plural(forecast.similar, 'similar task')}. Raise the limit{waits}, split the "
        "task or choose another model"
    )


def task_hover(forecast: TaskForecast, estimate: TaskEstimate | None, rooms: Sequence[Room]) -> str:
    """A forecast as Markdown: the figures, whether they fit what is left, and where they come from."""
    parts = [_first_request(estimate)] if estimate is not None else []
    if not forecast.is_enough:
        return "\n\n".join([*parts, f"**Not enough data for a forecast.** {_too_few(forecast)}"])
    heading = "Forecast" if forecast.tasks == 1 else f"Forecast of {plural(forecast.tasks, 'open task')} together"
    table = [f"| {heading} | half take at most | nine in ten take at most |", "|:--|--:|--:|"]
    table += [f"| {name} | {middle} | {high} |" for name, middle, high in _rows(forecast)]
    parts.append("\n".join(table))
    fits = [fit for room in rooms if (fit := forecast.fit(room)) is not None]
    parts += ["\n".join(f"- {_fits(each)}" for each in fits)] if fits else []
    return "\n\n".join([*parts, provenance(forecast)])


def forecast_lines(forecast: TaskForecast, rooms: Sequence[Room]) -> list[str]:
    """The same for a terminal, without the first request."""
    if not forecast.is_enough:
        return [f"not enough data for a forecast: {_too_few(forecast)}"]
    rows = _rows(forecast)
    lines = [
        usually(forecast),
        "half take at most " + " · ".join(middle for _, middle, _ in rows),
        "nine in ten take at most " + " · ".join(high for _, _, high in rows),
    ]
    return [*lines, *(_fits(fit) for room in rooms if (fit := forecast.fit(room)) is not None)]


def provenance(forecast: TaskForecast) -> str:
    """Where the figures of a forecast come from, in a few sentences."""
    said = (
        f"From {plural(forecast.similar, 'similar task')} among {forecast.past} of yours that have ended"
        f"{_they_cost(forecast)}, weighted by first request, kind of work, length of the text, files named, model, "
        f"spec and workspace, and from a prior that weighs {PRIOR_WEIGHT:g} tasks: {PRIOR_WORDS}. What was broken off "
        "counts as taking at least what it took."
    )
    if forecast.tasks == 1:
        return said
    return (
        f"The sum of {plural(forecast.tasks, 'task')}, drawn 1,000 times; tasks of a spec turn out dear or cheap "
        f"together (correlation 0.25). {said}"
    )


def percent(chance: float) -> str:
    """``37 %``; never 0 or 100, which no forecast can know."""
    if chance < 0.01:
        return "below 1 %"
    return "above 99 %" if chance > 0.99 else f"{chance * 100:.0f} %"


def _rows(forecast: TaskForecast) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, Spread, Callable[[int], str]]] = []
    if forecast.cost_pico is not None:
        rows.append(("money", forecast.cost_pico, money))
    rows += [
        ("tokens", forecast.tokens, lambda value: f"{_tokens(value)} tokens"),
        ("requests", forecast.requests, lambda value: plural(value, "request")),
        ("time", forecast.time_ms, lambda value: seconds(value / 1000)),
    ]
    return [(name, _figure(spread, MIDDLE, words), _figure(spread, HIGH, words)) for name, spread, words in rows]


def _figure(spread: Spread, share: float, words: Callable[[int], str]) -> str:
    value = words(spread.quantile(share))
    return f"more than {value}" if share > 1 - spread.open_share else value


def _fits(fit: Fit) -> str:
    left = amount(fit.room.unit, fit.room.left)
    return f"{percent(fit.chance)} likely within the {left} left of {fit.room.name}"


def _too_few(forecast: TaskForecast) -> str:
    if forecast.tasks > 1:
        return f"One of these tasks has {forecast.similar} similar ones that have ended, {SIMILAR_NEEDED} are needed."
    return f"{forecast.similar} similar of yours have ended{_they_cost(forecast)}, {SIMILAR_NEEDED} are needed."


def _they_cost(forecast: TaskForecast) -> str:
    if forecast.lowest_pico is None or forecast.highest_pico is None:
        return ""
    return f" (they cost {money_range(forecast.lowest_pico, forecast.highest_pico)})"


def _first_request(estimate: TaskEstimate) -> str:
    cost = estimate.first_request_pico
    price = "no price known" if cost is None else f"~{money(cost)} uncached"
    return f"First request: {count(estimate.counted_tokens)} tokens in (counted), {price}."


def _tokens(number: int) -> str:
    """Two significant digits: nobody can know more."""
    step = 10 ** max(0, len(str(number)) - 2)
    return count(round(number / step) * step)
