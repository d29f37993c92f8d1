"""The example workspace and its scripted model fit together: each task's scripted edits turn its own tests green."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bursar.demo import (
    ALLOWED_COMMANDS,
    KILL_TASK,
    KILL_TOOL_RESULTS,
    LIMIT_TASK,
    MODEL,
    SPEC,
    copy_workspace,
    scenario_path,
    workspace_path,
)

MODULES = {
    "2.1": "tests.test_rates",
    "2.2": "tests.test_surcharges",
    "3.1": "tests.test_quoting",
    "3.2": "tests.test_cli",
}
TOOLS = {
    "list_files": {"path"},
    "read_file": {"path"},
    "search": {"pattern"},
    "edit_file": {"path", "old", "new"},
    "write_file": {"path", "content"},
    "run_command": {"argv"},
    "finish": {"summary"},
}
OPTIONAL = {"read_file": {"first_line", "last_line"}, "search": {"path"}}

Reply = dict[str, Any]
Call = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def scenario() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(scenario_path().read_bytes())
    return loaded


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return copy_workspace(tmp_path / "workspace")


def test_red_before_and_green_after_task_by_task(scenario: dict[str, Any], workspace: Path) -> None:
    assert unittest_exit(workspace) == 1
    done: list[str] = []
    for task, module in MODULES.items():
        assert unittest_exit(workspace, module) == 1, f"{module} is green before task {task}"
        for name, given in calls_of(scenario, task):
            play(workspace, name, given)
        for earlier in (*done, module):
            assert unittest_exit(workspace, earlier) == 0, f"{earlier} is red after task {task}"
        done.append(module)
    assert unittest_exit(workspace) == 0


def test_the_tests_of_what_is_done_are_green_from_the_start(workspace: Path) -> None:
    assert unittest_exit(workspace, "tests.test_model", "tests.test_zones") == 0


def test_each_command_is_green_when_the_script_runs_it(scenario: dict[str, Any], workspace: Path) -> None:
    asked = []
    for task in MODULES:
        for name, given in calls_of(scenario, task):
            play(workspace, name, given)
            if name == "run_command":
                asked.append(tuple(given["argv"]))
                assert given["argv"][:4] == ["python3", "-m", "unittest", "-q"]
                assert unittest_exit(workspace, *given["argv"][4:]) == 0
    assert tuple(asked) == ALLOWED_COMMANDS


def test_every_read_and_search_finds_something(scenario: dict[str, Any], workspace: Path) -> None:
    for task in MODULES:
        for name, given in calls_of(scenario, task):
            play(workspace, name, given)
            if name == "list_files":
                assert (workspace / given["path"]).is_dir()
            elif name == "read_file":
                lines = (workspace / given["path"]).read_text("utf-8").splitlines()
                assert 1 <= given.get("first_line", 1) <= given.get("last_line", 1) <= len(lines)
            elif name == "search":
                pattern = re.compile(given["pattern"], re.MULTILINE)
                files = (workspace / given["path"]).rglob("*.py")
                assert any(pattern.search(file.read_text("utf-8")) for file in files)


@pytest.mark.parametrize("task", MODULES)
def test_the_chain_of_replies_has_no_hole(scenario: dict[str, Any], task: str) -> None:
    replies = replies_of(scenario, task)
    assert 5 <= len(replies) <= 8
    results = 0
    for reply in replies:
        assert reply["when"] == {"task": task, "tool_results": results}
        assert reply["text"] and reply["tool_calls"]
        results += len(reply["tool_calls"])
    assert [call["name"] for reply in replies for call in reply["tool_calls"]].count("finish") == 1
    assert replies[-1]["tool_calls"][-1]["name"] == "finish"


def test_every_call_has_the_inputs_of_its_tool(scenario: dict[str, Any]) -> None:
    for task in MODULES:
        for name, given in calls_of(scenario, task):
            assert TOOLS[name] <= given.keys() <= TOOLS[name] | OPTIONAL.get(name, set())


def test_the_script_is_for_the_open_required_tasks_in_their_order(scenario: dict[str, Any]) -> None:
    tasks = (workspace_path() / SPEC / "tasks.md").read_text("utf-8")
    assert re.findall(r"^ +- \[ \] (\d\.\d) ", tasks, re.MULTILINE) == list(MODULES)
    assert len(re.findall(r"^ +- \[x\] \d\.\d ", tasks, re.MULTILINE)) == 2
    assert len(re.findall(r"^ +- \[ \]\* \d\.\d ", tasks, re.MULTILINE)) == 1
    assert list(dict.fromkeys(reply["when"]["task"] for reply in scenario["replies"])) == list(MODULES)


def test_every_requirement_that_a_task_names_is_there() -> None:
    spec = workspace_path() / SPEC
    there, number = set(), 0
    for line in (spec / "requirements.md").read_text("utf-8").splitlines():
        if heading := re.match(r"### Requirement (\d+):", line):
            number = int(heading[1])
        elif item := re.match(r"(\d+)\. ", line):
            there.add(f"{number}.{item[1]}")
    named = re.findall(r"_Requirements: (.*)_", (spec / "tasks.md").read_text("utf-8"))
    assert len(named) == 7
    assert {ref for line in named for ref in line.split(", ")} == there


def test_the_limit_strikes_in_the_middle_of_its_task(scenario: dict[str, Any]) -> None:
    (fault,) = scenario["faults"]
    assert (fault["kind"], fault["times"], fault["headers"]) == ("429", 1, {"retry-after": "3"})
    assert fault["when"]["task"] == LIMIT_TASK
    starts = [reply["when"] for reply in replies_of(scenario, LIMIT_TASK)]
    assert fault["when"] in starts[2:-2]


def test_the_long_answer_leaves_time_for_a_kill(scenario: dict[str, Any]) -> None:
    replies = replies_of(scenario, KILL_TASK)
    at = next(i for i, reply in enumerate(replies) if reply["when"]["tool_results"] == KILL_TOOL_RESULTS)
    assert at >= 2
    assert any(call["name"] == "edit_file" for reply in replies[:at] for call in reply["tool_calls"])
    long = replies[at]
    (call,) = long["tool_calls"]
    assert call["name"] == "write_file"
    # A token is at most a space and eight letters here, so that this is a lower bound of the time.
    least_chunks = len(json.dumps(call["input"])) // 9 // long["chunk_tokens"]
    assert least_chunks * long["chunk_ms"] >= 2_000
    assert all(reply["chunk_ms"] <= 5 for reply in scenario["replies"] if reply is not long)


def test_the_model_is_the_one_that_has_prices(scenario: dict[str, Any]) -> None:
    assert list(scenario["models"]) == [MODEL]
    assert scenario["otherwise"] == "generic"


def test_the_copy_is_the_sources_and_nothing_else(workspace: Path) -> None:
    files = [path for path in workspace.rglob("*") if not path.is_dir()]
    assert {path.suffix for path in files} == {".md", ".py"}
    assert not any(path.is_symlink() for path in files)
    assert (workspace / SPEC / "tasks.md").read_bytes() == (workspace_path() / SPEC / "tasks.md").read_bytes()


def play(workspace: Path, name: str, given: dict[str, Any]) -> None:
    """Carry out an edit, and nothing else: exact replacement of text that is there once, or the whole file."""
    if name == "edit_file":
        path = workspace / given["path"]
        before = path.read_text("utf-8")
        assert before.count(given["old"]) == 1, f"{path.name}: the old text must be there exactly once"
        assert given["old"] != given["new"]
        path.write_text(before.replace(given["old"], given["new"]), "utf-8")
    elif name == "write_file":
        path = workspace / given["path"]
        assert path.parent.is_dir()
        path.write_text(given["content"], "utf-8")


def unittest_exit(workspace: Path, *modules: str) -> int:
    """The exit code of the workspace's own tests; no bytecode is kept that could be older than an edit."""
    command = [sys.executable, "-B", "-m", "unittest", "-q", *modules]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, cwd=workspace, env=env, capture_output=True, timeout=60, check=False).returncode


def replies_of(scenario: dict[str, Any], task: str) -> list[Reply]:
    return [reply for reply in scenario["replies"] if reply["when"]["task"] == task]


def calls_of(scenario: dict[str, Any], task: str) -> Iterator[Call]:
    for reply in replies_of(scenario, task):
        for call in reply["tool_calls"]:
            yield call["name"], call["input"]
