"""The demo as a user gets it: from a wheel, in an empty folder with an empty home, and its books worked out anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.demo import KILL_TASK, SPEC

ROOT = Path(__file__).parents[2]
LAST_LINE = re.compile(
    r"demo ok: paid \$([\d.]+), in flight at most \$([\d.]+), bill \$([\d.]+), restart paid \$([\d.]+)"
)
PRICE_OF = {
    "uncached_input": "input",
    "cache_read": "cache_read",
    "cache_write_5m": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "output": "output",
}


@dataclass(frozen=True, kw_only=True)
class Played:
    """A demo that was played from an installed wheel."""

    python: Path
    home: Path
    here: Path
    keep: Path
    environ: dict[str, str]
    done: subprocess.CompletedProcess[str]

    def bill(self) -> dict[str, Any]:
        bill: dict[str, Any] = json.loads((self.keep / "bill.json").read_text())
        return bill

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.keep / "log.jsonl").read_text().splitlines()]

    def usage(self) -> dict[str, Any]:
        environ = {**self.environ, "BURSAR_HOME": str(self.keep / "home")}
        told = run([self.python, "-m", "bursar", "usage", "--json"], cwd=self.here, env=environ)
        usage: dict[str, Any] = json.loads(told.stdout)
        return usage

    def figures(self) -> tuple[Decimal, ...]:
        """Paid, in flight at most, bill, restart, as the last line has them."""
        found = LAST_LINE.fullmatch(self.done.stdout.splitlines()[-1])
        assert found, self.done.stdout[-500:]
        return tuple(Decimal(each) for each in found.groups())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("wheel")
    python = install_wheel(folder)
    home, here = folder / "nobody", folder / "nowhere"
    home.mkdir()
    here.mkdir()
    environ = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        # Nobody listens there: what is not loopback has no way out.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    command = [python.parent / "bursar", "demo", "--plain", "--keep", folder / "kept"]
    done = run(command, cwd=here, env=environ)
    return Played(python=python, home=home, here=here, keep=folder / "kept", environ=environ, done=done)


def test_it_ends_well_and_says_so_in_its_last_line(played: Played) -> None:
    assert played.done.returncode == 0, played.done.stderr
    paid, in_flight, bill, restart = played.figures()
    assert 0 < paid <= bill <= paid + in_flight
    assert bill < restart


def test_it_is_the_wheel_that_ran(played: Played) -> None:
    told = run([played.python, "-c", "import bursar; print(bursar.__file__)"], cwd=played.here, env=played.environ)
    assert Path(told.stdout.strip()).is_relative_to(played.python.parents[1])


def test_it_leaves_nothing_outside_its_folder(played: Played) -> None:
    assert list(played.here.iterdir()) == []
    assert list(played.home.iterdir()) == []


def test_the_bill_is_the_tokens_at_the_scenarios_prices(played: Played) -> None:
    (prices,) = [
        model["prices"] for model in json.loads((played.keep / "scenario.json").read_text())["models"].values()
    ]
    bill, log = played.bill(), {row["request_id"]: row for row in played.log()}
    assert [row["request_id"] for row in bill["requests"]] == list(log)
    total = Decimal(0)
    for row in bill["requests"]:
        tokens = row["billed_tokens"]
        assert tokens["output"] == log[row["request_id"]]["generated_tokens"]
        # The scenario has no price for a long write, and nothing may be billed that has none.
        cost = sum((Decimal(prices[PRICE_OF[name]]) * number for name, number in tokens.items() if number), Decimal(0))
        assert Decimal(row["cost_usd"]) == cost / 1_000_000
        assert (row["outcome"] == "refused") == (cost == 0)
        total += cost / 1_000_000
    assert Decimal(bill["total_usd"]) == total == played.figures()[2]


def test_our_books_equal_the_bill_request_by_request(played: Played) -> None:
    usage = played.usage()
    billed = {row["request_id"]: row for row in played.bill()["requests"] if row["outcome"] != "refused"}
    paid = held = Decimal(0)
    in_flight = []
    for row in usage["requests"]:
        theirs = billed.pop(row["request_id"])
        if row["certainty"] == "unknown":
            assert row["cost_usd"] is None
            assert 0 < Decimal(theirs["cost_usd"]) <= Decimal(row["at_most_usd"])
            held += Decimal(row["at_most_usd"])
            in_flight.append((row["task"], theirs["outcome"]))
        else:
            assert (row["certainty"], theirs["outcome"]) == ("billed", "complete")
            assert Decimal(row["cost_usd"]) == Decimal(theirs["cost_usd"])
            assert {name: row["usage"][name] for name in PRICE_OF} == theirs["billed_tokens"]
            paid += Decimal(row["cost_usd"])
    assert not billed
    assert in_flight == [(KILL_TASK, "cut")]
    assert (paid, held) == played.figures()[:2] == (Decimal(usage["total_usd"]), Decimal(usage["held_usd"]))


def test_nothing_complete_was_sent_again_and_the_limit_was_met_once(played: Played) -> None:
    log = played.log()
    assert max(Counter(row["sha256_of_body"] for row in log if row["outcome"] == "complete").values()) == 1
    assert Counter(row["outcome"] for row in log if row["outcome"] != "complete") == {"refused": 1, "cut": 1}


def test_the_restart_was_measured(played: Played) -> None:
    bill = json.loads((played.keep / "restart" / "bill.json").read_text())
    assert played.figures()[3] == sum(Decimal(row["cost_usd"]) for row in bill["requests"])
    assert len(bill["requests"]) > len(played.bill()["requests"])


def test_the_tasks_are_ticked_and_the_examples_tests_pass(played: Played) -> None:
    workspace = played.keep / "workspace"
    tasks = (workspace / SPEC / "tasks.md").read_text("utf-8")
    assert re.findall(r"^ +- \[ \](\*?) (\d\.\d) ", tasks, re.MULTILINE) == [("*", "3.3")]
    tests = [sys.executable, "-B", "-m", "unittest", "-q"]
    assert subprocess.run(tests, cwd=workspace, capture_output=True, timeout=60).returncode == 0


def test_it_does_not_play_in_a_folder_that_is_used(played: Played) -> None:
    again = run(played.done.args, cwd=played.here, env=played.environ, well=False)
    assert again.returncode == 2
    assert "is not empty" in again.stderr


def install_wheel(folder: Path) -> Path:
    """Build the wheel and install it alone into a new environment, which borrows its dependencies from this one."""
    uv = Path(sys.executable).parent / "uv"
    build = [uv, "build", "--wheel", "--quiet", "--no-build-isolation", "--offline", "--python", sys.executable]
    run([*build, "--out-dir", folder / "dist", ROOT], cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], cwd=folder)
    python = folder / "env" / "bin" / "python"
    run([uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel], cwd=folder)
    (own,) = (folder / "env" / "lib").glob("python*/site-packages")
    # A path in a .pth file is searched last, and .pth files found there, such as that of the editable install, are not
    # followed.
    (own / "borrowed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return python


def run(
    command: Any, *, cwd: Path, env: dict[str, str] | None = None, well: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 or not well, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
