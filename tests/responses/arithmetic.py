"""Reads sums such as ``1200*3/1e6 + 300*15/1e6`` exactly: the expected money of a fixture, without a line of ours."""

from __future__ import annotations

import re
from decimal import Decimal

_TOKEN = re.compile(r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)|(?P<sign>[-+*/()]))")


def money(text: str) -> Decimal:
    """The value of a sum of products; raises ValueError for anything else."""
    tokens = _tokens(text)
    value, rest = _sum(tokens)
    if rest:
        raise ValueError(f"'{text}' goes on after its end: {rest}")
    return value


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"'{text}' cannot be read from {at}")
        found.append(match["number"] or match["sign"])
        at = match.end()
    return found


def _sum(tokens: list[str]) -> tuple[Decimal, list[str]]:
    value, rest = _product(tokens)
    while rest and rest[0] in "+-":
        sign = rest[0]
        term, rest = _product(rest[1:])
        value = value + term if sign == "+" else value - term
    return value, rest


def _product(tokens: list[str]) -> tuple[Decimal, list[str]]:
    value, rest = _factor(tokens)
    while rest and rest[0] in "*/":
        sign = rest[0]
        factor, rest = _factor(rest[1:])
        value = value * factor if sign == "*" else value / factor
    return value, rest


def _factor(tokens: list[str]) -> tuple[Decimal, list[str]]:
    if not tokens:
        raise ValueError("a number is missing")
    if tokens[0] == "(":
        value, rest = _sum(tokens[1:])
        if not rest or rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return value, rest[1:]
    return Decimal(tokens[0]), tokens[1:]
