"""``make bench-ledger``: what the status bar and ``bursar usage`` ask of a store with a million requests, and how long.

Rows are written by plain SQL, their sums by the store's own making-anew. Each query runs many times, in turn with the
floor: one row of the ledger by its number, through the same connection. No figure is asserted anywhere.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import apsw

from benchmarks.report import FOLDER, Row, write
from bursar.domain.money.budget import Scope
from bursar.domain.money.rolls import OWN_AGENT
from bursar.domain.money.spending import SpendKey, spend_lines
from bursar.storage.connect import connect
from bursar.storage.imports import spent_on
from bursar.storage.ledger import add_entry
from bursar.storage.migrations import migrate
from bursar.storage.rolls import rebuild_rolls
from bursar.storage.rows import LEDGER_COLUMNS, bindings, columns, ledger_entry, ledger_values, marks
from bursar.storage.spending import spending
from bursar.storage.standing import used
from support.books import entry

_FIRST_DAY = date(2024, 1, 1)
_DAYS = 1_000
_A_SCREEN = 60
_MODELS, _WORKSPACES, _SPECS, _TASKS, _FILES = 12, 12, 20, 200, 5_000
_A_SESSION, _A_RUN, _A_PROMPT = 100, 50, 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long one query took, and how much of it this thread was computing: other programs count in the first only."""

    wall_ms: float
    cpu_ms: float


def main(argv: Sequence[str]) -> int:
    """Print the table and leave build/bench/ledger.json."""
    parser = argparse.ArgumentParser(prog="bench-ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=300, help="how often each query runs")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as folder:
        rows = measured(Path(folder) / "bursar.db", rows=args.rows, times=args.times)
    _print(rows, args.rows)
    path = write("ledger", rows, {"sqlite": apsw.sqlite_lib_version(), "apsw": apsw.apsw_version()}, args.folder)
    sys.stderr.write(f"{path}\n")
    return 0


def measured(path: Path, *, rows: int, times: int) -> list[Row]:
    """Every query at the median and the 99th percentile, each beside the floor of the same rounds."""
    path.touch()
    connection = connect(path)
    connection.pragma("journal_mode", "wal")
    migrate(connection, path)
    began = time.perf_counter()
    _fill(connection, rows)
    sys.stderr.write(f"{rows:,} rows and their sums in {time.perf_counter() - began:.0f} s\n")
    chosen = random.Random(2)
    found = []
    for what, query in _queries(connection).items():
        ours: list[Took] = []
        floor: list[Took] = []
        for _ in range(times):
            n = chosen.randrange(1, rows + 1)
            floor.append(_took(lambda n=n: connection.execute("SELECT cost_pico FROM ledger WHERE n = ?", (n,)).get))
            ours.append(_took(query))
        found += [
            _row(f"{what}, {figure}", at(ours), f"one row by its number, {figure}", at(floor))
            for figure, at in _FIGURES.items()
        ]
    found += _writes(connection, times)
    connection.close()
    return found


def _queries(connection: apsw.Connection) -> dict[str, Callable[[], Any]]:
    today = _day(_DAYS - 1)
    scope = Scope(kind="day", key=today)

    def status_bar() -> None:
        used(connection, scope, "usd")
        spent_on(connection, today)

    def report(by: SpendKey, since: str | None) -> Callable[[], Any]:
        agent = None if by == "agent" else OWN_AGENT
        return lambda: spend_lines(by, spending(connection, by, since=since, agent=agent, most=_A_SCREEN))

    found: dict[str, Callable[[], Any]] = {"status bar": status_bar}
    for by in get_args(SpendKey):
        found[f"usage --by {by}"] = report(by, None)
    for by in ("model", "task"):
        found[f"usage --by {by} --since 30d"] = report(by, _day(_DAYS - 30))
    return found


def _writes(connection: apsw.Connection, times: int) -> list[Row]:
    """Adding an entry with its link and its sums, beside the same row added bare; neither waits for the disk."""
    connection.pragma("synchronous", "OFF")
    names = (*LEDGER_COLUMNS, "chain")
    bare = f"INSERT INTO ledger ({columns(names)}) VALUES ({marks(names)})"
    ours: list[Took] = []
    floor: list[Took] = []
    for n in range(times):
        one = entry(n, request_id=f"new-{n}", run="run-new", local_day=_day(_DAYS - 1))
        other = replace(one, request_id=f"bare-{n}", run="run-bare")
        ours.append(_took(lambda one=one: _added(connection, one)))
        values = (*bindings(LEDGER_COLUMNS, ledger_values(other)), "c" * 64)
        floor.append(_took(lambda values=values: connection.execute(bare, values)))
    p50 = _FIGURES["p50"]
    return [_row("adding an entry with its sums, p50", p50(ours), "a bare INSERT, p50", p50(floor))]


def _added(connection: apsw.Connection, one: Any) -> None:
    with connection:
        add_entry(connection, one)


def _fill(connection: apsw.Connection, rows: int) -> None:
    names = (*LEDGER_COLUMNS, "chain")
    connection.pragma("synchronous", "OFF")
    with connection:
        connection.executemany(f"INSERT INTO ledger ({columns(names)}) VALUES ({marks(names)})", _ledger(rows))
        rebuild_rolls(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.pragma("synchronous", "FULL")
    first = connection.execute(f"SELECT {columns(LEDGER_COLUMNS)} FROM ledger LIMIT 1").fetchone()
    assert ledger_entry(first).local_day == _day(0), "the rows are read as the store reads its own"


def _ledger(rows: int) -> Iterator[tuple[Any, ...]]:
    """The same rows each time: sessions of a hundred requests over a thousand days, in a dozen folders."""
    chosen = random.Random(1)
    plain = ledger_values(entry(0))
    for n in range(rows):
        session = n // _A_SESSION
        values = {
            **plain,
            "request_id": f"req_{n:09}",
            "local_day": _day(n * _DAYS // rows),
            "workspace": f"/home/ada/project-{session % _WORKSPACES}",
            "run": f"run-{n // _A_RUN}",
            "step": f"m{n % _A_RUN}",
            "spec": f".kiro/specs/feature-{session % _SPECS}/tasks.md",
            "task": str(session % _TASKS),
            "file": f"src/module_{n // 10 % _FILES}.py",
            "model": f"model-{chosen.randrange(_MODELS)}",
            "uncached_input": chosen.randrange(5_000),
            "cache_read": chosen.randrange(90_000),
            "output": chosen.randrange(3_000),
            "cost_pico": chosen.randrange(10**11),
            "ttft_ms": chosen.randrange(100, 3_000),
            "duration_ms": chosen.randrange(3_000, 60_000),
            "session": f"session-{session:06}",
            "prompt_version": f"{n // _A_PROMPT:016x}",
            "operation": "task",
            "outcome": "answered",
        }
        yield (*bindings(LEDGER_COLUMNS, values), "c" * 64)


def _day(number: int) -> str:
    return (_FIRST_DAY + timedelta(days=number)).isoformat()


def _took(act: Callable[[], Any]) -> Took:
    began, began_cpu = time.perf_counter(), time.thread_time()
    act()
    return Took(wall_ms=1_000 * (time.perf_counter() - began), cpu_ms=1_000 * (time.thread_time() - began_cpu))


def _at(values: Iterable[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[max(-(-share * len(ordered) // 100), 1) - 1]


_FIGURES: dict[str, Callable[[Sequence[Took]], float]] = {
    "p50": lambda took: _at((each.wall_ms for each in took), 50),
    "p99": lambda took: _at((each.wall_ms for each in took), 99),
    "p99 of processor time": lambda took: _at((each.cpu_ms for each in took), 99),
}


def _row(what: str, ours: float, peer: str, theirs: float) -> Row:
    return Row(what=what, value=Decimal(f"{ours:.3f}"), unit="ms", peer=peer, peer_value=Decimal(f"{theirs:.3f}"))


def _print(rows: Sequence[Row], number: int) -> None:
    lines = [f"A ledger of {number:,} requests; milliseconds, with those of the floor beside them.", ""]
    lines += [f"{each.what:<52}{each.value:>9}  {each.peer} {each.peer_value}" for each in rows]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
