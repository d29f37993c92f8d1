"""The bench's figures are those of a second program that knows only the definitions and the written decisions."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.cli import run_command_line
from bursar.commandline.schema import load_schema
from domain.context.rescoring import CLIFF, A, F, Figures, Found, rescore, uses_of
from support.sessions import dev_session, made_session

FIGURES = {"A": A, "F": F, "cliff": CLIFF}


class Benched:
    """Sessions, the bench's rows of them, and its decisions by price set, policy and session."""

    def __init__(self, folder: Path, traces: list[dict[str, Any]], *argv: str) -> None:
        self.traces = traces
        path, decisions = folder / "traces.jsonl", folder / "decisions.jsonl"
        path.write_text("".join(f"{json.dumps(each)}\n" for each in traces), encoding="utf-8")
        shown = io.StringIO()
        call = ["context", "bench", "--traces", str(path), "--decisions", str(decisions), "--json", *argv]
        with redirect_stdout(shown):
            assert run_command_line(call) == 0
        self.rows = json.loads(shown.getvalue())["rows"]
        self.lines = [json.loads(each) for each in decisions.read_text(encoding="utf-8").splitlines()]
        self._uses = [uses_of(each) for each in traces]

    def found(self, policy: str, prices: str) -> list[Found]:
        return [
            rescore(trace, uses, self.lines_of(policy, prices, trace["id"]), FIGURES[prices])
            for trace, uses in zip(self.traces, self._uses, strict=True)
        ]

    def lines_of(self, policy: str, prices: str, trace: str) -> list[dict[str, Any]]:
        key = {"policy": policy, "prices": prices, "trace": trace}
        return [each for each in self.lines if key.items() <= each.items()]

    def differences(self) -> list[tuple[str, str, str]]:
        """Where the two programs do not agree to five digits."""
        return [
            (row["policy"], row["prices"], name)
            for row in self.rows
            for name, value in self.rescored(row["policy"], row["prices"]).items()
            if abs(row[name] - value) > 2e-6
        ]

    def rescored(self, policy: str, prices: str) -> dict[str, float]:
        own, base = self.found(policy, prices), self.found("keep-all", prices)

        def mean(share: Callable[[Found], float]) -> float:
            return sum(share(each) / all_kept.cost for each, all_kept in zip(own, base, strict=True)) / len(own)

        kept = {kind: sum(each.kept[kind] for each in own) for kind in own[0].kept}
        used = {kind: sum(each.used[kind] for each in own) for kind in own[0].used}
        shares = {kind: kept[kind] / used[kind] if used[kind] else 1.0 for kind in used}
        return {
            "cost": mean(lambda each: each.cost),
            "eff": mean(lambda each: each.cost + each.penalty),
            "retention": shares["atom"],
            "edit_lines": shares["edit"],
            "quotes": shares["quote"],
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Benched:
    traces = [made_session(1), made_session(2, requests=60, billed=False), made_session(3, requests=20)]
    return Benched(tmp_path_factory.mktemp("made"), traces, "--prices", "A", "--window", "40000")


def test_sessions_that_are_made(made: Benched) -> None:
    assert made.differences() == []
    by_policy = {each["policy"]: each for each in made.rows}
    # what is compared is there: policies that lose things, that summarise, that ping, that cut whole lines out
    assert by_policy["mask-10"]["retention"] < 0.9 and by_policy["mask-10"]["edit_lines"] < 0.95
    assert by_policy["compact-80"]["trims"] > 0 and any(each["summary"] for each in made.lines)
    assert by_policy["idle-5min-ping"]["cost"] != by_policy["idle-5min"]["cost"]


@pytest.mark.parametrize("prices", ["F", "cliff"])
def test_under_other_prices(tmp_path: Path, prices: str) -> None:
    found = Benched(tmp_path, [made_session(4), made_session(5, requests=25)], "--prices", prices)
    assert found.differences() == []
    for name in ("dedupe", "optimum"):
        row = next(each for each in found.rows if each["policy"] == name)
        assert row["cost"] < 1
        assert row["retention"] == row["edit_lines"] == 1


def test_a_session_of_a_real_agent(tmp_path: Path) -> None:
    trace = dev_session("dev-sweagent-02")
    assert trace is not None
    assert Benched(tmp_path, [trace], "--prices", "A").differences() == []


@pytest.mark.parametrize("broken", ["a stub that was not", "an excerpt's line", "a turn", "a ping", "a rate"])
def test_decisions_that_are_not_those_give_other_figures(made: Benched, broken: str) -> None:
    """The control: the second program does see what it is to see."""
    policy = {"an excerpt's line": "dedupe", "a ping": "idle-5min-ping"}.get(broken, "mask-10x10")
    trace = made.traces[0]
    lines = json.loads(json.dumps(made.lines_of(policy, "A", trace["id"])))
    figures: Figures = A
    changed = next(each for each in lines if each["changes"])
    if broken == "a stub that was not":
        changed["changes"].pop()
    elif broken == "an excerpt's line":
        changed["changes"][0]["tokens"] -= 1
    elif broken == "a turn":
        changed["changes"][0]["turn"] -= 1
    elif broken == "a ping":
        for each in lines:
            each["ping"] = False
    else:
        figures = Figures(0.1, 1.26, 300, 5, 4_096)
    uses = uses_of(trace)
    right = rescore(trace, uses, made.lines_of(policy, "A", trace["id"]), A)
    assert rescore(trace, uses, lines, figures) != right


def test_each_line_fits_its_schema(made: Benched) -> None:
    validator = Draft202012Validator(load_schema("context-decision"))
    for each in made.lines[::37]:
        validator.validate(each)
    kinds = {change["to"] for each in made.lines for change in each["changes"]}
    assert kinds == {"stub", "excerpt", "dropped"}
    one = next(each for each in made.lines if each["changes"])
    for key in one:
        renamed = {f"{key}_" if each == key else each: value for each, value in one.items()}
        assert not validator.is_valid(renamed), key
