"""Medians, quantiles and a linear fit that a few strange rows do not move."""

from __future__ import annotations

import math
from collections.abc import Sequence

_ROUNDS = 8
_HUBER = 1.345
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_LEAST_SCALE = 1e-6


def median(values: Sequence[float]) -> float:
    """The middle value. Raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def outer_quantiles(values: Sequence[float], share: float) -> tuple[float, float]:
    """Between which two of the values the next one of their kind lies with at least this probability, half of the rest
    on each side; the least and the greatest where there are too few for that. Raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = max(math.floor((len(ordered) + 1) * (1 - share) / 2), 1)
    return ordered[place - 1], ordered[-place]


def slope(xs: Sequence[float], ys: Sequence[float], *, least_step: float) -> float | None:
    """The median slope between every two points whose ``x`` differ by more than that share of the greater; None where
    no two do."""
    steps = [
        (yb - ya) / (xb - xa)
        for index, (xa, ya) in enumerate(zip(xs, ys, strict=True))
        for xb, yb in zip(xs[index + 1 :], ys[index + 1 :], strict=True)
        if abs(xb - xa) > least_step * max(abs(xa), abs(xb))
    ]
    return median(steps) if steps else None


def fit(
    rows: Sequence[Sequence[float]], targets: Sequence[float], *, toward: Sequence[float], pull: float
) -> list[float]:
    """The coefficients that make ``row . coefficients`` the targets, each pulled to a value of ``toward``.

    Rows with large residuals weigh less (Huber), at last those far off nothing (Tukey). ``pull`` is the weight of one
    coefficient's distance from where it is pulled to, squared, in units of one row's squared residual.
    """
    weights = [1.0] * len(rows)
    found = list(toward)
    for done in range(_ROUNDS):
        found = _weighted(rows, targets, weights, toward, pull)
        residuals = [target - _dot(row, found) for row, target in zip(rows, targets, strict=True)]
        scale = max(_MAD_TO_SIGMA * median([abs(each) for each in residuals]), _LEAST_SCALE)
        weigh = _huber if done < _ROUNDS // 2 else _tukey
        weights = [weigh(abs(each) / scale) for each in residuals]
    return found


def _huber(away: float) -> float:
    return 1.0 if away <= _HUBER else _HUBER / away


def _tukey(away: float) -> float:
    return (1 - (away / _TUKEY) ** 2) ** 2 if away < _TUKEY else 0.0


def _weighted(
    rows: Sequence[Sequence[float]],
    targets: Sequence[float],
    weights: Sequence[float],
    toward: Sequence[float],
    pull: float,
) -> list[float]:
    """The normal equations of the weighted squares, solved; the pull keeps them solvable."""
    size = len(toward)
    matrix = [[pull if i == j else 0.0 for j in range(size)] for i in range(size)]
    right = [pull * each for each in toward]
    for row, target, weight in zip(rows, targets, weights, strict=True):
        for i in range(size):
            right[i] += weight * row[i] * target
            for j in range(size):
                matrix[i][j] += weight * row[i] * row[j]
    return _solved(matrix, right)


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss without pivoting: the matrix is positive definite."""
    size = len(right)
    for i in range(size):
        for j in range(i + 1, size):
            times = matrix[j][i] / matrix[i][i]
            right[j] -= times * right[i]
            for k in range(i, size):
                matrix[j][k] -= times * matrix[i][k]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = right[i] - sum(matrix[i][k] * found[k] for k in range(i + 1, size))
        found[i] = rest / matrix[i][i]
    return found


def _dot(row: Sequence[float], coefficients: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(row, coefficients, strict=True))
