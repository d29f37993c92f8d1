"""Many processes under one budget: it is never passed, and what real answers leave of it can be used."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from benchmarks.budget.play import play

LIMIT_PICO = 15 * 10**11


def test_eight_processes_use_nearly_all_of_a_budget_and_never_pass_it(tmp_path: Path) -> None:
    """Real costs are 30 % of the naive worst case; ``make bench-budget`` plays the same at full size."""
    played = play(tmp_path / "home", processes=8, count=30, limit_pico=LIMIT_PICO)
    assert played.refused > 0, "the budget never bound: this test shows nothing"
    assert played.overshoot_pico == 0
    assert played.billed_pico <= LIMIT_PICO
    assert played.held_pico == 0
    assert played.usable >= Fraction(95, 100), played
    assert played.granted + played.refused == 8 * 30


def test_the_control_that_checks_first_and_adds_then_is_found_out(tmp_path: Path) -> None:
    """The same load, checked by a read of its own before the money is held: the oracle above must see it pass."""
    limit_pico = LIMIT_PICO // 20
    played = play(tmp_path / "home", processes=8, count=4, limit_pico=limit_pico, how="check-then-add")
    assert played.most_pico > limit_pico
    assert played.overshoot_pico > 0
