"""Seeds of whole worlds: nothing is wrong in any of them, and each is the same, byte for byte, in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from crash.report import REPORT, Report

from .mutations import DRAWING, FAULTY, WANDERING
from .play import Played, play
from .scene import Mutation

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parents[1] / "fixtures" / "seeds" / "seeds.json"
SHORT = range(1, 26)
LONG = range(1, 501)
NAMELESS = 1
"""A seed in which an answer comes without an id."""
LOOP, CONTROL = "simulation", "simulated faults"


def report() -> Report:
    """Where a soak collects what its loops found."""
    path = os.environ.get(REPORT)
    return Report(Path(path) if path else None)


def another_process(first: int, last: int) -> subprocess.Popen[str]:
    """The same seeds where sets and dicts of words have another order."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulation", "--digest", f"{first}-{last}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        stdout=subprocess.PIPE,
        text=True,
    )


def played_twice(seeds: range) -> tuple[list[Played], list[int]]:
    """The seeds as they are played here, and those that were another in another process."""
    elsewhere = another_process(seeds[0], seeds[-1])
    try:
        here = [play(seed) for seed in seeds]
        said = dict(line.split() for line in elsewhere.communicate()[0].splitlines())
    finally:
        elsewhere.kill()
        elsewhere.wait()
    return here, [each.seed for each in here if said.get(str(each.seed)) != each.digest]


def judge(seeds: range) -> None:
    """Play the seeds, report, and fail with the seeds that found something."""
    here, differ = played_twice(seeds)
    wrong = [f"seed {each.seed}: {each.problems[0]}" for each in here if each.problems]
    wrong += [f"seed {seed}: its log is another one in another process" for seed in differ]
    deaths, faults = Counter[str](), Counter[str]()
    for each in here:
        deaths.update(each.deaths)
        faults.update(each.faults)
    struck = deaths.total() - deaths["the end"]
    print(
        f"\nsimulation: {len(here)} seeds twice, {struck} deaths at {len(deaths) - 1} places,"
        f" {faults.total()} faults of {len(faults)} kinds, {len(wrong)} wrong"
    )
    again = sum("again" in each or "applied" in each or "was run" in each for each in wrong)
    report().add(LOOP, kills={"simulated": struck}, repeated=again, lost=len(wrong) - again)
    plays = "\n".join(f"python -m tests.simulation {each.seed}" for each in here if each.problems)
    assert not wrong, "\n".join([*wrong, "To play them again:", plays])
    # The hand has struck at all: a world in which nothing happens is none.
    assert struck > len(here)
    assert faults.total() > len(here)


@pytest.mark.soak_short
def test_nothing_is_wrong_in_any_seed_and_each_is_the_same_in_another_process() -> None:
    judge(SHORT)


@pytest.mark.soak
def test_nothing_is_wrong_in_five_hundred_seeds() -> None:
    judge(LONG)


@pytest.mark.soak_short
@pytest.mark.parametrize("mutation", FAULTY, ids=lambda each: each.name)
def test_a_fault_that_is_put_into_the_world_is_found(mutation: Mutation) -> None:
    seeds = range(mutation.first_seed, mutation.first_seed + 60)
    found = next((each for each in map(lambda seed: play(seed, mutation), seeds) if each.problems), None)
    report().add(CONTROL, control=0 if found is None else 1)
    assert found is not None, f"{mutation.name}: not found in {len(seeds)} seeds"


@pytest.mark.soak_short
@pytest.mark.parametrize("mutation", [WANDERING, DRAWING], ids=lambda each: each.name)
def test_what_comes_past_a_port_shows_as_another_log(mutation: Mutation) -> None:
    logs = {play(NAMELESS, mutation).digest for _ in range(3)}
    report().add(CONTROL, control=int(len(logs) > 1))
    assert len(logs) > 1
    assert play(NAMELESS).digest == play(NAMELESS).digest


@pytest.mark.parametrize("kept", json.loads(KEPT.read_text("utf-8")), ids=lambda each: str(each["seed"]))
def test_a_seed_that_once_found_something_finds_nothing_now(kept: dict[str, object]) -> None:
    assert play(int(str(kept["seed"]))).problems == (), kept["found"]
