"""`bursar what-if` on logs as the agents write them, against the bench and against a score of other making."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.cli import run_command_line
from bursar.commandline.schema import load_schema
from bursar.domain.context.policies.registry import ENTRIES
from domain.context.rescoring import A, rescore, uses_of
from imports import written
from imports.written import trace

WRITERS = {
    "claude-code": (written.claude_code, ".claude/projects/p/s.jsonl"),
    "codex": (written.codex, ".codex/sessions/2026/11/rollout-s.jsonl"),
    "opencode": (written.opencode, ".local/share/opencode/opencode.db"),
}
FIGURES = ("cost", "eff", "retention", "edit_lines", "quotes")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of its own, in whose home the agents keep their logs."""
    user = tmp_path / "user"
    user.mkdir()
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME", "BURSAR_PROVIDERS", "BURSAR_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "bursar"))
    return user


def what_if(capsys: pytest.CaptureFixture[str], *argv: object) -> dict[str, Any]:
    assert run_command_line(["what-if", *map(str, argv), "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema("what-if")).validate(shown)
    return shown


@pytest.mark.parametrize("agent", WRITERS)
def test_the_figures_are_those_of_the_bench(
    agent: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, name = WRITERS[agent]
    had = trace()
    if agent == "codex":  # which does not write down that a tool failed
        had["turns"] = [{each: turn[each] for each in turn if each != "err"} for turn in had["turns"]]
    write(had, home / name)
    (tmp_path / "traces.jsonl").write_text(json.dumps(had) + "\n")
    shown = what_if(capsys, agent, "--policy", "all", "--prices", "A")
    assert run_command_line(["context", "bench", "--traces", str(tmp_path / "traces.jsonl"), "--json"]) == 0
    bench = {(each["policy"], each["prices"]): each for each in json.loads(capsys.readouterr().out)["rows"]}
    totals = {(each["policy"], each["prices"]): each for each in shown["totals"]}
    assert {policy for policy, _ in totals} >= {*ENTRIES} - {"optimum"}
    assert {key: [each[one] for one in FIGURES] for key, each in totals.items()} == {
        key: [bench[key][one] for one in FIGURES] for key in totals
    }
    assert totals["mask-10", "A"]["retention"] < 1  # so that equal figures say something
    assert shown["skipped"] == []


def test_its_figures_score_alike_by_another_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it writes for the bench, the bench's decisions on that, and a score that shares nothing with either."""
    log = written.claude_code(trace(), tmp_path / "s.jsonl")
    exported, decided = tmp_path / "exported.jsonl", tmp_path / "decided.jsonl"
    row = what_if(capsys, log, "--policy", "mask-10", "--prices", "A", "--export", exported)["totals"][0]
    argv = ["--traces", exported, "--policy", "mask-10", "--decisions", decided, "--json"]
    assert run_command_line(["context", "bench", *map(str, argv)]) == 0
    session = json.loads(exported.read_text())
    decisions = [json.loads(each) for each in decided.read_text().splitlines()]
    kept_all = [{"request": each["request"], "changes": [], "summary": False, "ping": False} for each in decisions]
    uses = uses_of(session)
    own, base = rescore(session, uses, decisions, A), rescore(session, uses, kept_all, A)
    assert (own.cost + own.penalty) / base.cost == pytest.approx(row["eff"], abs=1e-6)
    assert own.share("atom") == pytest.approx(row["retention"], abs=1e-6)
    assert own.share("edit") == pytest.approx(row["edit_lines"], abs=1e-6)
    assert row["eff"] != 1


def test_money_is_at_the_models_own_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ratios of the card, and each of its plain input tokens."""
    shown = what_if(capsys, written.claude_code(trace(), tmp_path / "s.jsonl"), "--policy", "mask-10")
    session, row = shown["sessions"][0], shown["sessions"][0]["rows"][0]
    assert (session["model"], row["prices"]) == (written.MODEL, written.MODEL)
    keep, cost, again, saved = (Decimal(row[f"{each}_usd"]) for each in ("keep_all", "cost", "refetch", "saved"))
    assert saved == keep - cost - again
    assert float((cost + again) / keep) == pytest.approx(row["eff"], abs=1e-5)
    # 30 requests of 9,000 tokens and more that were read at a tenth of $3 or less, and 29,300 that were written
    assert Decimal("0.05") < keep < Decimal("1")
    assert Decimal(session["paid_usd"]) > 0
    of_a_set = what_if(capsys, tmp_path / "s.jsonl", "--prices", "A")["totals"][0]
    assert of_a_set["saved_usd"] is None


def test_what_is_missed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = written.claude_code(trace(), tmp_path / "s.jsonl")
    row = what_if(capsys, log, "--policy", "mask-10", "--prices", "A")["sessions"][0]["rows"][0]
    first = row["misses"][0]
    # request 12 edits what request 0 read, whose result came with request 1: only ten results stand in full
    assert (first["request"], first["result_request"], first["tool"]) == (12, 1, "Read")
    assert first["what"] == "src/part_0.py"
    assert "return compute_0(value_of_0)" in first["texts"]
    assert what_if(capsys, log, "--policy", "keep-all")["sessions"][0]["rows"][0]["misses"] == []
    assert run_command_line(["what-if", str(log), "--policy", "mask-10"]) == 0
    told = capsys.readouterr().out
    assert "request 13 used" in told
    assert "of Read src/part_0.py, which came with request 2" in told
    assert "The agent's acts are those of the log" in told


def test_nothing_is_read_that_was_not_named(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.claude_code(trace(3), home / WRITERS["claude-code"][1])
    written.codex(trace(3), home / WRITERS["codex"][1])
    assert run_command_line(["what-if"]) == 2
    capsys.readouterr()
    assert {each["agent"] for each in what_if(capsys, "codex")["sessions"]} == {"codex"}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nowhere"], "there is no file or folder nowhere: give a log, a folder of logs, or one of claude-code"),
        (["aider"], "aider writes down no whole conversations"),
        (["."], "no log lies in"),
        ([".", "--policy", "best"], "there is no policy 'best': choose all, or one of keep-all"),
        (["claude-code", "--prices", "no-such-model"], "there is no price set 'no-such-model', and no price is known"),
    ],
)
def test_wrong_use_is_said(
    argv: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["what-if", *argv]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_model_has_shares_and_no_money(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "s.jsonl"
    written.claude_code(trace(), log)
    log.write_text(log.read_text().replace(written.MODEL, "house-model-1"))
    session = what_if(capsys, log)["sessions"][0]
    assert session["paid_usd"] is session["rows"][0]["saved_usd"] is None
    assert any("No money, only shares" in each for each in session["assumed"])
    assert any("the strictest of all is assumed" in each for each in session["assumed"])
    assert what_if(capsys, log, "--prices", written.MODEL)["sessions"][0]["rows"][0]["saved_usd"] is not None


def test_a_model_that_binds_its_thinking_says_what_is_out_of_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "s.jsonl"
    written.claude_code(trace(3), log)
    log.write_text(log.read_text().replace(written.MODEL, "claude-sonnet-5-5"))
    assert any("binds its thinking" in each for each in what_if(capsys, log)["sessions"][0]["assumed"])


def test_a_damaged_log_is_said_and_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.claude_code(trace(), tmp_path / "a" / "s.jsonl")
    data = written.claude_code(trace(name="two"), tmp_path / "a" / "t.jsonl", session="s-2").read_bytes()
    (tmp_path / "a" / "t.jsonl").write_bytes(data[:-60])
    shown = what_if(capsys, tmp_path / "a", "--prices", "A")
    assert [each["session"] for each in shown["sessions"]] == ["s-1", "s-2"]
    assert [each["why"].partition(",")[0] for each in shown["skipped"]] == ["it is not a whole JSON object"]
