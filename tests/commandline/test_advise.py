"""Three models of known success and price work through tasks with checks, and the right one is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.advise import target_share
from bursar.commandline.schema import load_schema
from bursar.domain.errors import BadInput
from support.program import Simulator, User, make_workspace, simulator

SPEC = ".kiro/specs/demo"
BUCKETS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
PRICES = {
    "small": dict(zip(BUCKETS, ("0.2", "1", "0.02", "0.25", "0.4"), strict=True)),
    "middle": dict(zip(BUCKETS, ("2", "10", "0.2", "2.5", "4"), strict=True)),
    "big": dict(zip(BUCKETS, ("10", "50", "1", "12.5", "20"), strict=True)),
}
FINISH = {"name": "finish", "input": {"summary": "Done."}}
GOOD, BAD = range(1, 7), range(11, 16)
"""The tasks that a model writes the file for, and those that it calls done without."""
_COMMANDS = """
import contextlib, importlib, io, json, sys
from bursar.cli import build_parser
from bursar.wiring import build_app
app, said = build_app(), []
for argv in json.loads(sys.argv[1]):
    args = build_parser().parse_args(argv)
    module, _, name = args.target.partition(":")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = getattr(importlib.import_module(module), name)(app, args)
    said.append([code, out.getvalue()])
app.close()
print(json.dumps(said))
"""


def together(user: User, cwd: Path, *commands: list[str]) -> list[tuple[int, str]]:
    """The exit code and the result of each command; one process for all, which starts and loads once."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(user.home.parent), "BURSAR_HOME": str(user.home)}
    done = subprocess.run(
        [sys.executable, "-c", _COMMANDS, json.dumps(commands)],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(code, out) for code, out in json.loads(done.stdout)]


def scenario() -> dict[str, Any]:
    write = [
        {
            "when": {"task": str(each), "tool_results": 0},
            "tool_calls": [{"name": "write_file", "input": {"path": f"{each}.txt", "content": "x\n"}}],
        }
        for each in GOOD
    ]
    models = {name: {"wire": "anthropic", "prices": each} for name, each in PRICES.items()}
    return {"models": models, "replies": [*write, {"when": {}, "tool_calls": [FINISH]}]}


def tasks(numbers: list[int], *, checked: bool) -> str:
    check = "  - _Check: `test -f {0}.txt`_\n" if checked else ""
    return "# Plan\n\n" + "".join(f"- [ ] {each}. Write {each}.txt\n{check.format(each)}" for each in numbers)


def work(user: User, folder: Path, model: str, numbers: list[int], *, checked: bool) -> None:
    """Every task once by this model, in a workspace of its own; one process for all commands."""
    cwd = make_workspace(folder / model, tasks(numbers, checked=checked))
    allowed = [word for each in numbers for word in ("--allow-run", f"test -f {each}.txt")]
    runs = [["run", SPEC, "--task", str(each), "--model", f"sim/{model}", "--json", *allowed] for each in numbers]
    codes = [code for code, _ in together(user, cwd, *runs)]
    assert codes == [3 if checked and each in BAD else 0 for each in numbers]


def valid(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    Draft202012Validator(load_schema("advise")).validate(found)
    return found


def user_of(folder: Path, sim: Simulator) -> User:
    (folder / "prices.json").write_text(json.dumps({"models": PRICES}))
    user = User(home=folder / "home", cwd=folder)
    user.settings(
        providers={"sim": {"wire": "anthropic", "base_url": sim.url}},
        model="sim/big",
        budget={"day": "50usd"},
        prices=str(folder / "prices.json"),
    )
    return user


def test_the_cheapest_that_meets_the_target_is_named_and_the_others_are_told_why_not(tmp_path: Path) -> None:
    good, bad = [*GOOD], [*BAD]
    with simulator(tmp_path / "sim", scenario()) as sim:
        user = user_of(tmp_path, sim)
        work(user, tmp_path, "small", [good[0], *bad], checked=True)
        work(user, tmp_path, "middle", good, checked=True)
        work(user, tmp_path, "big", good, checked=True)
        bill: dict[str, Decimal] = dict.fromkeys(PRICES, Decimal(0))
        for each in sim.bill():
            bill[each["model"]] += Decimal(each["cost_usd"])
    asked = [
        ["advise", "--json", "--target", "60%"],
        ["advise", "--json", "--target", "80%"],
        ["advise", "--target", "60%", "--prefer", "strong"],
        ["advise", "--json", "--here"],
    ]
    (_, sixty), (_, eighty), (_, text), (_, here) = together(user, tmp_path / "small", *asked)
    found = valid(sixty)
    rows = {each["model"]: each for each in found["rows"]}
    verdicts = {name: [row[key] for key in ("tasks", "passed", "failed", "undecided")] for name, row in rows.items()}
    assert verdicts == {"sim/small": [6, 1, 5, 0], "sim/middle": [6, 6, 0, 0], "sim/big": [6, 6, 0, 0]}
    for name, successes in (("small", 1), ("middle", 6), ("big", 6)):
        row = rows[f"sim/{name}"]
        assert Decimal(row["cost_usd"]) == bill[name], "what failed is paid for, too"
        each = Decimal(row["cost_per_success_usd"])
        assert 0 <= each - bill[name] / successes < Decimal("1e-11")
    # By the table of the interval: 6 of 6 are at least 0.6097, 1 of 6 is at most 0.5635.
    assert (rows["sim/middle"]["success_at_least"], rows["sim/small"]["success_at_most"]) == ("0.6097", "0.5635")
    (advice,) = found["advice"]
    assert (advice["role"], advice["model"], advice["now"]) == ("edit", "sim/middle", "sim/big")
    why = {each["model"]: each["why"] for each in advice["others"]}
    assert "fails too often: 1 of 6" in why["sim/small"]
    assert "dearer" in why["sim/big"]
    (none,) = valid(eighty)["advice"]
    assert none["model"] is None
    assert "too little data: 6 of 16 tasks" in none["why"]
    assert "take sim/middle (the surest" in text
    assert "Now it is sim/big." in text
    assert {each["model"] for each in valid(here)["rows"]} == {"sim/small"}


def test_without_checks_nobody_is_named(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", scenario()) as sim:
        user = user_of(tmp_path, sim)
        work(user, tmp_path, "small", [*BAD][:1], checked=False)
        work(user, tmp_path, "middle", [*GOOD][:2], checked=False)
    ((_, said),) = together(user, tmp_path, ["advise", "--json", "--target", "1%"])
    found = valid(said)
    assert [(each["model"], each["tasks"], each["undecided"]) for each in found["rows"]] == [
        ("sim/middle", 0, 2),
        ("sim/small", 0, 1),
    ]
    (advice,) = found["advice"]
    assert advice["model"] is None
    assert "too little data: 0 of " in advice["why"]


def test_nothing_was_run_yet(user: User) -> None:
    said = user.do("advise")
    assert (said.code, said.out) == (0, "")
    assert "Too little data: 0 tasks." in said.err
    assert valid(user.do("advise", "--json").out) == {"prefer": "cheap", "target": "0.80", "rows": [], "advice": []}


@pytest.mark.parametrize("target", ["0%", "100%", "0.8", "many", ""])
def test_a_target_that_is_none(target: str) -> None:
    with pytest.raises(BadInput, match="1% to 99%"):
        target_share(target)
