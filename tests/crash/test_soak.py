"""The last line of a soak is said only of loops that struck everywhere and of controls that found their fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bursar.system.failpoints import POINTS as NAMED

from .nursery import CHECKPOINT
from .report import REPORT, SEED
from .soak import CONTROLS, FOLDERS, POINTS, verdict
from .soak import REPORT as SOAKS_REPORT
from .soak import SEED as SOAKS_SEED


def rows() -> list[dict[str, Any]]:
    nothing = {"loop": "kills", "kills": {}, "repeated": 0, "lost": 0, "control": None}
    struck = [{**nothing, "kills": dict.fromkeys(POINTS, 2)}, {**nothing, "kills": {"random": 1}}]
    return struck + [{**nothing, "loop": control, "control": 1} for control in CONTROLS]


def test_the_last_line() -> None:
    line, wrong = verdict(rows())
    assert wrong == []
    assert line.startswith(f"soak ok: {2 * len(POINTS) + 1} kills (per point: before_create 2, after_create 2, ")
    assert ", random 3, " in line
    assert line.endswith(f"), 0 repeated, 0 lost, control found {len(CONTROLS)}")
    assert (REPORT, SEED) == (SOAKS_REPORT, SOAKS_SEED)
    assert {*NAMED, CHECKPOINT} < set(POINTS)


def test_a_soak_looks_wherever_there_are_loops() -> None:
    tests = Path(__file__).parents[1]
    marked = {
        path.relative_to(tests).parts[0]
        for path in tests.rglob("test_*.py")
        if any(word in path.read_text("utf-8") for word in ("pytest.mark.soak", "pytest.mark.soak_short"))
    }
    assert marked == set(FOLDERS)


@pytest.mark.parametrize("point", POINTS)
def test_a_point_that_was_never_hit_fails_it(point: str) -> None:
    found = rows()
    for row in found:
        row["kills"].pop(point, None)
    assert verdict(found)[1] == [f"{point} was never hit"]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("ran", [True, False])
def test_a_control_that_found_nothing_fails_it(control: str, ran: bool) -> None:
    found = [{**row, "control": 0} if row["loop"] == control else row for row in rows()]
    if not ran:
        found = [row for row in found if row["loop"] != control]
    assert verdict(found)[1] == [f"the control with {control} found nothing"]


@pytest.mark.parametrize(("what", "said"), [("repeated", "1 repeated, 0 lost"), ("lost", "0 repeated, 1 lost")])
def test_what_was_repeated_or_lost_fails_it(what: str, said: str) -> None:
    assert verdict([*rows(), {**rows()[0], what: 1}])[1] == [said]


def test_nothing_at_all_fails_it() -> None:
    assert len(verdict([])[1]) == len(POINTS) + len(CONTROLS)
