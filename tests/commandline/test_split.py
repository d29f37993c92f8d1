"""Splitting a task on the command line, against the simulated provider and its bill."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.program import BURSAR, SPEC, Done, User, make_workspace, simulator

TASKS = ".kiro/specs/demo/tasks.md"
SCENARIO = {
    "replies": [
        {"when": {"task": "1", "contains": "Split this task"}, "text": "- Choose the words\n- Print them"},
        {"when": {"contains": "Split this task"}, "text": "Why would I?"},
    ]
}
WRITTEN = SPEC.replace("`hello.py`\n", "`hello.py`\n  - [ ] 1.1 Choose the words\n  - [ ] 1.2 Print them\n")


def checked(done: Done) -> Any:
    found = done.json()
    validator = Draft202012Validator(load_schema("split"))
    validator.validate(found)
    for key in found:
        assert not validator.is_valid({f"{each}_" if each == key else each: found[each] for each in found}), key
    return found


def test_split_says_what_it_costs_shows_the_diff_and_writes_after_a_yes(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    # Long enough for the provider to keep it, where it is asked to.
    (workspace / ".kiro/specs/demo/requirements.md").write_text("What is wanted, and why it is wanted.\n" * 400)
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        dry = user.do("split", "1", "--dry-run", "--json")
        before = checked(dry)
        assert (dry.code, before["run"], before["subtasks"], before["cost_usd"]) == (0, None, [], "0")
        assert sim.log() == []

        shown = user.do("split", "1")
        assert shown.code == 3
        assert "+  - [ ] 1.1 Choose the words\n" in shown.out
        assert f"{before['request_tokens']:,} tokens in ~$" in shown.err
        assert "--yes writes these sub-tasks and pays for nothing again" in shown.err
        assert (workspace / TASKS).read_text() == SPEC
        assert len(sim.log()) == 1
        assert "tools" not in sim.log()[0]["body"]

        done = user.do("split", "1", "--yes", "--json")
        after = checked(done)
        assert (done.code, after["written"], after["was_there"]) == (0, True, True)
        assert after["subtasks"] == [
            {"task": "1.1", "title": "Choose the words"},
            {"task": "1.2", "title": "Print them"},
        ]
        assert (workspace / TASKS).read_text() == WRITTEN
        (bill,) = sim.bill()
        assert bill["cost_usd"] == after["cost_usd"]
        billed = bill["billed_tokens"]
        assert (billed["cache_write_5m"], billed["cache_write_1h"]) == (0, 0), "nothing would read it"
        assert billed["uncached_input"] > 1024
        assert after["cost_usd"] <= before["at_most_usd"]
        usage = user.do("usage", "--json").json()
        assert [(each["run"], each["cost_usd"]) for each in usage["requests"]] == [(after["run"], bill["cost_usd"])]
        assert user.do("runs", "--json").json()["runs"] == []
        wrong = user.do("resume", after["run"])
        assert (wrong.code, "no run of a task" in wrong.err) == (2, True)


def test_a_bad_answer_writes_nothing_and_is_booked(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        done = user.do("split", "2", "--yes", "--json")
        found = checked(done)
        assert (done.code, found["written"], found["subtasks"]) == (1, False, [])
        assert "line 1 does not begin with '- '" in found["message"]
        assert found["message"] in done.err
        assert (workspace / TASKS).read_text() == SPEC
        assert sim.bill()[0]["cost_usd"] == found["cost_usd"] != "0"
        broke = user.do("split", "1", "--max", "0.001usd")
        assert (broke.code, len(sim.log())) == (3, 1)
        assert "Nothing was sent" in broke.err


def test_a_terminal_asks(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        ours, theirs = pty.openpty()
        env = {"PATH": os.environ["PATH"], "BURSAR_HOME": str(user.home), **user.environ, "TERM": "dumb"}
        with subprocess.Popen(
            [*BURSAR, "split", "1"], cwd=workspace, env=env, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            heard = _until(ours, b"[2] Leave the file as it is")
            os.write(ours, b"1\n")
            assert process.wait(60) == 0, heard
        os.close(ours)
    assert (workspace / TASKS).read_text() == WRITTEN


def _until(terminal: int, words: bytes) -> bytes:
    heard = b""
    ends = time.monotonic() + 60
    while words not in heard:
        assert time.monotonic() < ends, heard
        if select.select([terminal], [], [], 1)[0]:
            heard += os.read(terminal, 65536)
    return heard
