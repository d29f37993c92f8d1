"""A lost prompt cache as the user sees it: in the history of a run, beside the task and in the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.program import Simulator, User, make_workspace, simulator

SPEC = ".kiro/specs/demo"
LOOK = {"name": "list_files", "input": {"path": "."}}
DONE = {"name": "finish", "input": {"summary": "Done."}}
SCENARIO: dict[str, Any] = {
    "replies": [
        *({"when": {"task": each, "tool_results": 0}, "tool_calls": [LOOK]} for each in ("1", "2")),
        {"when": {}, "tool_calls": [DONE]},
    ],
    "faults": [{"when": {"task": "1", "tool_results": 1}, "kind": "evict"}],
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[User, Simulator]]:
    """One task whose second request found the cache given up, and a second task after a steering file was edited."""
    folder = tmp_path_factory.mktemp("lost")
    workspace = make_workspace(folder / "workspace")
    steering = workspace / "AGENTS.md"
    steering.write_text("Use tabs. " * 2_000)
    with simulator(folder / "sim", SCENARIO) as sim:
        user = User(home=folder / "home", cwd=workspace).uses(sim.url)
        assert user.do("run", SPEC, "--task", "1", "--json").code == 0
        steering.write_text("Use spaces. " * 2_000)
        assert user.do("run", SPEC, "--task", "2", "--json").code == 0
        yield user, sim


def run_of(user: User, task: str) -> str:
    runs = user.do("runs", "--all", "--json").json()["runs"]
    (run,) = (str(each["run"]) for each in runs if each["task"] == task)
    return run


def history(user: User, task: str) -> list[dict[str, Any]]:
    lines = user.do("replay", run_of(user, task), "--json").events()
    validator = Draft202012Validator(load_schema("replay"))
    for each in lines:
        validator.validate(each)
    return [each for each in lines if each["type"] == "step" and each["kind"] == "model"]


def test_the_history_of_a_run_names_the_cause(played: tuple[User, Simulator]) -> None:
    user, sim = played
    first, second = history(user, "1")
    assert first["cache_lost"] == []
    (lost,) = second["cache_lost"]
    rows = [each["billed_tokens"] for each in sim.bill()]
    assert (lost["cause"], lost["tokens"]) == ("evicted", rows[0]["cache_write_5m"] - rows[1]["cache_read"])
    # $2.50 were paid for a million and a read is $0.10: USD 0.0000024 a token.
    assert float(lost["cost_usd"]) == pytest.approx(lost["tokens"] * 2.4e-6)
    assert [each["cache"]["missed"] for each in sim.log()][:2] == ["", "evicted"]


def test_a_steering_file_that_was_edited_between_two_tasks_is_named(played: tuple[User, Simulator]) -> None:
    user, _ = played
    first, second = history(user, "2")
    assert second["cache_lost"] == []
    (lost,) = first["cache_lost"]
    assert (lost["cause"], lost["path"], lost["estimated"]) == ("document", "AGENTS.md", True)
    assert "AGENTS.md was edited since the request before" in lost["message"]


def test_it_stands_beside_the_task_and_can_be_silenced(played: tuple[User, Simulator]) -> None:
    user, _ = played

    def told() -> list[str]:
        (file,) = user.do("check", f"{SPEC}/tasks.md", "--json").json()["files"]
        return [each["message"] for each in file["diagnostics"] if each["code"] == "cache-lost"]

    one, other = told()
    assert "the provider gave it up" in one
    assert "AGENTS.md was edited" in other
    user.settings(diagnostics={"cache-lost": "off"})
    assert told() == []


def test_the_report_has_its_cost_by_cause(played: tuple[User, Simulator], tmp_path: Path) -> None:
    user, _ = played
    out = tmp_path / "out.html"
    assert user.do("report", "--out", out).code == 0
    page = out.read_text(encoding="utf-8")
    for words in ("Lost prompt caches", "A document of the prompt was changed", "The provider gave the cache up"):
        assert words in page


def test_people_read_it_below_the_step(played: tuple[User, Simulator]) -> None:
    user, _ = played
    shown = user.do("replay", run_of(user, "2")).out
    assert "cache  about " in shown
    assert json.dumps(shown).count("AGENTS.md was edited") == 1


def test_what_was_erased_is_named_nowhere(played: tuple[User, Simulator]) -> None:
    user, _ = played
    assert user.do("erase", "--all").code == 0
    (one, *_), (_, second) = history(user, "2"), history(user, "1")
    assert one["cache_lost"] == []
    assert [each["cause"] for each in second["cache_lost"]] == ["erased"]
