"""What a user decides about a task and its run on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.program import SPEC, Simulator, User, make_workspace, simulator

CUT = {"faults": [{"when": {"task": "1", "tool_results": 1}, "kind": "cut", "after_chunks": 1}]}
STEPS = {
    "replies": [
        {"when": {"task": "1", "tool_results": 0}, "tool_calls": [{"name": "list_files", "input": {"path": "."}}]}
    ]
}
TASKS = ".kiro/specs/demo/tasks.md"


@pytest.fixture
def paused(tmp_path: Path) -> Any:
    """A user whose first task was cut off after its first step."""
    workspace = make_workspace(tmp_path / "workspace")
    with simulator(tmp_path / "sim", {**STEPS, **CUT}) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert done.code == 3, done.err
        yield user, sim, done.last()["run"]


def state(user: User, run: str) -> tuple[str, str | None]:
    (found,) = [each for each in user.do("runs", "--json").json()["runs"] if each["run"] == run]
    return found["state"], found["reason"]


def test_a_run_whose_task_was_ticked_by_hand_is_not_resumed_unasked(paused: tuple[User, Simulator, str]) -> None:
    user, sim, run = paused
    ticked = SPEC.replace("- [ ] 1.", "- [x] 1.")
    (user.cwd / TASKS).write_text(ticked)
    sent = len(sim.log())
    done = user.do("resume", run)
    assert done.code == 3
    assert "ticked by hand" in done.err
    assert f"bursar stop {run}" in done.err
    assert (len(sim.log()), state(user, run)) == (sent, ("paused", "cut"))
    assert (user.cwd / TASKS).read_text() == ticked
    (user.cwd / TASKS).write_text(SPEC)
    assert user.do("resume", run).code == 0
    assert (user.cwd / TASKS).read_text() == ticked


GROUP = """\
# Plan

- [ ] 1. Group
  - [ ] 1.1 One
  - [ ]* 1.2 Optional
  - [ ] 1.3 Two
- [ ] 2. Other
"""


def test_a_parent_stands_for_the_open_tasks_below_it(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", GROUP)
    with simulator(tmp_path / "sim") as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        dry = user.do("run", ".kiro/specs/demo", "--task", "1", "--dry-run", "--json")
        assert [each["task"] for each in dry.events()] == ["1.1", "1.3"]
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert done.code == 0, done.err
        assert [each["task"] for each in done.events() if each["kind"] == "run_started"] == ["1.1", "1.3"]
        assert [each["task"] for each in done.events() if each["kind"] == "ticked"] == ["1.1", "1.3", "1"]
        assert (workspace / TASKS).read_text() == GROUP.replace("[ ] 1. ", "[x] 1. ").replace(
            "[ ] 1.1", "[x] 1.1"
        ).replace("[ ] 1.3", "[x] 1.3")


def test_skip_stops_the_run_and_leaves_the_task_out_until_it_is_run_by_itself(
    paused: tuple[User, Simulator, str],
) -> None:
    user, _, run = paused
    before = (user.cwd / TASKS).read_bytes()
    skipped = user.do("skip", "1", "--json").json()
    Draft202012Validator(load_schema("skip")).validate(skipped)
    assert skipped == {"spec": TASKS, "task": "1", "skipped": True, "stopped": run}
    assert state(user, run) == ("failed", "stopped")
    assert (user.cwd / TASKS).read_bytes() == before, "it is recorded in the journal"
    dry = user.do("run", ".kiro/specs/demo", "--dry-run", "--json")
    assert [each["task"] for each in dry.events()] == ["2"]
    lenses = user.do("check", TASKS, "--json").json()["files"][0]["lenses"]
    assert [each["title"] for each in lenses if each["line"] == 2][1].startswith("Skipped · Run · first request")
    assert user.do("run", ".kiro/specs/demo", "--task", "1", "--json").code == 0
    (user.cwd / TASKS).write_bytes(before)
    dry = user.do("run", ".kiro/specs/demo", "--dry-run", "--json")
    assert [each["task"] for each in dry.events()] == ["1", "2"]


def test_retry_pays_for_nothing_that_is_done(paused: tuple[User, Simulator, str]) -> None:
    user, sim, old = paused
    assert user.do("stop", old).code == 0
    shown = user.do("check", TASKS, "--json").json()["files"][0]["lenses"]
    assert next(each["title"] for each in shown if each["line"] == 2) == "Retry · 2 steps kept"
    sent = len(sim.log())
    done = user.do("retry", "1", "--json")
    assert done.code == 0, done.err
    events = done.events()
    for event in events:
        Draft202012Validator(load_schema("run-event")).validate(event)
    assert (events[0]["kind"], events[-1]["kind"]) == ("run_started", "run_finished")
    assert events[0]["run"] != old
    assert next(each["n"] for each in events if each["kind"] == "request_started") == 2
    assert len(sim.log()) > sent
    hashes = [each["sha256_of_body"] for each in sim.log() if each["outcome"] == "complete"]
    assert len(hashes) == len(set(hashes))
    again = user.do("retry", "1")
    assert (again.code, "done or set aside" in again.err) == (2, True)


def test_defer_parks_a_task_and_resume_leaves_it_until_its_moment(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    with simulator(tmp_path / "sim") as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        parked = user.do("defer", "1", "--until", "2099-01-01T10:00:00+01:00", "--json").json()
        Draft202012Validator(load_schema("defer")).validate(parked)
        assert (parked["task"], parked["until"]) == ("1", "2099-01-01T09:00:00.000Z")
        assert state(user, parked["run"]) == ("paused", "deferred")
        left = user.do("resume")
        assert (left.code, sim.log()) == (0, [])
        assert f"'bursar resume {parked['run']}' goes on at once" in left.err
        for until, why in (("cheap", "no cheaper hours"), ("reset", "no limit of sim is known"), ("soon", "no moment")):
            refused = user.do("defer", "2", "--until", until)
            assert (refused.code, why in refused.err) == (2, True), refused.err
        held = user.do("pause", parked["run"])
        assert "waits no longer for 2099-01-01 09:00:" in held.out
        assert state(user, parked["run"]) == ("paused", "asked")
        assert "nothing to pause" in user.do("pause", parked["run"]).out
        assert user.do("resume", parked["run"]).code == 0
        assert "- [x] 1." in (workspace / TASKS).read_text()


def test_a_task_is_looked_for_in_the_only_spec_below_the_folder(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    user = User(home=tmp_path / "home", cwd=workspace)
    (workspace / "node_modules" / "x").mkdir(parents=True)
    (workspace / "node_modules" / "x" / "tasks.md").write_text(SPEC)
    assert user.do("skip", "1").code == 0
    (workspace / ".kiro" / "specs" / "other").mkdir()
    (workspace / ".kiro" / "specs" / "other" / "tasks.md").write_text(SPEC)
    several = user.do("skip", "1")
    assert several.code == 2
    assert ".kiro/specs/demo/tasks.md, .kiro/specs/other/tasks.md" in several.err
    assert user.do("skip", "1", "--spec", ".kiro/specs/other").code == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    none = user.do("skip", "1", cwd=empty)
    assert (none.code, "--spec PATH" in none.err) == (2, True)


def test_all_tasks_below_a_parent_can_be_skipped(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", GROUP)
    user = User(home=tmp_path / "home", cwd=workspace)
    for task in ("1.1", "1.3"):
        assert user.do("skip", task).code == 0
    done = user.do("run", ".kiro/specs/demo", "--task", "1", "--dry-run", "--json")
    assert (done.code, done.out) == (0, "")


def test_a_check_by_the_tests_of_a_requirement_with_real_programs(tmp_path: Path) -> None:
    lines = SPEC.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("- [ ] 1."))
    spec = "".join([*lines[: at + 1], "  - _Check: requirement 1.2_\n", *lines[at + 1 :]])
    workspace = make_workspace(tmp_path / "workspace", spec)
    with simulator(tmp_path / "sim") as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        user.settings(test_command="python3 -m unittest")
        nothing = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert (nothing.code, nothing.last()["reason"]) == (3, "check")
        assert "No test names requirement 1.2" in nothing.last()["detail"]
        run = nothing.last()["run"]
        test = workspace / "tests" / "test_it.py"
        test.parent.mkdir()
        test.write_text(
            "import unittest\nclass It(unittest.TestCase):\n    def test_it(self):  # Requirement 1.2\n        pass\n"
        )
        unasked = user.do("resume", run, "--json")
        assert (unasked.code, unasked.last()["reason"]) == (3, "check")
        assert "did not allow the command" in unasked.last()["detail"]
        sent = len(sim.log())
        done = user.do("resume", run, "--allow-run", "python3 -m unittest tests/test_it.py", "--json")
        assert (done.code, done.last()["reason"]) == (0, "done"), done.out
        assert len(sim.log()) == sent
    assert "- [x] 1." in (workspace / TASKS).read_text()


def test_a_task_is_accepted_on_the_users_word(tmp_path: Path) -> None:
    workspace = make_workspace(
        tmp_path / "workspace", SPEC.replace("\n- [ ] 2.", "\n  - _Check: `false`_\n- [ ] 2.", 1)
    )
    finish = {"when": {"task": "1"}, "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]}
    with simulator(tmp_path / "sim", {"replies": [finish]}) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        paused = user.do("run", ".kiro/specs/demo", "--task", "1", "--allow-run", "false", "--json")
        assert (paused.code, paused.last()["reason"]) == (3, "check")
        run = paused.last()["run"]
        sent = len(sim.log())
        done = user.do("accept", run, "--json")
        assert done.code == 0, done.err
        assert [each["kind"] for each in done.events()] == ["accepted", "ticking", "ticked", "run_finished"]
        for event in done.events():
            Draft202012Validator(load_schema("run-event")).validate(event)
        assert (done.last()["reason"], done.last()["cost_usd"]) == ("accepted", paused.last()["cost_usd"])
        assert len(sim.log()) == sent
        assert "- [x] 1." in (workspace / TASKS).read_text()
        again = user.do("accept", run)
        assert (again.code, "has ended" in again.err) == (2, True)


def test_priorities_and_a_wish_order_what_is_run(tmp_path: Path) -> None:
    tasks = GROUP.replace("- [ ] 2. Other\n", "- [ ] 2. Other\n  - _Priority: high_\n")
    graph = '\n## Task Dependency Graph\n\n```json\n{"waves": [{"tasks": ["1"]}, {"tasks": ["2"]}]}\n```\n'
    workspace = make_workspace(tmp_path / "workspace", tasks)
    user = User(home=tmp_path / "home", cwd=workspace)

    def order(*args: str) -> list[str]:
        done = user.do("run", ".kiro/specs/demo", "--dry-run", "--json", *args)
        assert done.code == 0, done.err
        return [each["task"] for each in done.events()]

    assert order() == ["2", "1.1", "1.3"]
    assert order("--first", "1.3") == ["1.3", "2", "1.1"]
    assert order("--task", "1", "--task", "2") == ["1.1", "1.3", "2"], "what was asked for in an order has it"
    wrong = user.do("run", ".kiro/specs/demo", "--dry-run", "--first", "1.2")
    assert (wrong.code, "cannot be first" in wrong.err) == (2, True)
    (workspace / TASKS).write_text(tasks + graph)
    waits = user.do("run", ".kiro/specs/demo", "--dry-run", "--json", "--first", "2")
    assert [each["task"] for each in waits.events()] == ["1.1", "1.3", "2"]
    assert "1.1 is run before 2, which the Task Dependency Graph puts into a later wave" in waits.err
