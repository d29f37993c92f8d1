"""Ends a run that nobody drives: what its dead owner had in flight is booked, because nobody will settle it later."""

from __future__ import annotations

import json
from typing import Any

import apsw

from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.usage import Usage
from bursar.storage.ledger import add_entry
from bursar.storage.rows import loaded
from bursar.storage.runs import change
from bursar.storage.spool import FileSpool

_STOPPED = (
    "stop_requested = 1, state = 'failed', reason = 'stopped', resume_at = NULL, owner = NULL,"
    " detail = 'Stopped as asked. What was done stays as it is.', epoch = epoch + 1"
)
_IN_FLIGHT = (
    "SELECT hold.key, hold.attempt, hold.epoch, hold.local_day, hold.amount_pico, step.intent, step.body_sha256,"
    " step.prompt_sha256, run.workspace, run.spec, run.task_address, run.provider, run.model, hold.session,"
    " run.prompt_version, run.kind, hold.amount_tokens FROM hold"
    " JOIN run USING (run) JOIN step ON step.run = hold.run AND step.key = hold.key AND step.attempt = hold.attempt"
    " WHERE hold.run = ? ORDER BY hold.at, hold.hold"
)


def stop_now(connection: apsw.Connection, *, run: str, spool: FileSpool, at: str) -> None:
    """End the run for good and book what it had in flight as "at most" what was held for it."""
    change(connection, run, _STOPPED, (), at)
    book_in_flight(connection, run=run, spool=spool, at=at)


def book_in_flight(connection: apsw.Connection, *, run: str, spool: FileSpool, at: str) -> None:
    """Book what is held for a run that nobody will settle any more; afterwards nothing is held for it."""
    for row in connection.execute(_IN_FLIGHT, (run,)).fetchall():
        _book(connection, run, row, spool, at)


def _book(connection: apsw.Connection, run: str, row: tuple[Any, ...], spool: FileSpool, at: str) -> None:
    key, attempt, epoch, day, amount, intent, body, prompt, workspace, spec, task, provider, model, *more = row
    session, prompt_version, kind, tokens = more
    about = json.loads(intent)
    begun = spool.read(run=run, key=key, attempt=attempt)
    request_id = begun[0] if begun is not None else f"unseen:{run}:{key}:{attempt}"
    entry = LedgerEntry(
        request_id=request_id,
        at=at,
        local_day=day,
        workspace=loaded(workspace),
        run=run,
        step=key,
        attempt=attempt,
        epoch=epoch,
        spec=loaded(spec),
        task=loaded(task),
        file=about.get("file"),
        line=about.get("line"),
        provider=about.get("provider") or provider,
        model=about.get("model") or model,
        usage=Usage(),
        usage_raw=None,
        unit_prices=None,
        rate_card=None,
        cost_pico=None,
        at_most_pico=amount,
        unpriced=amount == 0,
        certainty="unknown",
        body_sha256=body or "",
        prompt_sha256=prompt or "",
        ttft_ms=None,
        duration_ms=None,
        session=session,
        prompt_version=prompt_version,
        operation=kind,
        outcome="stopped",
        at_most_tokens=tokens,
    )
    add_entry(connection, entry)
    connection.execute("DELETE FROM hold WHERE run = ? AND key = ? AND attempt = ?", (run, key, attempt))
    connection.execute(
        "UPDATE step SET status = 'failed', request_id = ?, ended_at = ?"
        " WHERE run = ? AND key = ? AND attempt = ? AND status = 'intent'",
        (request_id, at, run, key, attempt),
    )
