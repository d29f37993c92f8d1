"""A command that was running at the kill is in doubt: Bursar does not guess, the user says rerun or skip."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import pytest

from .harness import TRAIL, Play
from .nursery import Born, Nursery

WHAT = "tests.test_rates"


@pytest.mark.parametrize(("choice", "times"), [("skip", 1), ("rerun", 2)])
def test_a_command_that_was_cut_off_waits_for_the_user(
    tmp_path: Path, nursery: Nursery, choice: Literal["skip", "rerun"], times: int
) -> None:
    with Play(tmp_path, nursery) as play:
        slow = play.workspace / "slow"
        slow.touch()
        play.states["slow"].add("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        assert play.kill_when(play.run("2.1"), lambda process: not command_runs(play, process)) == -9
        pid = int((play.workspace / TRAIL).read_text().split()[1])
        until(lambda: not lives(pid), "the killed process left its command running")

        assert play.exit_of(play.resume()) == 3
        (run,) = play.ask("runs")["runs"]
        assert (run["state"], run["reason"]) == ("in_doubt", "in_doubt")
        assert [step["what"]["argv"][-1] for step in run["in_doubt"]] == [WHAT]
        sent = len(play.log())
        assert play.exit_of(play.resume()) == 3, "asking again must change nothing"
        assert len(play.log()) == sent
        assert play.commands_run()[WHAT] == 1

        slow.unlink()
        assert play.exit_of(play.resume("--in-doubt", choice)) == 0
        (run,) = play.ask("runs")["runs"]
        assert (run["state"], run["in_doubt"]) == ("finished", [])
        assert play.commands_run()[WHAT] == times
        assert "2.1" not in play.open_tasks()
        findings = play.check()
        assert not findings.problems and not findings.repeats
        told = str(play.log()[-1]["body"]["messages"][-1])
        assert ("treat it as done" in told) == (choice == "skip")


def command_runs(play: Play, process: Born) -> bool:
    """Wait until the model's command has left its line."""
    trail = play.workspace / TRAIL
    until(lambda: process.poll() is not None or (trail.exists() and trail.read_text().endswith("\n")), "no command ran")
    return process.poll() is None


def lives(pid: int) -> bool:
    """Whether the process is there and not only waiting to be collected."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def until(holds: object, else_say: str) -> None:
    """Wait for a condition."""
    assert callable(holds)
    end = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < end, else_say
        time.sleep(0.02)
