"""What was spent under each key of a dimension, as a report lists it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.money.rolls import RollDimension, RollRow, Sums
from bursar.domain.money.speed import Speed, Timed, speeds

SpendKey = Literal["day", "model", "task", "file", "session", "agent", "prompt"]
MOST_TIMED = 500
"""Over how many of the newest requests speed is told."""
BELOW_WORKSPACE = ("task", "file")
"""Keys that name something in a folder: the same name in two folders is two."""
_NO_TASK = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Sums of the store at one moment: under each key, over all of Bursar's own, and over all other agents'.

    ``left_out`` keys are not among the rows, because only the dearest were asked for.
    """

    rows: Sequence[RollRow]
    left_out: int = 0
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


def spend_lines(by: SpendKey, spending: Spending) -> list[SpendLine]:
    """A line for each key: days in their order, all else by what it cost, the dearest first."""
    sums: dict[str, Sums] = {}
    for row in spending.rows:
        key = _key(by, row)
        sums[key] = sums[key] + row.sums if key in sums else row.sums
    fast = speeds(spending.timed)
    lines = [SpendLine(key=key, sums=each, speed=fast.get(key)) for key, each in sums.items()]
    if by == "day":
        return sorted(lines, key=lambda each: each.key)
    return sorted(
        lines, key=lambda each: (-each.sums.cost_pico, -each.sums.at_most_pico, -each.sums.requests, each.key)
    )


def placed(workspace: str, key: str) -> str:
    """A task or a file as it is named everywhere: below its workspace. Empty for none."""
    return "" if key in ("", _NO_TASK) else f"{workspace}/{key}"


def _key(by: SpendKey, row: RollRow) -> str:
    if by == "day":
        return row.local_day
    if by == "agent":
        return row.agent
    return placed(row.workspace, row.key) if by in BELOW_WORKSPACE else row.key
