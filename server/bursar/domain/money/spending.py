"""What was spent under each key of a dimension, as a report lists it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.money.rolls import OWN_AGENT, RollDimension, RollRow, Sums
from bursar.domain.money.speed import Speed, Timed, speeds

SpendKey = Literal["day", "model", "task", "file", "session", "agent", "prompt"]
MOST_TIMED = 2_000
"""Over how many of the newest requests speed is told."""
_BELOW_WORKSPACE = ("task", "file")
_NO_TASK = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Sums of the store at one moment: under each key, over all of Bursar's own, and over all other agents'."""

    rows: Sequence[RollRow]
    own: Sums
    others: Sums
    held_pico: int
    timed: Sequence[Timed]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLine:
    """One line of a report; ``key`` is empty for what belongs to none."""

    key: str
    sums: Sums
    speed: Speed | None = None


def roll_of(by: SpendKey) -> RollDimension:
    """Where the sums for these keys are kept; agents have few models, and each row names its agent."""
    return "model" if by == "agent" else by


def spend_lines(by: SpendKey, spending: Spending, *, all_agents: bool) -> list[SpendLine]:
    """A line for each key: days in their order, all else by what it cost, the dearest first.

    Other agents are only in it with ``all_agents``.
    """
    sums: dict[str, Sums] = {}
    for row in spending.rows:
        if all_agents or row.agent == OWN_AGENT:
            key = _key(by, row)
            sums[key] = sums[key] + row.sums if key in sums else row.sums
    fast = speeds(spending.timed)
    lines = [SpendLine(key=key, sums=each, speed=fast.get(key)) for key, each in sums.items()]
    if by == "day":
        return sorted(lines, key=lambda each: each.key)
    return sorted(
        lines, key=lambda each: (-each.sums.cost_pico, -each.sums.at_most_pico, -each.sums.requests, each.key)
    )


def add_up(rows: Iterable[RollRow]) -> Sums:
    """All of them together."""
    total = Sums()
    for row in rows:
        total += row.sums
    return total


def placed(workspace: str, key: str) -> str:
    """A task or a file as it is named everywhere: below its workspace. Empty for none."""
    return "" if key in ("", _NO_TASK) else f"{workspace}/{key}"


def _key(by: SpendKey, row: RollRow) -> str:
    if by == "day":
        return row.local_day
    if by == "agent":
        return row.agent
    return placed(row.workspace, row.key) if by in _BELOW_WORKSPACE else row.key
