"""The change detector: silent on figures that do not change, soon certain where they do; measured with seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from bursar.domain.money.watch import LEARN, median, shifts, standing

LENGTH = 150
SEEDS = 200
Draw = Callable[[random.Random], float]
SHAPES: dict[str, Draw] = {
    "lognormal": lambda chance: chance.lognormvariate(0, 0.6),
    "heavy tails": lambda chance: chance.paretovariate(1.2),
    "two kinds of tasks": lambda chance: chance.lognormvariate(3 if chance.random() < 0.3 else 0, 0.2),
    "mostly zero": lambda chance: float(chance.random() < 0.05),
}


def series(draw: Draw, seed: int, *, step_at: int = LENGTH, factor: float = 1.0, length: int = LENGTH) -> list[int]:
    chance = random.Random(seed)
    return [int(1e9 * draw(chance) * (factor if i >= step_at else 1.0)) for i in range(length)]


@pytest.mark.parametrize("shape", SHAPES)
def test_false_alarms_are_as_rare_for_every_distribution(shape: str) -> None:
    """At most one in twenty histories of 150 tasks has one; the rate of a threshold is that of its ranks."""
    alarms = sum(bool(shifts(series(SHAPES[shape], seed))) for seed in range(SEEDS))
    assert alarms <= SEEDS // 20


def test_control_dependent_figures_do_alarm() -> None:
    """Were the detector deaf, the test above could not fail: a random walk is found in nearly every history."""
    alarms = 0
    for seed in range(SEEDS):
        chance, level, walk = random.Random(seed), 0.0, []
        for _ in range(LENGTH):
            level += chance.gauss(0.03, 0.2)
            walk.append(int(1e6 * math.exp(level)))
        alarms += bool(shifts(walk))
    assert alarms > SEEDS * 3 // 4


@pytest.mark.parametrize(("spread", "found_share", "delay"), [(0.2, 0.99, 8), (0.4, 0.8, 25)])
def test_half_as_much_again_is_found(spread: float, found_share: float, delay: int) -> None:
    """A step to 1.5 times after 40 tasks: how many histories show it within 100 more, and when the median one does."""
    delays = []
    for seed in range(SEEDS):
        figures = series(lambda chance: chance.lognormvariate(0, spread), seed, step_at=40, factor=1.5, length=140)
        after = [each.found - 39 for each in shifts(figures) if each.found >= 40]
        delays += after[:1]
    assert len(delays) >= found_share * SEEDS
    assert sorted(delays)[len(delays) // 2] <= delay


def test_a_step_is_dated_and_told_with_figures_that_were_measured() -> None:
    quiet, dear = [100, 110, 90, 105, 95] * 6, [300, 310, 290]
    (shift,) = shifts(quiet + dear * 6)
    assert (shift.began, shift.regime, shift.end) == (30, 0, 48)
    assert shift.found < 40
    assert (shift.before, shift.after) == (100, 300)
    assert standing(quiet + dear * 6) == shift


def test_what_has_passed_does_not_stand() -> None:
    quiet, dear = [100, 110, 90, 105, 95] * 6, [300, 310, 290]
    recovered = quiet + dear * 5 + quiet
    assert shifts(recovered)
    assert standing(recovered) is None


def test_a_small_change_is_not_worth_a_word() -> None:
    figures = [1_000 + i % 7 for i in range(40)] + [1_100 + i % 7 for i in range(40)]
    assert shifts(figures)
    assert standing(figures) is None
    assert standing(figures, material_percent=5) is not None


def test_better_is_no_finding() -> None:
    assert shifts([300 + i % 5 for i in range(40)] + [100 + i % 5 for i in range(40)]) == ()


@pytest.mark.parametrize("figures", [[], [5], [5] * 500, list(range(LEARN))])
def test_too_little_and_all_alike_say_nothing(figures: list[int]) -> None:
    assert shifts(figures) == ()
    assert standing(figures) is None


def test_a_second_step_is_found_in_the_new_regime() -> None:
    figures = [100 + i % 7 for i in range(40)] + [200 + i % 7 for i in range(40)] + [400 + i % 7 for i in range(40)]
    one, two = shifts(figures)
    # A sum that was not zero when the change came dates it a little earlier.
    assert (one.began, two.began) == pytest.approx((40, 80), abs=2)
    assert (one.before, one.after, two.before, two.after) == (103, 203, 203, 403)


def test_the_median_is_a_figure_that_was_measured() -> None:
    assert median([4, 1, 3, 2]) == 2
    assert median([5]) == 5
