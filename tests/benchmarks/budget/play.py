"""Plays the load: several processes on one store, and what plain SQL says of it afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import apsw

from bursar.storage import open_journal
from support.fakes import CountingIds, FakeClock

TESTS = Path(__file__).parent.parent.parent
_BILLED = "SELECT coalesce(sum(cost_pico), 0) FROM ledger"
_HELD = "SELECT coalesce(sum(amount_pico), 0) FROM hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a load came to; ``most_pico`` is the most that was seen charged and held at one moment."""

    limit_pico: int
    billed_pico: int
    held_pico: int
    most_pico: int
    granted: int
    refused: int
    waited: int

    @property
    def usable(self) -> Fraction:
        """The share of the budget that was really spent."""
        return Fraction(self.billed_pico, self.limit_pico)

    @property
    def overshoot_pico(self) -> int:
        """By how much the budget was passed at its worst moment."""
        return max(0, self.most_pico - self.limit_pico)


def play(home: Path, *, processes: int, count: int, limit_pico: int, how: str = "reserve") -> Played:
    """Let the processes spend at the same time, look at the store while they do, and add up in plain SQL."""
    open_journal(home, clock=FakeClock(), ids=CountingIds("first"), failpoint=lambda name: None).close()
    loads = [_start(home, f"p{number}", count, limit_pico, f"{how}:{processes}") for number in range(processes)]
    most = 0
    try:
        with _reading(home) as connection:
            while any(each.poll() is None for each in loads):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    loads[0 if loads[0].poll() is None else -1].wait(timeout=0.05)
                most = max(most, _now(connection)[0])
            most = max(most, _now(connection)[0])
            billed = int(connection.execute(_BILLED).get)
            held = int(connection.execute(_HELD).get)
        said = [json.loads(each.communicate()[0]) for each in loads]
    finally:
        for each in loads:
            each.kill()
            each.wait()
    return Played(
        limit_pico=limit_pico,
        billed_pico=billed,
        held_pico=held,
        most_pico=most,
        **{name: sum(each[name] for each in said) for name in ("granted", "refused", "waited")},
    )


def _start(home: Path, tag: str, count: int, limit_pico: int, how: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.budget.load", str(home), tag, str(count), str(limit_pico), how],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def _now(connection: apsw.Connection) -> tuple[int]:
    """Everything charged and held, at one moment."""
    return (int(connection.execute(f"SELECT ({_BILLED}) + ({_HELD})").get),)


@contextlib.contextmanager
def _reading(home: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(home / "bursar.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(10_000)
        connection.pragma("query_only", 1)
        yield connection
    finally:
        connection.close()
