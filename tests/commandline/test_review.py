"""A review on the command line, against the simulated provider and its bill."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.program import Done, User, make_workspace, simulator

SCENARIO: dict[str, Any] = {
    "replies": [
        {"when": {"contains": "Review what this run changed"}, "text": "hello.py: it greets nobody."},
        {
            "when": {"task": "1", "tool_results": 0},
            "tool_calls": [{"name": "write_file", "input": {"path": "hello.py", "content": "print('hello')\n"}}],
        },
    ]
}


def checked(done: Done) -> Any:
    found = done.json()
    validator = Draft202012Validator(load_schema("review"))
    validator.validate(found)
    for key in found:
        assert not validator.is_valid({f"{each}_" if each == key else each: found[each] for each in found}), key
    return found


def test_a_review_is_priced_before_and_billed_once(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert done.code == 0, done.err
        run, sent = done.last()["run"], len(sim.log())
        dry = user.do("review", run, "--dry-run", "--json")
        before = checked(dry)
        assert (dry.code, before["state"], before["files"], len(sim.log())) == (0, "not_sent", ["hello.py"], sent)

        shown = user.do("review", run)
        assert (shown.code, shown.out) == (0, "hello.py: it greets nobody.\n")
        assert f"{before['request_tokens']:,} tokens in ~$" in shown.err
        assert "print('hello')" in sim.bodies()[-1]
        again = checked(user.do("review", run, "--json"))
        assert (again["state"], again["was_there"], len(sim.log())) == ("done", True, sent + 1)
        bill = sim.bill()[-1]
        usage = user.do("usage", "--json").json()
        assert usage["response_cache"] == {"answers": 1, "saved_usd": bill["cost_usd"]}
        assert "$0.00  1 more answer from Bursar's response cache, paid $" in user.do("usage").out
        paid = next(each for each in usage["requests"] if each["run"] == again["review"])
        told = user.do("replay", again["review"]).out
        assert f"from Bursar's response cache, paid on {paid['at']} as {paid['request_id']}: $0.00" in told
        booked = {each["run"]: each["cost_usd"] for each in usage["requests"]}
        assert booked[again["review"]] == again["cost_usd"] == bill["cost_usd"]
        assert [each["run"] for each in user.do("runs", "--json").json()["runs"]] == [run]
        fresh = checked(user.do("review", run, "--fresh", "--json"))
        assert (fresh["was_there"], fresh["review"] != again["review"], len(sim.log())) == (False, True, sent + 2)


def test_a_batch_is_announced_sent_once_and_fetched_later(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    scenario = {**SCENARIO, "batches": [{"looks": 1}]}
    with simulator(tmp_path / "sim", scenario) as sim:
        user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)
        run = user.do("run", ".kiro/specs/demo", "--task", "1", "--json").last()["run"]
        billed = len(sim.bill())
        usual = checked(user.do("review", run, "--dry-run", "--json"))
        dry = checked(user.do("review", run, "--batch", "--dry-run", "--json"))
        assert dry["delay"] == "up to 24 hours"
        assert Decimal(dry["request_usd"]) * 2 == Decimal(usual["request_usd"])
        sent = user.do("review", run, "--batch", "--json")
        waits = checked(sent)
        assert (sent.code, waits["state"], waits["text"]) == (0, "pending", None)
        assert "may take up to 24 hours, in the provider's own words" in sent.err.splitlines()[0]
        assert waits["batch"].startswith("msgbatch_")
        assert Decimal(user.do("usage", "--json").json()["held_usd"]) > 0
        early = user.do("review", "--fetch", "--json")
        (none_yet,) = fetched(early)
        assert (early.code, none_yet["state"], none_yet["review"]) == (3, "pending", waits["review"])
        resumed = user.do("resume")
        assert (resumed.code, len(sim.bill())) == (0, billed + 1)
        assert f"about {run}: its review is there" in resumed.err
        shown = user.do("review", run, "--batch")
        assert (shown.code, shown.out) == (0, "hello.py: it greets nobody.\n")
        assert user.do("review", "--fetch").code == 0
        usage = user.do("usage", "--json").json()
        booked = {each["request_id"]: each["cost_usd"] for each in usage["requests"]}
        assert booked == {each["request_id"]: each["cost_usd"] for each in sim.bill()}
        assert usage["held_usd"] == "0"


def fetched(done: Done) -> list[dict[str, Any]]:
    validator = Draft202012Validator(load_schema("review-fetch"))
    validator.validate(done.json())
    found: list[dict[str, Any]] = done.json()["reviews"]
    for key in found[0]:
        wrong = {f"{each}_" if each == key else each: found[0][each] for each in found[0]}
        assert not validator.is_valid({"reviews": [wrong]}), key
    return found


def test_a_kill_anywhere_in_the_fetching_books_the_review_once(tmp_path: Path) -> None:
    """A real SIGKILL at each point that the booking of a batch passes; the next fetch finds what is left to do."""
    workspace, home, kept = make_workspace(tmp_path / "workspace"), tmp_path / "home", tmp_path / "kept"
    with simulator(tmp_path / "sim", {**SCENARIO, "batches": [{"looks": 0}]}) as sim:
        user = User(home=home, cwd=workspace).uses(sim.url)
        run = user.do("run", ".kiro/specs/demo", "--task", "1", "--json").last()["run"]
        assert checked(user.do("review", run, "--batch", "--json"))["state"] == "pending"
        shutil.copytree(home, kept)
        struck = []
        for point in ("before_result", "after_result", "before_state"):
            shutil.rmtree(home)
            shutil.copytree(kept, home)
            died = user.do("review", "--fetch", BURSAR_FAILPOINT=f"{point}:1:kill")
            struck.append((point, died.code))
            shown = user.do("review", run, "--batch")
            assert (shown.code, shown.out) == (0, "hello.py: it greets nobody.\n"), point
            usage = user.do("usage", "--json").json()
            rows = sorted((each["request_id"], each["cost_usd"]) for each in usage["requests"])
            assert rows == sorted((each["request_id"], each["cost_usd"]) for each in sim.bill()), point
            assert usage["held_usd"] == "0", point
        assert struck == [(point, -9) for point, _ in struck]
