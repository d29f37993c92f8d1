"""Medians and 99th percentiles, the aims, and a straight line through what memory was."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.report import Row

AIM = "the aim: at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A figure and what it should be at most."""

    what: str
    value: float
    unit: str
    at_most: float

    def row(self) -> Row:
        """As in the file: the aim stands in the place of the peer."""
        return row(self.what, self.value, self.unit, AIM, self.at_most)

    def verdict(self) -> str:
        """``reached`` or ``missed by`` how much."""
        over = self.value - self.at_most
        return "reached" if over <= 0 else f"missed by {shown(over)} {self.unit}"


def row(what: str, value: float, unit: str, peer: str, peer_value: float) -> Row:
    """A row with figures as precise as their size allows."""
    return Row(what=what, value=rounded(value), unit=unit, peer=peer, peer_value=rounded(peer_value))


def rounded(value: float) -> Decimal:
    """To the thousandth below 10, to the tenth below 1,000, else whole."""
    return Decimal(f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1_000 else f"{value:.0f}")


def shown(value: float | Decimal | int) -> str:
    """A figure for the table."""
    return f"{rounded(float(value)):,}"


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The smallest value that 99 of 100 are not above."""
    ordered = sorted(values)
    return ordered[max(-(-99 * len(ordered) // 100), 1) - 1]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the straight line through the points, by least squares."""
    return statistics.linear_regression(xs, ys).slope


def size_name(size: int) -> str:
    """``10 KB``."""
    return f"{size // 1_000} KB" if size < 1_000_000 else f"{size // 1_000_000} MB"
