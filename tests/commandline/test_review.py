"""A review on the command line, against the simulated provider and its bill."""

from __future__ import annotations

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
        booked = {each["run"]: each["cost_usd"] for each in usage["requests"]}
        assert booked[again["review"]] == again["cost_usd"] == bill["cost_usd"]
        assert [each["run"] for each in user.do("runs", "--json").json()["runs"]] == [run]
