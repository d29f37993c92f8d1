"""`bursar context bench` on sessions of its own, and on one real session against what was published of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.cli import run_command_line
from bursar.commandline.schema import load_schema
from bursar.domain.context.policies.registry import ENTRIES


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Two sessions that read a file in each request; the second uses each again twelve requests later."""
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(_session(each)) + "\n" for each in (False, True)), encoding="utf-8")
    return path


def _session(again: bool) -> dict[str, Any]:
    turns: list[dict[str, Any]] = [{"role": "user", "kind": "user", "text": "go on", "req": 0, "t": 0.0}]
    for number in range(40):
        wanted = f"src/file_{number - 12}.py" if again and number >= 12 else "the next one"
        call = {"role": "assistant", "kind": "tool_call", "text": json.dumps({"path": wanted}), "req": number}
        result = {"role": "tool", "kind": "tool_result", "text": f"src/file_{number}.py\n" + "text " * 400}
        turns += [call | {"t": 9.0 * number + 1}, result | {"req": number + 1}]
    return {"id": f"s{again}", "source": "here", "requests": 40, "turns": turns, "usage": []}


def bench(traces: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert run_command_line(["context", "bench", "--traces", str(traces), "--json", *argv]) == 0
    shown = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema("context-bench")).validate(shown)
    return {(each["policy"], each["prices"]): each for each in shown["rows"]}


def test_all_policies_under_all_price_sets(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = bench(traces, capsys, "--prices", "all")
    assert {prices for _, prices in rows} == {"A", "B", "C", "D", "E", "F", "G", "cliff"}
    for prices in "ABCDEFG":
        assert rows["keep-all", prices]["eff"] == rows["keep-all", prices]["retention"] == 1
        # ten results stand in full, so what came twelve requests ago is always gone
        assert rows["mask-10", prices]["retention"] == 0
        assert rows["mask-10", prices]["eff"] > 1
        assert rows["optimum", prices]["share"] == 1 and rows["keep-all", prices]["share"] == 0
        gain = (1 - rows["dedupe", prices]["eff"]) / (1 - rows["optimum", prices]["eff"])
        assert rows["dedupe", prices]["share"] == pytest.approx(gain, abs=1e-3)
    best = rows["mask-10", "A"]["best_peer"]
    assert rows[best, "A"]["ci_vs_best_peer"] == [0, 0]
    assert rows[best, "A"]["eff"] == min(
        row["eff"]
        for (name, each), row in rows.items()
        if each == "A" and ENTRIES[name].peer and not ENTRIES[name].pings
    )


def test_one_policy_without_a_peer_has_no_interval(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = bench(traces, capsys, "--policy", "idle-5min-ping", "--prices", "F")
    assert list(rows) == [("idle-5min-ping", "F")]
    assert rows["idle-5min-ping", "F"]["best_peer"] == "idle-5min-ping"
    assert rows["idle-5min-ping", "F"]["share"] is None


def test_a_table_for_people(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["context", "bench", "--traces", str(traces), "--policy", "keep-all"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["policy", "prices", "cost", "eff"]
    assert line.split()[:4] == ["keep-all", "A", "1.000", "1.000"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--policy", "nonsense"], "there is no policy 'nonsense': choose all, or one of keep-all, "),
        (["--prices", "Z"], "there is no price set 'Z': choose all, or one of A, B, "),
    ],
)
def test_a_name_that_there_is_not(traces: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    assert run_command_line(["context", "bench", "--traces", str(traces), *argv]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["context", "bench", "--traces", str(tmp_path / "none")]) == 2
    assert "cannot be read (No such file or directory): give the path" in capsys.readouterr().err


@pytest.mark.parametrize(("policy", "code"), [("all", 0), ("optimum", 2)])
def test_without_numpy_only_the_optimum_is_missing(traces: Path, policy: str, code: int) -> None:
    call = ["context", "bench", "--traces", str(traces), "--policy", policy, "--json"]
    hidden = "import sys; sys.modules['numpy'] = None"
    program = f"{hidden}; from bursar.cli import run_command_line as run; sys.exit(run({call}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == code
    assert "is computed with numpy" in done.stderr and "pip install 'bursar[bench]'" in done.stderr
    if code == 0:
        policies = [each["policy"] for each in json.loads(done.stdout)["rows"]]
        assert "dedupe" in policies and "optimum" not in policies


def test_what_cannot_be_written_or_held(traces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["context", "bench", "--traces", str(traces), "--policy", "keep-all"]
    assert run_command_line([*call, "--decisions", str(tmp_path / "none" / "d")]) == 2
    assert "cannot be written (No such file or directory): give another file" in capsys.readouterr().err
    assert run_command_line([*call, "--window", "0"]) == 2
    assert "a window of 0 tokens holds nothing" in capsys.readouterr().err
