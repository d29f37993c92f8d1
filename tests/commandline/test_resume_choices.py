"""What a resume may be told, and what it keeps of what the run was told."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from support.program import CLAUDE, User, simulator

SPEC = ".kiro/specs/demo"
OTHER = "claude-haiku-5"
ARGV = ["sh", "-c", "echo done"]
CUT = {"when": {"task": "1", "tool_results": 1}, "kind": "cut", "after_chunks": 1}
CACHE = {"cache_read": "0.1", "cache_write_5m": "3.75"}
SCENARIO = {
    "models": {
        CLAUDE: {"wire": "anthropic", "prices": {"input": "3", "output": "15", **CACHE}},
        OTHER: {"wire": "anthropic", "prices": {"input": "1", "output": "5", **CACHE}},
    },
    "replies": [
        {"when": {"tool_results": 0}, "tool_calls": [{"name": "list_files", "input": {"path": "."}}]},
        {"when": {"tool_results": 1}, "tool_calls": [{"name": "run_command", "input": {"argv": ARGV}}]},
        {"when": {"tool_results": 2}, "tool_calls": [{"name": "finish", "input": {"summary": "All done."}}]},
    ],
    "faults": [CUT],
}


def know_prices(user: User, folder: Path) -> None:
    """The user's own price file says what the simulator charges."""
    prices = folder / "prices.json"
    prices.write_text(json.dumps({"models": {name: each["prices"] for name, each in SCENARIO["models"].items()}}))
    user.settings(prices=str(prices))


def test_a_new_model_is_asked_from_the_next_request_on_and_the_ledger_names_both(user: User, tmp_path: Path) -> None:
    know_prices(user, tmp_path)
    with simulator(tmp_path / "two", SCENARIO) as sim:
        user.uses(sim.url)
        run = user.do("run", SPEC, "--task", "1", "--json").last()["run"]
        done = user.do("resume", run, "--model", f"sim/{OTHER}", "--json")
        assert {each["model"] for each in done.events() if each["kind"] == "request_started"} == {OTHER}
        asked = [each["body"]["model"] for each in sim.log()]
        sim.stop()
        bill = {each["request_id"]: each for each in sim.bill()}
    first_new = asked.index(OTHER)
    assert (set(asked[:first_new]), set(asked[first_new:])) == ({CLAUDE}, {OTHER})
    rows = user.do("usage", "--json").json()["requests"]
    assert [each["model"] for each in rows] == asked
    settled = [each for each in rows if each["certainty"] == "billed"]
    assert {each["model"] for each in settled} == {CLAUDE, OTHER}
    for row in settled:
        assert Decimal(row["cost_usd"]) == Decimal(bill[row["request_id"]]["cost_usd"])


def test_the_new_model_is_the_runs_model_without_being_said_again(user: User, tmp_path: Path) -> None:
    know_prices(user, tmp_path)
    late = {**CUT, "when": {"task": "1", "tool_results": 2}}
    with simulator(tmp_path / "sim", {**SCENARIO, "faults": [CUT, late]}) as sim:
        user.uses(sim.url)
        run = user.do("run", SPEC, "--task", "1", "--allow-run", "sh -c 'echo done'", "--json").last()["run"]
        assert user.do("resume", run, "--model", f"sim/{OTHER}", "--json").last()["reason"] == "cut"
        sent = len(sim.log())
        user.do("resume", run, "--json")
        sim.stop()
        assert {each["body"]["model"] for each in sim.log()[sent:]} == {OTHER}


@pytest.mark.parametrize(
    ("model", "said"),
    [("sim", "names no provider: write NAME/MODEL"), ("nobody/x", "no provider is named 'nobody'")],
)
def test_a_model_that_cannot_be_asked_changes_nothing(user: User, tmp_path: Path, model: str, said: str) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user.uses(sim.url)
        run = user.do("run", SPEC, "--task", "1", "--json").last()["run"]
        wrong = user.do("resume", run, "--model", model)
        assert (wrong.code, wrong.out) == (2, "")
        assert said in wrong.err
        user.do("resume", run, "--json")
        sim.stop()
        assert {each["body"]["model"] for each in sim.log()} == {CLAUDE}


def test_what_a_run_was_allowed_holds_after_a_resume_and_not_for_another_run(user: User, tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user.uses(sim.url)
        first = user.do("run", SPEC, "--task", "1", "--allow-run", "sh -c 'echo done'", "--json")
        allowed = [each["commands"] for each in first.events() if each["kind"] == "commands_allowed"]
        assert (first.code, allowed) == (3, [[ARGV]])
        again = user.do("resume", first.last()["run"], "--json")
        assert again.code == 0, again.err
        kinds = [each["kind"] for each in again.events()]
        assert "approval_asked" not in kinds
        assert "commands_allowed" not in kinds, "it is written down once"
        (ran,) = [each for each in again.events() if each["kind"] == "tool_finished" and each["tool"] == "run_command"]
        assert ran["ok"] is True
        other = user.do("run", SPEC, "--task", "2", "--json")
    assert "approval_asked" in [each["kind"] for each in other.events()]


def test_what_is_allowed_only_at_a_resume_is_kept_from_there_on(user: User, tmp_path: Path) -> None:
    again = {**CUT, "times": 2}
    with simulator(tmp_path / "sim", {**SCENARIO, "faults": [again]}) as sim:
        user.uses(sim.url)
        run = user.do("run", SPEC, "--task", "1", "--json").last()["run"]
        assert user.do("resume", run, "--allow-run", "sh -c 'echo done'", "--json").last()["reason"] == "cut"
        done = user.do("resume", run, "--json")
    assert done.code == 0, done.out
    assert "approval_asked" not in [each["kind"] for each in done.events()]
    assert "run without asking here: sh -c 'echo done'" in user.do("replay", run).out


def test_a_ceiling_that_is_given_to_a_paused_task_is_said_where_it_belongs(user: User, tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user.uses(sim.url)
        run = user.do("run", SPEC, "--task", "1", "--json").last()["run"]
        said = user.do("run", SPEC, "--task", "1", "--max", "2usd")
        assert (said.code, said.out) == (2, "")
        assert f"'bursar resume {run} --max 2usd' keeps what is paid for, 'bursar stop {run}' gives it up" in said.err
        assert f"'bursar resume {run}' keeps what is paid for" in user.do("run", SPEC, "--task", "1").err


def test_a_dry_run_prints_lines_as_every_run_does(user: User) -> None:
    lines = user.do("run", SPEC, "--dry-run", "--json").events()
    assert [(each["seq"], each["run"], each["kind"], each["task"]) for each in lines] == [
        (1, None, "estimate", "1"),
        (2, None, "estimate", "2"),
    ]
    assert all(each["at"].endswith("Z") for each in lines)
