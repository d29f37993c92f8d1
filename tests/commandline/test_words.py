"""What a command says of what it did: the words and the units are those of what happened."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

from support.program import BURSAR, Simulator, User, simulator

SPEC = ".kiro/specs/demo"


def test_stopping_a_run_that_nobody_drives_ends_it_and_says_so(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    run = user.do("run", SPEC, "--task", "1", "--max", "0.0001usd", "--json").last()["run"]
    stopped = user.do("stop", run)
    assert stopped.out == f"{run} was paused and is stopped for good; what it did and what it cost stay as they are.\n"
    again = user.do("resume", run)
    assert (again.code, again.err) == (2, f"bursar: {run} has ended (stopped): there is nothing to resume\n")


def test_an_unknown_price_is_said_once_in_a_sentence(user: User, sim: Simulator) -> None:
    user.uses(sim.url, model="made-up-9")
    said = user.do("run", SPEC, "--dry-run").err
    assert said.startswith("No price is known for the model 'made-up-9': give its price in a price file")
    assert said.lower().count("no price is known") == 1


def test_ctrl_c_ends_a_question_at_once(user: User, tmp_path: Path) -> None:
    command = {"name": "run_command", "input": {"argv": ["python3", "-m", "unittest"]}}
    prices = {"input": "2", "output": "10"}
    scenario = {
        "models": {"claude-sonnet-5-5": {"wire": "anthropic", "prices": prices}},
        "replies": [{"when": {"tool_results": 0}, "text": "I run the tests.", "tool_calls": [command]}],
    }
    with simulator(tmp_path / "sim", scenario) as sim:
        user.uses(sim.url)
        ours, theirs = pty.openpty()
        environ = {**os.environ, "BURSAR_HOME": str(user.home), **user.environ}
        argv = [*BURSAR, "run", SPEC, "--task", "1"]
        with subprocess.Popen(argv, cwd=user.cwd, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            said = b""
            while b"[3] No" not in said:
                said += os.read(ours, 65536)
            process.send_signal(signal.SIGINT)
            # Nothing is typed: it must not wait for a line.
            assert process.wait(timeout=30) == 3
            said += os.read(ours, 65536)
            os.close(ours)
    assert b"interrupted; 'bursar resume' goes on where it stopped" in said
    (run,) = user.do("runs", "--json").json()["runs"]
    assert (run["state"], run["steps_done"]) == ("paused", 1)
