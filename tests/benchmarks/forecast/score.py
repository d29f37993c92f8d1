"""Pinball losses, paired intervals and coverage; shares no code with the forecast that it scores."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.forecast.table import Scored, repositories
from bursar.domain.money.forecast import SIMILAR_NEEDED, TaskForecast, forecast_task
from bursar.domain.money.past import PastTask
from bursar.domain.money.prior import Prior, prior_of

Amount = Literal["tokens", "cost_pico", "time_ms"]
Cluster = Literal["session", "repository"]
AMOUNTS: tuple[Amount, ...] = ("tokens", "cost_pico", "time_ms")
LEVELS = (0.5, 0.9)
Forecaster = Callable[[PastTask, Sequence[PastTask], Prior], TaskForecast]


def product(task: PastTask, history: Sequence[PastTask], prior: Prior) -> TaskForecast:
    """The product's forecast of a task, from what was known before it and what had ended by then."""
    return forecast_task(task.known.coarse(), history, prior)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasted:
    """What a row took, the forecast of it, and the quantiles of all requests of the other repositories."""

    row: Scored
    forecast: TaskForecast
    others: dict[tuple[Amount, float], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Mean losses of the forecast and of the others' quantiles, the gain with its paired interval, and coverage."""

    amount: Amount
    level: float
    scale: Literal["log", "plain"]
    loss: float
    loss_of_others: float
    gain_low: float
    gain_high: float
    covered: int
    number: int

    @property
    def gain(self) -> float:
        """The share of the others' loss that the forecast saves."""
        return 1 - self.loss / self.loss_of_others


def play(rows: Sequence[Scored], forecaster: Forecaster = product, *, own: str = "repository") -> list[Forecasted]:
    """Forecast each whole row; everything but its own repository's earlier requests comes from the others.

    ``own`` says what counts as the user's own history: earlier requests in the same ``repository`` or ``session``, or
    ``nothing``.
    """
    found = []
    for name in repositories(rows):
        others = [each for each in rows if each.repository != name and each.whole]
        prior = prior_of([each.past for each in others])
        quantiles = {
            (amount, level): quantile([getattr(each, amount) for each in others], level)
            for amount in AMOUNTS
            for level in LEVELS
        }
        earlier: list[Scored] = []
        for row in (each for each in rows if each.repository == name):
            mine = [
                each.past
                for each in earlier
                if own == "repository" or (own == "session" and each.session == row.session)
            ]
            if row.whole:
                found.append(Forecasted(row=row, forecast=forecaster(row.past, mine, prior), others=quantiles))
            earlier.append(row)
    return found


def results(
    forecasts: Sequence[Forecasted], *, draws: int = 2_000, seed: int = 20261121, by: Cluster = "session"
) -> list[Result]:
    """Every amount at every level on both scales; the interval resamples whole sessions, or whole repositories."""
    made = []
    for amount in AMOUNTS:
        for level in LEVELS:
            for scale in ("log", "plain"):
                made.append(_result(forecasts, amount, level, scale, draws, seed, by))  # type: ignore[arg-type]
    return made


def pinball(outcome: float, forecast: float, level: float) -> float:
    """The loss that the quantile of this level minimises."""
    return (outcome - forecast) * level if outcome >= forecast else (forecast - outcome) * (1 - level)


def quantile(values: Sequence[int], level: float) -> int:
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(level * len(ordered)) - 1)]


def wilson(successes: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, JASA 22, 1927)."""
    z, share = 1.959964, successes / number
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    return middle - half, middle + half


def shuffled(rows: Sequence[Scored], seed: int = 20261121) -> list[Scored]:
    """The same rows, each with what was known before another one: what is known no longer belongs to what came."""
    known = (
        *("repository", "session", "position", "harness", "model", "kind", "text_chars", "files_named"),
        *("first_tokens", "first_pico"),
    )
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    mixed = [
        replace(row, **{name: getattr(rows[other], name) for name in known})
        for row, other in zip(rows, order, strict=True)
    ]
    return sorted(mixed, key=lambda each: (each.session, each.position))


def correlation_within_sessions(forecasts: Sequence[Forecasted], amount: Amount = "tokens") -> float:
    """How much the tasks of one session turn out dear or cheap together, beyond what the forecast knew.

    The intraclass correlation (one-way analysis of variance) of the logarithm of outcome over forecast median.
    """
    groups: dict[str, list[float]] = {}
    for each in forecasts:
        groups.setdefault(each.row.session, []).append(
            math.log(getattr(each.row, amount)) - math.log(max(1, _figure(each, amount, 0.5)))
        )
    kept = [group for group in groups.values() if len(group) > 1]
    number, count = sum(map(len, kept)), len(kept)
    mean = sum(map(sum, kept)) / number
    means = [sum(group) / len(group) for group in kept]
    between = sum(len(group) * (each - mean) ** 2 for group, each in zip(kept, means, strict=True)) / (count - 1)
    within = sum((value - each) ** 2 for group, each in zip(kept, means, strict=True) for value in group)
    within /= number - count
    size = (number - sum(len(group) ** 2 for group in kept) / number) / (count - 1)
    return (between - within) / (between + (size - 1) * within)


def within(forecasts: Sequence[Forecasted], amount: Amount, low: float, high: float) -> int:
    """How many outcomes lie between two quantiles of their forecasts, both included."""
    return sum(
        _figure(each, amount, low) <= getattr(each.row, amount) <= _figure(each, amount, high) for each in forecasts
    )


def shown(forecasts: Sequence[Forecasted]) -> list[Forecasted]:
    """Those for which the product would show figures."""
    return [each for each in forecasts if each.forecast.similar >= SIMILAR_NEEDED]


def _result(
    forecasts: Sequence[Forecasted],
    amount: Amount,
    level: float,
    scale: Literal["log", "plain"],
    draws: int,
    seed: int,
    by: Cluster,
) -> Result:
    def on_scale(value: int) -> float:
        return math.log(max(1, value)) if scale == "log" else float(value)

    clusters: dict[str, list[tuple[float, float]]] = {}
    covered = 0
    for each in forecasts:
        outcome, forecast = getattr(each.row, amount), _figure(each, amount, level)
        covered += outcome <= forecast
        ours = pinball(on_scale(outcome), on_scale(forecast), level)
        theirs = pinball(on_scale(outcome), on_scale(each.others[amount, level]), level)
        clusters.setdefault(getattr(each.row, by), []).append((ours, theirs))
    sums = [(sum(a for a, _ in group), sum(b for _, b in group)) for group in clusters.values()]
    chance = random.Random(seed)
    gains = []
    for _ in range(draws):
        drawn = chance.choices(sums, k=len(sums))
        gains.append(1 - sum(a for a, _ in drawn) / sum(b for _, b in drawn))
    gains.sort()
    number = len(forecasts)
    return Result(
        amount=amount,
        level=level,
        scale=scale,
        loss=sum(a for a, _ in sums) / number,
        loss_of_others=sum(b for _, b in sums) / number,
        gain_low=gains[round(0.025 * draws)],
        gain_high=gains[round(0.975 * draws) - 1],
        covered=covered,
        number=number,
    )


def _figure(each: Forecasted, amount: Amount, level: float) -> int:
    spread = getattr(each.forecast, amount)
    return int(spread.quantile(level))
