"""Whole runs against the simulator, whose bill is the oracle: the stronger model after failed checks, and economy."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.program import BURSAR, Done, Simulator, User, make_workspace, simulator

SPEC = ".kiro/specs/demo"
TASKS = f"{SPEC}/tasks.md"
CHECKED = "# Plan\n\n- [ ] 1. Say hello\n  - _Check: `test -f hello.txt`_\n- [ ] 2. Say good-bye\n"
BUCKETS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def prices(*figures: str) -> dict[str, str]:
    return dict(zip(BUCKETS, figures, strict=True))


PRICES = {
    "usual": prices("2", "100", "0.2", "2.5", "4"),
    "strong": prices("10", "200", "1", "12.5", "20"),
    "cheap": prices("0.2", "1", "0.02", "0.25", "0.4"),
}
FINISH = {"name": "finish", "input": {"summary": "Done."}}


def tool(name: str, **given: str) -> dict[str, Any]:
    return {"name": name, "input": given}


def scenario(*replies: dict[str, Any], refuses: tuple[str, ...] = ()) -> dict[str, Any]:
    models = {
        name: {"wire": "anthropic", "prices": each, "refuses": list(refuses) if name == "cheap" else []}
        for name, each in PRICES.items()
    }
    return {"models": models, "replies": list(replies)}


def user_of(folder: Path, sim: Simulator, *, tasks: str, name: str = "one", **route: str) -> User:
    """Somebody whose route begins with the usual model."""
    user = User(home=folder / name / "home", cwd=make_workspace(folder / name / "workspace", tasks))
    price_file = folder / "prices.json"
    price_file.write_text(json.dumps({"models": PRICES}))
    user.settings(
        providers={"sim": {"wire": "anthropic", "base_url": sim.url}},
        routes={"mine": {"chain": ["sim/usual"], **route}},
        route="mine",
        prices=str(price_file),
    )
    return user


def agrees_with_the_bill(user: User, sim: Simulator) -> list[str]:
    """The models of the requests, oldest first; each has the figures of its row on the bill."""
    requests = user.do("usage", "--json").json()["requests"]
    bill = sim.bill_with({each["request_id"] for each in requests})
    for each in requests:
        row = bill[each["request_id"]]
        assert (row["model"], Decimal(row["cost_usd"])) == (each["model"], Decimal(each["cost_usd"]))
    return [each["model"] for each in requests]


def events_fit(done: Done) -> list[dict[str, Any]]:
    events = done.events()
    validator = Draft202012Validator(load_schema("run-event"))
    for each in events:
        validator.validate(each)
    return events


def test_a_check_that_fails_three_times_then_the_stronger_model_that_passes(tmp_path: Path) -> None:
    write = {"when": {"tool_results": 3}, "tool_calls": [tool("write_file", path="hello.txt", content="hello\n")]}
    with simulator(tmp_path / "sim", scenario(write, {"when": {}, "tool_calls": [FINISH]})) as sim:
        user = user_of(tmp_path, sim, tasks=CHECKED, stronger="sim/strong")
        done = user.do("run", SPEC, "--task", "1", "--max", "5usd", "--allow-run", "test -f hello.txt", "--json")
        assert done.code == 0, done.err
        events = events_fit(done)
        assert (events[-1]["kind"], events[-1]["reason"], events[-1]["ticked"]) == ("run_finished", "done", True)
        (escalated,) = [each for each in events if each["kind"] == "escalated"]
        assert (escalated["n"], escalated["model"], escalated["failed_checks"]) == (4, "sim/strong", 3)
        assert agrees_with_the_bill(user, sim) == ["usual"] * 3 + ["strong"] * 2
        fourth = sim.bill()[3]
        assert fourth["billed_tokens"]["cache_read"] == 0, "another model's cache is cold"
        assert Decimal(fourth["cost_usd"]) <= Decimal(escalated["at_most_usd"])
        assert "- [x] 1." in (user.cwd / TASKS).read_text()
        replay = user.do("replay", escalated["run"])
        assert "the stronger model sim/strong goes on" in replay.out
        by_effort = user.do("usage", "--by", "effort", "--json").json()
        Draft202012Validator(load_schema("usage")).validate(by_effort)
        (row,) = by_effort["rows"]
        assert {key: row[key] for key in ("key", "requests", "runs", "finished", "checks_passed", "checks_failed")} == {
            "key": "normal",
            "requests": 5,
            "runs": 1,
            "finished": 1,
            "checks_passed": 1,
            "checks_failed": 3,
        }
        advised = user.do("advise", "--json").json()
        Draft202012Validator(load_schema("advise")).validate(advised)
        verdicts = {each["model"]: (each["passed"], each["escalated"]) for each in advised["rows"]}
        assert verdicts == {"sim/usual": (0, 1), "sim/strong": (1, 0)}


ECONOMY = {"economy": "sim/cheap"}
LONG = {"when": {"task": "1", "tool_results": 0}, "text": "word " * 4_000, "tool_calls": [tool("list_files", path=".")]}


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Simulator]]:
    """A provider whose usual model spends nearly all of half a dollar with its first answer."""
    folder = tmp_path_factory.mktemp("near")
    with simulator(folder / "sim", scenario(LONG, {"when": {}, "tool_calls": [FINISH]})) as sim:
        yield folder, sim


def play(user: User, *more: str) -> Done:
    return user.do("run", SPEC, "--task", "1", "--max", "0.5usd", "--json", *more)


def near_user(near: tuple[Path, Simulator], name: str) -> User:
    return user_of(
        near[0], near[1], tasks=CHECKED.replace("  - _Check: `test -f hello.txt`_\n", ""), name=name, **ECONOMY
    )


def answered(user: User, line: str) -> tuple[int, list[dict[str, Any]]]:
    """A run whose question is answered in a terminal; its exit code and events."""
    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(user.home.parent), "BURSAR_HOME": str(user.home)}
    argv = [*BURSAR, "run", SPEC, "--task", "1", "--max", "0.5usd", "--json"]
    # Not a pipe: nobody reads it while the question is awaited.
    out = user.home.parent / "events.jsonl"
    with (
        out.open("w") as stdout,
        subprocess.Popen(argv, cwd=user.cwd, env=environ, stdin=theirs, stderr=theirs, stdout=stdout) as process,
    ):
        os.close(theirs)
        said = b""
        while b"[3] Stop" not in said:
            if not select.select([ours], [], [], 60)[0]:
                process.kill()
                raise AssertionError(f"no question came: {said!r}")
            said += os.read(ours, 65536)
        assert b"[2] Economy mode" in said, said
        os.write(ours, line.encode())
        try:
            code = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    os.close(ours)
    return code, [json.loads(each) for each in out.read_text().splitlines()]


def test_with_nobody_to_ask_the_next_request_is_refused(near: tuple[Path, Simulator]) -> None:
    user = near_user(near, "alone")
    done = play(user)
    assert (done.code, done.last()["kind"], done.last()["reason"]) == (3, "run_paused", "budget"), done.out
    (asked,) = [each for each in events_fit(done) if each["kind"] == "approval_asked"]
    assert "economy_on" not in [each["kind"] for each in events_fit(done)]
    assert asked["question"] == "budget" and "Economy mode asks sim/cheap" in asked["summary"]
    assert agrees_with_the_bill(user, near[1]) == ["usual"]


def test_in_economy_mode_the_run_ends_below_the_budget(near: tuple[Path, Simulator]) -> None:
    user = near_user(near, "answered")
    code, events = answered(user, "2\n")
    assert code == 0, events
    kinds = [each["kind"] for each in events]
    assert (kinds.count("economy_on"), events[-1]["kind"], events[-1]["reason"]) == (1, "run_finished", "done")
    assert agrees_with_the_bill(user, near[1]) == ["usual", "cheap"]
    assert Decimal(events[-1]["cost_usd"]) < Decimal("0.5")
    by_effort = user.do("usage", "--by", "effort", "--json").json()
    Draft202012Validator(load_schema("usage")).validate(by_effort)
    rows = {each["key"]: each for each in by_effort["rows"]}
    assert {key: (each["requests"], each["runs"], each["finished"]) for key, each in rows.items()} == {
        "normal": (1, 0, 0),
        "terse": (1, 1, 1),
    }
    assert rows["terse"]["usage"]["output"] < rows["normal"]["usage"]["output"]
    assert "1 of 1 run done" in user.do("usage", "--by", "effort").out
    user.do("erase", "--all")
    assert "not known (the texts of these runs were erased)" in user.do("usage", "--by", "effort").out


def test_a_model_that_refuses_the_fields_for_short_answers_is_asked_without(tmp_path: Path) -> None:
    replies = (LONG, {"when": {}, "tool_calls": [FINISH]})
    with simulator(tmp_path / "sim", scenario(*replies, refuses=("output_config",))) as sim:
        user = near_user((tmp_path, sim), "refusing")
        done = play(user, "--economy", "on")
        assert done.code == 0, done.out
        assert agrees_with_the_bill(user, sim) == ["usual", "cheap"]
        sent = [json.loads(each) for each in sim.bodies()]
        assert [(each["model"], "output_config" in each) for each in sent] == [
            ("usual", False),
            ("cheap", True),
            ("cheap", False),
        ]
        assert all("use few words" in json.dumps(each["messages"][-1]) for each in sent[1:])


def test_a_route_that_is_terse_is_so_from_its_first_request_on(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", scenario({"when": {}, "tool_calls": [FINISH]})) as sim:
        tasks = CHECKED.replace("  - _Check: `test -f hello.txt`_\n", "")
        usual = user_of(tmp_path, sim, tasks=tasks)
        terse = user_of(tmp_path, sim, tasks=tasks, name="terse", effort="terse")
        first, shorter = (each.do("run", SPEC, "--task", "1", "--dry-run", "--json").last() for each in (usual, terse))
        assert shorter["first_request_tokens"] > first["first_request_tokens"], "the words are counted beforehand"
        assert terse.do("run", SPEC, "--task", "1").code == 0
        (sent,) = [json.loads(each) for each in sim.bodies()]
        assert sent["output_config"] == {"effort": "low"}
        assert "use few words" in sent["messages"][0]["content"][-1]["text"]
        (row,) = terse.do("usage", "--by", "effort", "--json").json()["rows"]
        assert (row["key"], row["finished"]) == ("terse", 1)
