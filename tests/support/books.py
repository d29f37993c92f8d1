"""A store with entries in it, written by the store itself: for tests of what is read from it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bursar.domain.money.budget import Scope
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Claimed
from bursar.domain.runs import NewRun
from bursar.storage import SqliteJournal, open_journal

from .fakes import CountingIds, FakeClock

_TITLE = "Count the words"
_BODY = b"{}"
_SHA256 = hashlib.sha256(_BODY).hexdigest()


def entry(n: int, **changed: Any) -> LedgerEntry:
    """Entry ``n`` of run-1; what is not given is the same in each."""
    values: dict[str, Any] = {
        "request_id": f"req-{n}",
        "at": "2026-11-21T08:00:01.000Z",
        "local_day": "2026-11-21",
        "workspace": "/home/ada/project",
        "run": "run-1",
        "step": f"m{n}",
        "attempt": 1,
        "epoch": 1,
        "spec": "tasks.md",
        "task": "2.1",
        "file": None,
        "line": None,
        "provider": "anthropic",
        "model": "claude-sonnet-5-5",
        "usage": Usage(uncached_input=100, output=50),
        "usage_raw": None,
        "unit_prices": None,
        "rate_card": "card 1",
        "cost_pico": 10**9,
        "at_most_pico": 2 * 10**9,
        "unpriced": False,
        "certainty": "billed",
        "body_sha256": _SHA256,
        "prompt_sha256": _SHA256,
        "ttft_ms": None,
        "duration_ms": None,
    }
    return LedgerEntry(**{**values, **changed})


def unknown(n: int, at_most_pico: int, **changed: Any) -> LedgerEntry:
    """An entry whose bill is not known."""
    return entry(n, cost_pico=None, at_most_pico=at_most_pico, certainty="unknown", usage=Usage(), **changed)


def unpriced(n: int, **changed: Any) -> LedgerEntry:
    """An entry of a model without a price."""
    return entry(n, cost_pico=None, at_most_pico=0, unpriced=True, **changed)


def book(home: Path, entries: Iterable[LedgerEntry], *, not_taken: int = 0, not_taken_on: str = "2026-11-21") -> None:
    """Settle each entry in a run of its workspace, spec and task; then some attempts that nobody takes."""
    journal = open_journal(home, clock=FakeClock(), ids=CountingIds(), failpoint=lambda _name: None)
    try:
        asyncio.run(_book(journal, list(entries), [entry(1_000 + n, local_day=not_taken_on) for n in range(not_taken)]))
    finally:
        journal.close()


async def _book(journal: SqliteJournal, entries: Sequence[LedgerEntry], not_taken: Sequence[LedgerEntry]) -> None:
    for each in entries:
        epoch = await _epoch(journal, each)
        await _begin(journal, epoch, each)
        result = None if each.cost_pico is None and not each.unpriced else {"blocks": []}
        await journal.settle_request(
            run=each.run, epoch=epoch, key=each.step, attempt=1, entry=each, result=result, seconds_run=1.0
        )
    for each in not_taken:
        epoch = await _epoch(journal, each)
        await _begin(journal, epoch, each)
        await journal.release_request(run=each.run, epoch=epoch, key=each.step, attempt=1, why="busy")
    for record in journal.runs():
        await journal.release(record.run)


async def _epoch(journal: SqliteJournal, each: LedgerEntry) -> int:
    known = journal.run(each.run)
    if known is None:
        sha256 = hashlib.sha256(_TITLE.encode()).hexdigest()
        await journal.create_run(
            NewRun(
                run=each.run,
                workspace=each.workspace,
                spec=each.spec,
                task_id=each.task,
                task_address=each.task,
                task_title=_TITLE,
                task_title_sha256=sha256,
                task_line=0,
                provider=each.provider,
                model=each.model,
                ceiling_pico=None,
                first_request="{}",
                counted_tokens=1,
            )
        )
    elif known.owner is not None:
        return known.epoch
    claimed = await journal.claim(each.run)
    assert isinstance(claimed, Claimed)
    return claimed.epoch


async def _begin(journal: SqliteJournal, epoch: int, each: LedgerEntry) -> None:
    await journal.begin_request(
        run=each.run,
        epoch=epoch,
        key=each.step,
        n=int(each.step[1:]),
        attempt=1,
        intent={"counted_tokens": 1, "max_tokens": 1, "model": each.model, "day": each.local_day},
        body=_BODY,
        body_sha256=_SHA256,
        prompt_sha256=_SHA256,
        hold_pico=each.at_most_pico,
        limits=(),
        day=Scope(kind="day", key=each.local_day),
    )
