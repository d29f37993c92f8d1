"""Builds runs, requests and entries, and asks the file itself with plain SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.money.budget import Amount, Granted, Limit, RefusedByBudget, Scope
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.usage import Usage
from bursar.domain.runs import NewRun
from bursar.storage import SqliteJournal, open_journal
from support.fakes import CountingIds, FakeClock

DAY = "2026-11-21"
WORKSPACE = "/home/ada/project"


def no_failpoint(name: str, /) -> None:
    """Nothing happens here."""


def open_at(home: Path, *, clock: Any = None, ids: Any = None, failpoint: Any = no_failpoint) -> SqliteJournal:
    return open_journal(home, clock=clock or FakeClock(), ids=ids or CountingIds(), failpoint=failpoint)


def new_run(run: str = "run-1", **changed: Any) -> NewRun:
    values: dict[str, Any] = {
        "run": run,
        "workspace": WORKSPACE,
        "spec": ".kiro/specs/demo/tasks.md",
        "task_id": "2.1",
        "task_address": "2.1",
        "task_title": "Count the words",
        "task_title_sha256": hashlib.sha256(b"Count the words").hexdigest(),
        "task_line": 7,
        "provider": "anthropic",
        "model": "claude-sonnet-5-5",
        "ceiling_pico": None,
        "first_request": '{"system": "You are careful.", "document": "naïve"}',
        "counted_tokens": 1_204,
    }
    return NewRun(**{**values, **changed})


def entry(run: str = "run-1", key: str = "m1", attempt: int = 1, epoch: int = 1, **changed: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "request_id": f"req-{run}-{key}-{attempt}",
        "at": "2026-11-21T08:00:01.000Z",
        "local_day": DAY,
        "workspace": WORKSPACE,
        "run": run,
        "step": key,
        "attempt": attempt,
        "epoch": epoch,
        "spec": ".kiro/specs/demo/tasks.md",
        "task": "2.1",
        "file": "src/words.py",
        "line": 12,
        "provider": "anthropic",
        "model": "claude-sonnet-5-5",
        "usage": Usage(uncached_input=100, cache_read=900, cache_write_5m=20, output=50, reasoning=7),
        "usage_raw": '{"input_tokens": 100}',
        "unit_prices": '{"input": "3"}',
        "rate_card": "card 1",
        "cost_pico": 1_400,
        "at_most_pico": 2_000,
        "unpriced": False,
        "certainty": "billed",
        "body_sha256": "b" * 64,
        "prompt_sha256": "p" * 64,
        "ttft_ms": 310,
        "duration_ms": 1_900,
    }
    return LedgerEntry(**{**values, **changed})


def unknown(run: str = "run-1", key: str = "m1", attempt: int = 1, epoch: int = 1, **changed: Any) -> LedgerEntry:
    return entry(run, key, attempt, epoch, **{"cost_pico": None, "certainty": "unknown", "usage": Usage(), **changed})


def run_limit(value: int, run: str = "run-1", unit: Any = "usd") -> Limit:
    return Limit(scope=Scope(kind="run", key=run), amount=Amount(unit=unit, value=value))


def day_limit(value: int, unit: Any = "usd") -> Limit:
    return Limit(scope=Scope(kind="day", key=DAY), amount=Amount(unit=unit, value=value))


async def owned(journal: SqliteJournal, run: str = "run-1", **changed: Any) -> int:
    """Make a run and take it; the epoch."""
    await journal.create_run(new_run(run, **changed))
    return await taken(journal, run)


async def taken(journal: SqliteJournal, run: str = "run-1") -> int:
    """Take a run that is there; the epoch."""
    claimed = await journal.claim(run)
    assert not hasattr(claimed, "owner"), claimed
    return claimed.epoch  # type: ignore[union-attr]


async def begin(
    journal: SqliteJournal,
    epoch: int,
    run: str = "run-1",
    key: str = "m1",
    attempt: int = 1,
    *,
    hold_pico: int = 2_000,
    limits: Sequence[Limit] = (),
    body: bytes = b'{"model": "claude"}',
    intent: dict[str, Any] | None = None,
) -> Granted | RefusedByBudget:
    return await journal.begin_request(
        run=run,
        epoch=epoch,
        key=key,
        n=int(key[1:]) * 1_000,
        attempt=attempt,
        intent={"counted_tokens": 1_000, "max_tokens": 200, "day": DAY} if intent is None else intent,
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        prompt_sha256="p" * 64,
        hold_pico=hold_pico,
        limits=limits,
        day=Scope(kind="day", key=DAY),
    )


async def settle(
    journal: SqliteJournal,
    epoch: int,
    run: str = "run-1",
    key: str = "m1",
    attempt: int = 1,
    *,
    booked: LedgerEntry | None = None,
    result: dict[str, Any] | None = None,
    seconds_run: float = 1.5,
) -> None:
    await journal.settle_request(
        run=run,
        epoch=epoch,
        key=key,
        attempt=attempt,
        entry=booked or entry(run, key, attempt, epoch),
        result=result,
        seconds_run=seconds_run,
    )


def ask_file(home: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the file itself says, by a connection of the test's own."""
    connection = apsw.Connection(str(home / "bursar.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("query_only", 1)
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def change_file(home: Path, sql: str, *values: Any) -> None:
    """Change the file behind the journal's back."""
    connection = apsw.Connection(str(home / "bursar.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute(sql, values)
    finally:
        connection.close()
