"""What the crash loops share: the tree of an undisturbed run, and the report of a soak."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import TASKS, Play, tree
from .nursery import Nursery
from .report import REPORT, Report


@pytest.fixture
def report() -> Report:
    """Where a loop says what it found."""
    path = os.environ.get(REPORT)
    return Report(Path(path) if path else None)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where the processes come from."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def control(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> dict[str, str]:
    """The tree that an undisturbed run leaves."""
    with Play(tmp_path_factory.mktemp("control"), nursery) as play:
        assert play.exit_of(play.run(*TASKS)) == 0
        left = tree(play.workspace, with_ours=True)
        findings = play.check_end(left)
        assert not findings.problems and not findings.repeats
        assert play.ask("usage")["held_usd"] == "0"
        assert Counter(row["outcome"] for row in play.log())["refused"] == len(TASKS)
        assert {row["outcome"] for row in play.log()} == {"complete", "refused"}
        # The control run is held against the script, so that a run that does nothing is no control.
        assert {path for path, states in play.states.items() if len(states) > 1} >= {"parcel/rates.py"}
        assert all(left[path] in states for path, states in play.states.items())
    return left
