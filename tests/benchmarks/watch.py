"""``python -m benchmarks.watch [--seeds N]``: how often the regression watch is wrong, and how soon it is right.

Histories of tasks are drawn with seeds. Stationary ones say how often there is a false alarm; in others everything
costs more from the 41st task on. Beside it stands the rule that one would write first: the last five have a median of
at least 1.5 times that of all before them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import random
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal

from benchmarks import report
from bursar.domain.money.watch import LEARN, MATERIAL_PERCENT, SLACK, THRESHOLD, median, shifts, standing

LENGTH = 150
STEP_AT = 40
LAST = 5
PEER = "median of the last 5 is 1.5 times that before"
Draw = Callable[[random.Random], float]
SHAPES: dict[str, Draw] = {
    "lognormal, spread 0.2": lambda chance: chance.lognormvariate(0, 0.2),
    "lognormal, spread 0.6": lambda chance: chance.lognormvariate(0, 0.6),
    "heavy tails (Pareto 1.2)": lambda chance: chance.paretovariate(1.2),
    "two kinds of tasks": lambda chance: chance.lognormvariate(3 if chance.random() < 0.3 else 0, 0.2),
    "one in twenty fails": lambda chance: float(chance.random() < 0.05),
}
SPREADS = (0.2, 0.4, 0.6)
FACTORS = (1.5, 2.0)


def history(draw: Draw, seed: int, *, factor: float = 1.0) -> list[int]:
    """The figures of ``LENGTH`` tasks in their order, from ``STEP_AT`` on so many times as much."""
    chance = random.Random(seed)
    return [int(1e9 * draw(chance) * (factor if i >= STEP_AT else 1.0)) for i in range(LENGTH)]


def ours(figures: Sequence[int]) -> list[int]:
    """After how many tasks each alarm comes."""
    return [each.found + 1 for each in shifts(figures)]


def plain(figures: Sequence[int]) -> list[int]:
    """The same of the rule that one would write first."""
    for end in range(LEARN + LAST, len(figures) + 1):
        before = median(figures[: end - LAST])
        if median(figures[end - LAST : end]) * 2 >= before * 3 and before:
            return [end]
    return []


def percent(part: int, whole: int) -> Decimal:
    """A share with one decimal."""
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"))


def main() -> int:
    """Draw, print and write."""
    parser = argparse.ArgumentParser(prog="bench-watch", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="histories of each kind")
    seeds = parser.parse_args().seeds
    say(f"{seeds} histories of {LENGTH} tasks each; threshold {THRESHOLD}, slack {SLACK}, {LEARN} learnt from.\n")
    rows = [*false_alarms(seeds), *delays(seeds)]
    version = importlib.metadata.version("bursar")
    say(f"\n{report.write('watch', rows, {'bursar': version})}")
    return 0


def false_alarms(seeds: int) -> list[report.Row]:
    """The share of stationary histories with an alarm, and of those with one that is worth a word."""
    say(f"{'False alarms: histories with one':42}{'alarm':>8}{'told':>8}{'plain rule':>12}")
    rows = []
    for name, draw in SHAPES.items():
        drawn = [history(draw, seed) for seed in range(seeds)]
        alarms = percent(sum(bool(ours(each)) for each in drawn), seeds)
        told = percent(sum(standing(each) is not None for each in drawn), seeds)
        wrong = percent(sum(bool(plain(each)) for each in drawn), seeds)
        say(f"  {name:40}{alarms:>7}%{told:>7}%{wrong:>11}%")
        for what, value in (("alarms", alarms), (f"told (by {MATERIAL_PERCENT}% and still)", told)):
            rows.append(report.Row(what=f"false {what}, {name}", value=value, unit="%", peer=PEER, peer_value=wrong))
    return rows


def delays(seeds: int) -> list[report.Row]:
    """How many histories show a step, and after how many tasks the median one does."""
    say(f"\n{'A step after 40 tasks':42}{'found':>8}{'median delay':>14}{'plain rule':>20}")
    rows = []
    for spread in SPREADS:
        for factor in FACTORS:
            drawn = [history(lambda c, s=spread: c.lognormvariate(0, s), n, factor=factor) for n in range(seeds)]  # type: ignore[misc]
            mine, other = (after_step(rule, drawn) for rule in (ours, plain))
            name = f"{factor} times, spread {spread} (usual range x{math.exp(1.28 * 2 * spread):.1f})"
            say(
                f"  {name:40}{percent(len(mine), seeds):>7}%{middle(mine, seeds):>9} tasks"
                f"{percent(len(other), seeds):>9}% {middle(other, seeds):>4} tasks"
            )
            for what, one, two in (
                ("found", percent(len(mine), seeds), percent(len(other), seeds)),
                ("delay", Decimal(middle(mine, seeds)), Decimal(middle(other, seeds))),
            ):
                unit = "%" if what == "found" else "tasks"
                rows.append(report.Row(what=f"{what}, {name}", value=one, unit=unit, peer=PEER, peer_value=two))
    return rows


def after_step(rule: Callable[[Sequence[int]], list[int]], drawn: Sequence[Sequence[int]]) -> list[int]:
    """The first alarm after the step, counted from it, of the histories that had none before."""
    found = []
    for each in drawn:
        alarms = rule(each)
        if alarms and alarms[0] > STEP_AT:
            found.append(alarms[0] - STEP_AT)
    return found


def middle(found: Sequence[int], seeds: int) -> int:
    """The median over all histories; the rest of the history where that one shows nothing."""
    return sorted([*found, *[LENGTH - STEP_AT] * (seeds - len(found))])[seeds // 2]


def say(text: str) -> None:
    """A line of the table."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
