"""Ends a run that nobody drives: what its dead owner had in flight is booked, because nobody will settle it later."""

from __future__ import annotations

import contextlib
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
# A hold is money that may be owed, so it is found without its run and its step, too.
_IN_FLIGHT = (
    "SELECT hold.key, hold.attempt, hold.epoch, hold.local_day, hold.amount_pico, coalesce(step.intent, ''),"
    " step.body_sha256, step.prompt_sha256, hold.workspace, coalesce(run.spec, ''), coalesce(run.task_address, ''),"
    " coalesce(run.provider, ''), coalesce(run.model, ''), hold.session, coalesce(run.prompt_version, ''),"
    " coalesce(nullif(run.purpose, ''), run.kind, ''), hold.amount_tokens FROM hold LEFT JOIN run USING (run)"
    " LEFT JOIN step ON step.run = hold.run AND step.key = hold.key AND step.attempt = hold.attempt"
    " WHERE hold.run = ? ORDER BY hold.at, hold.hold"
)
# The journal itself says what became of the attempt: it is in the ledger, or its provider did not take it.
_ENDED = (
    "SELECT 1 FROM ledger WHERE (run, step, attempt) = (?, ?, ?)"
    " UNION ALL SELECT 1 FROM not_taken WHERE (run, step, attempt) = (?, ?, ?)"
)


def stop_now(connection: apsw.Connection, *, run: str, spool: FileSpool, at: str) -> None:
    """End the run for good and book what it had in flight as "at most" what was held for it."""
    change(connection, run, _STOPPED, (), at)
    book_in_flight(connection, run=run, spool=spool, at=at)


def book_in_flight(connection: apsw.Connection, *, run: str, spool: FileSpool, at: str) -> None:
    """Book what is held for a run that nobody will settle any more; afterwards nothing is held for it."""
    for row in connection.execute(_IN_FLIGHT, (run,)).fetchall():
        _book(connection, run, row, spool, at)


def book_one(connection: apsw.Connection, *, run: str, key: str, attempt: int, spool: FileSpool, at: str) -> None:
    """The same for one attempt of a run; what others it has in flight stays held."""
    for row in connection.execute(_IN_FLIGHT, (run,)).fetchall():
        if row[:2] == (key, attempt):
            _book(connection, run, row, spool, at)


def _book(connection: apsw.Connection, run: str, row: tuple[Any, ...], spool: FileSpool, at: str) -> None:
    key, attempt, epoch, day, amount, intent, body, prompt, workspace, spec, task, provider, model, *more = row
    session, prompt_version, kind, tokens = more
    own = (run, key, attempt)
    connection.execute("DELETE FROM hold WHERE run = ? AND key = ? AND attempt = ?", own)
    if connection.execute(_ENDED, (*own, *own)).get is not None:
        return
    about = _about(intent)
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
    connection.execute(
        "UPDATE step SET status = 'failed', request_id = ?, ended_at = ?"
        " WHERE run = ? AND key = ? AND attempt = ? AND status = 'intent'",
        (request_id, at, run, key, attempt),
    )


def _about(intent: str) -> dict[str, Any]:
    """What the intent says; nothing where it is lost or spoilt, for the money is owed all the same."""
    with contextlib.suppress(ValueError):
        found = json.loads(intent)
        return found if isinstance(found, dict) else {}
    return {}
