"""``python -m benchmarks.imports [--megabytes N] [--ccusage PROGRAM]``: reads made logs, and has ccusage read them.

Both are processes of their own, from their start to their end, over the same files, which were read once before so that
both find them in memory. The totals of both are compared with what was put into the logs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.imports.make import Truth, claude_logs, codex_logs

AGENTS = {"claude-code": ("Claude Code", "claude", claude_logs), "codex": ("Codex CLI", "codex", codex_logs)}
FIELDS = {
    "input": ("inputTokens", ("uncached_input",)),
    "cache_read": ("cacheReadTokens", ("cache_read",)),
    "cache_write": ("cacheCreationTokens", ("cache_write_5m", "cache_write_1h")),
    "output": ("outputTokens", ("output",)),
}
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How long a program took, the most memory it held, and what it found."""

    seconds: float
    memory: int
    out: Any


def main() -> int:
    """Make, read, compare, print and write."""
    parser = argparse.ArgumentParser(prog="bench-imports", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="of each agent's logs (1024 for a gigabyte)")
    parser.add_argument("--ccusage", type=Path, help="the program to compare with; left out, there is no comparison")
    parser.add_argument("--into", default="imports", metavar="NAME", help="the file of build/bench that takes the rows")
    args = parser.parse_args()
    rows: list[report.Row] = []
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as folder:
        for agent in AGENTS:
            rows += _agent(agent, Path(folder) / agent, args.megabytes, args.ccusage, wrong)
    versions = {"bursar": importlib.metadata.version("bursar")}
    if args.ccusage is not None:
        said = subprocess.run([args.ccusage, "--version"], capture_output=True, text=True, check=True).stdout
        versions["ccusage"] = said.split()[-1]
        _say(f"Written: {report.add(args.into, rows, versions)}")
    for each in wrong:
        _say(f"WRONG: {each}")
    return 1 if wrong else 0


def _agent(agent: str, folder: Path, megabytes: int, ccusage: Path | None, wrong: list[str]) -> list[report.Row]:
    name, word, make = AGENTS[agent]
    logs = folder / ("projects" if agent == "claude-code" else "sessions")
    truth = make(logs, megabytes * MEBIBYTE)
    for each in logs.rglob("*.jsonl"):
        each.read_bytes()
    home = folder / "state"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "BURSAR_HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(folder),
        "CODEX_HOME": str(folder),
    }
    bursar = [sys.executable, "-m", "bursar"]
    _say(f"{name}: {truth.requests:,} requests in {truth.size / MEBIBYTE:,.0f} MiB")
    first = _run([*bursar, "usage", "import", agent, "--json"], environ)
    again = _run([*bursar, "usage", "import", agent, "--json"], environ)
    (row,) = _run([*bursar, "usage", "--by", "agent", "--json"], environ).out["rows"]
    sums = {key: sum(row["usage"][each] for each in FIELDS[key][1]) for key in FIELDS}
    _compare(f"{name}, bursar", truth, sums, wrong)
    money = Decimal(first.out["agents"][0]["cost_usd"])
    _line("bursar, first import", truth, first, money)
    _line("bursar, nothing new", truth, again, money)
    if ccusage is None:
        return []
    theirs = _run([str(ccusage), word, "daily", "--json", "--offline"], environ)
    total = theirs.out["totals"]
    _compare(f"{name}, ccusage", truth, {key: total[FIELDS[key][0]] for key in FIELDS}, wrong)
    their_money = Decimal(str(total.get("totalCost", total.get("costUSD"))))
    _line("ccusage, each time", truth, theirs, their_money)
    if abs(money - their_money) > money / 1_000:
        wrong.append(f"{name}: bursar says ${money:.2f} and ccusage ${their_money:.2f}")
    return [
        _row(f"{name}: {what}, {truth.size / MEBIBYTE:.0f} MiB of logs", value, unit, peer)
        for what, value, unit, peer in (
            ("first import", first.seconds, "s", theirs.seconds),
            ("later import, nothing new", again.seconds, "s", theirs.seconds),
            ("most memory", first.memory / MEBIBYTE, "MiB", theirs.memory / MEBIBYTE),
        )
    ]


def _run(command: Sequence[str], environ: dict[str, str]) -> Read:
    began = time.monotonic()
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Read(seconds=time.monotonic() - began, memory=_bytes(used), out=json.loads(out))


def _bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


def _compare(who: str, truth: Truth, sums: dict[str, int], wrong: list[str]) -> None:
    for name, tokens in truth.tokens.items():
        if sums[name] != tokens:
            wrong.append(f"{who}: {sums[name]:,} tokens of {name}, and {tokens:,} are in the logs")


def _row(what: str, value: float, unit: str, peer: float) -> report.Row:
    two = Decimal("0.01")
    return report.Row(
        what=what,
        value=Decimal(value).quantize(two),
        unit=unit,
        peer="ccusage",
        peer_value=Decimal(peer).quantize(two),
    )


def _line(who: str, truth: Truth, read: Read, money: Decimal) -> None:
    speed = truth.size / MEBIBYTE / read.seconds
    memory = read.memory / MEBIBYTE
    _say(f"  {who:<22} {read.seconds:7.2f} s  {speed:7.0f} MiB/s  at most {memory:5.0f} MiB of memory  ${money:,.2f}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
