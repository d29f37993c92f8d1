"""A user who has run such tasks before: finished runs in a journal, each with what it took."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bursar.domain.money.budget import Scope
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.usage import Usage
from bursar.domain.runs import NewRun
from bursar.domain.specs.traits import TaskTraits
from bursar.storage import SqliteJournal, open_journal
from support.fakes import CountingIds, FakeClock

TRAITS = TaskTraits(kind="other", text_chars=20, files_named=0)
CENT = 10**10


async def have_run(
    journal: SqliteJournal,
    costs_pico: Sequence[int],
    *,
    workspace: str,
    spec: str,
    model: str,
    first_tokens: int,
    first_pico: int,
    traits: TaskTraits = TRAITS,
    day: str = "2026-01-02",
    began: int = 0,
) -> None:
    """A finished run for each of these costs, on another day, with ten requests' worth of tokens each."""
    for number, cost_pico in enumerate(costs_pico, start=began):
        run = f"past-{number}"
        await journal.create_run(
            NewRun(
                run=run,
                workspace=workspace,
                spec=spec,
                task_id=None,
                task_address=f"@{number}",
                task_title=f"Past {number}",
                task_title_sha256=f"{number:064}",
                task_line=number,
                provider="sim",
                model=model,
                ceiling_pico=None,
                first_request="{}",
                counted_tokens=first_tokens,
                traits=traits,
                first_pico=first_pico,
            )
        )
        claimed = await journal.claim(run)
        epoch = claimed.epoch  # type: ignore[union-attr]
        await journal.begin_request(
            run=run,
            epoch=epoch,
            key="m1",
            n=1_000,
            attempt=1,
            intent={},
            body=b"{}",
            body_sha256=hashlib.sha256(b"{}").hexdigest(),
            prompt_sha256="p" * 64,
            hold_pico=0,
            limits=(),
            day=Scope(kind="day", key=day),
        )
        entry = LedgerEntry(
            request_id=f"req-{run}",
            at=f"{day}T08:00:00.000Z",
            local_day=day,
            workspace=workspace,
            run=run,
            step="m1",
            attempt=1,
            epoch=epoch,
            spec=spec,
            task=f"@{number}",
            file=None,
            line=None,
            provider="sim",
            model=model,
            usage=Usage(uncached_input=first_tokens * 10),
            usage_raw=None,
            unit_prices=None,
            rate_card=None,
            cost_pico=cost_pico,
            at_most_pico=cost_pico,
            unpriced=False,
            certainty="billed",
            body_sha256=hashlib.sha256(b"{}").hexdigest(),
            prompt_sha256="p" * 64,
            ttft_ms=None,
            duration_ms=None,
        )
        await journal.settle_request(
            run=run, epoch=epoch, key="m1", attempt=1, entry=entry, result={}, seconds_run=30.0 + number
        )
        await journal.set_state(run=run, epoch=epoch, state="finished", seconds_run=30.0 + number)
        await journal.release(run)


def journal_at(home: Path) -> SqliteJournal:
    """The journal of a state folder that nobody else has open."""
    return open_journal(home, clock=FakeClock(), ids=CountingIds(), failpoint=lambda name: None)
