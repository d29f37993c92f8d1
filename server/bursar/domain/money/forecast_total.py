"""What several tasks of a spec will probably take together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bursar.domain.money.forecast import TaskForecast
from bursar.domain.money.spread import Spread

WITHIN_SPEC = 0.25
"""How alike the tasks of one spec turn out: the correlation between them beyond what the forecast of each knew.

`make bench-forecast` measures 0.2 to 0.3 within a session. With none, the sum of many tasks would look far too certain.
"""
DRAWS = 1_000
_SEED = 0x5DEECE66D
_GRID = 200


def forecast_together(forecasts: Sequence[TaskForecast]) -> TaskForecast | None:
    """The sum of these tasks; None without one. Where one of them has no figures, the sum has none (``similar``).

    Drawn ``DRAWS`` times from the tasks' own distributions, with a fixed seed, so that the same tasks always give the
    same figures. In each draw the tasks depend on one another by a Gaussian copula with one common factor
    (correlation ``WITHIN_SPEC``), and the amounts of one task turn out dear or cheap together. An open end (what was
    broken off and never seen whole) counts as the value where it was broken off.
    """
    if not forecasts:
        return None
    if len(forecasts) == 1:
        return forecasts[0]
    priced = all(each.cost_pico is not None for each in forecasts)
    tables = [_tables(each, priced=priced) for each in forecasts]
    sums: list[tuple[int, ...]] = []
    normal = _normals(_SEED)
    shared, own = math.sqrt(WITHIN_SPEC), math.sqrt(1 - WITHIN_SPEC)
    for _ in range(DRAWS):
        common = shared * next(normal)
        total = [0] * len(tables[0])
        for amounts in tables:
            at = min(int(_GRID * 0.5 * math.erfc(-(common + own * next(normal)) * math.sqrt(0.5))), _GRID - 1)
            for index, values in enumerate(amounts):
                total[index] += values[at]
        sums.append(tuple(total))
    spreads = [_spread(values) for values in zip(*sums, strict=True)]
    fewest = min(forecasts, key=lambda each: each.similar)
    return TaskForecast(
        tokens=spreads[0],
        time_ms=spreads[1],
        requests=spreads[2],
        cost_pico=spreads[3] if priced else None,
        similar=fewest.similar,
        past=fewest.past,
        weight=fewest.weight,
        tasks=sum(each.tasks for each in forecasts),
    )


def _tables(forecast: TaskForecast, *, priced: bool) -> list[list[int]]:
    spreads = [forecast.tokens, forecast.time_ms, forecast.requests]
    if priced and forecast.cost_pico is not None:
        spreads.append(forecast.cost_pico)
    return [[each.quantile((index + 0.5) / _GRID) for index in range(_GRID)] for each in spreads]


def _spread(drawn: Sequence[int]) -> Spread:
    ordered = sorted(drawn)
    return Spread(values=tuple(ordered), shares=tuple((index + 1) / len(ordered) for index in range(len(ordered))))


def _normals(seed: int) -> Iterator[float]:
    """Normal deviates (Box and Muller) from a generator that is the same everywhere (SplitMix64, Steele 2014)."""
    state = seed

    def uniform() -> float:
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return ((mixed ^ (mixed >> 31)) + 0.5) / 2.0**64

    while True:
        radius, angle = math.sqrt(-2 * math.log(uniform())), 2 * math.pi * uniform()
        yield radius * math.cos(angle)
        yield radius * math.sin(angle)
