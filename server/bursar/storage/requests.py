"""Requests as money: held with the intent before, settled with the result after, released when not taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.money.budget import Granted, Limit, RefusedByBudget, Unit
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.rolls import OWN_AGENT, Spent, Sums
from bursar.storage.ledger import add_entry
from bursar.storage.rolls import add_spent
from bursar.storage.rows import columns, json_text, loaded, marks, stored
from bursar.storage.runs import fence
from bursar.storage.standing import budget_day, in_force, keep_day, standings
from bursar.storage.texts import keep_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request that is about to be sent."""

    run: str
    epoch: int
    key: str
    n: int
    attempt: int
    intent: dict[str, Any]
    body: bytes
    body_sha256: str
    prompt_sha256: str
    hold: str
    hold_pico: int
    local_day: str
    at: str
    session: str = ""

    @property
    def at_most_tokens(self) -> int:
        """All that the provider can count for it, in and out; of an older intent what our own count makes of it."""
        own = int(self.intent.get("counted_tokens", 0)) + int(self.intent.get("max_tokens", 0))
        return int(self.intent.get("at_most_tokens", own))


def begin(connection: apsw.Connection, wanted: Wanted, limits: Sequence[Limit]) -> Granted | RefusedByBudget:
    """Check every limit of the chain, then hold the money and record the intent. Refused: nothing was written.

    Raises Fenced, and StorageError for a step that has an answer or an attempt that is not settled yet.
    """
    fence(connection, wanted.run, wanted.epoch)
    _check_step(connection, wanted)
    day = budget_day(connection, wanted.local_day)
    tokens = wanted.at_most_tokens
    asked: dict[Unit, int] = {"usd": wanted.hold_pico, "tokens": tokens, "requests": 1}
    held_to = in_force(connection, limits, run=wanted.run, session=wanted.session, day=day)
    for each in standings(connection, held_to):
        if each.taken + asked[each.unit] > each.limit:
            return RefusedByBudget(
                scope=each.scope,
                unit=each.unit,
                limit=each.limit,
                spent=each.used.charged,
                reserved=each.used.held,
                wanted=asked[each.unit],
            )
    keep_day(connection, day)
    if keep_text(connection, wanted.body) != wanted.body_sha256:
        raise StorageError(f"the body of {wanted.key} of {wanted.run} does not have the hash it was given with.")
    connection.execute(
        "INSERT INTO hold (hold, run, key, attempt, epoch, workspace, local_day, amount_pico, amount_tokens, at,"
        " session)"
        " SELECT ?, run, ?, ?, ?, workspace, ?, ?, ?, ?, ? FROM run WHERE run = ?",
        (
            wanted.hold,
            wanted.key,
            wanted.attempt,
            wanted.epoch,
            day,
            wanted.hold_pico,
            tokens,
            wanted.at,
            wanted.session,
            wanted.run,
        ),
    )
    connection.execute(
        "INSERT OR REPLACE INTO step (run, key, n, kind, status, attempt, epoch, hold, hold_pico, body_sha256,"
        " prompt_sha256, local_day, intent, started_at) VALUES (?, ?, ?, 'model', 'intent', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            wanted.run,
            wanted.key,
            wanted.n,
            wanted.attempt,
            wanted.epoch,
            wanted.hold,
            wanted.hold_pico,
            wanted.body_sha256,
            wanted.prompt_sha256,
            day,
            json_text({**wanted.intent, "day": day}),
            wanted.at,
        ),
    )
    return Granted(hold=wanted.hold, amount_pico=wanted.hold_pico, local_day=day)


def settle(
    connection: apsw.Connection,
    *,
    run: str,
    epoch: int,
    key: str,
    attempt: int,
    entry: LedgerEntry,
    result: dict[str, Any] | None,
    kept: dict[str, Any] | None,
    seconds_run: float,
    at: str,
) -> None:
    """Book the entry, give the hold back and record the result. The second time nothing happens."""
    fence(connection, run, epoch)
    if (entry.run, entry.step, entry.attempt) != (run, key, attempt):
        raise StorageError(f"the entry {entry.request_id} is not about attempt {attempt} at {key} of {run}.")
    if not add_entry(connection, _completed(connection, entry, answered=result is not None)):
        return
    connection.execute("DELETE FROM hold WHERE run = ? AND key = ? AND attempt = ?", (run, key, attempt))
    recorded = kept if result is None else result
    connection.execute(
        "UPDATE step SET status = ?, result = ?, request_id = ?, ttft_ms = ?, duration_ms = ?, ended_at = ?"
        " WHERE run = ? AND key = ? AND attempt = ? AND status = 'intent'",
        (
            "failed" if result is None else "done",
            None if recorded is None else json_text(recorded),
            entry.request_id,
            entry.ttft_ms,
            entry.duration_ms,
            at,
            run,
            key,
            attempt,
        ),
    )
    if connection.changes() == 0:
        raise StorageError(f"attempt {attempt} at {key} of {run} is not in flight, so it could not be settled.")
    connection.execute(
        "UPDATE run SET seconds_run = max(seconds_run, ?), updated_at = ? WHERE run = ?", (seconds_run, at, run)
    )


def release(connection: apsw.Connection, *, run: str, epoch: int, key: str, attempt: int, why: str, at: str) -> None:
    """Give the hold back: nothing is owed, the step stays to be done. The second time nothing happens."""
    fence(connection, run, epoch)
    _count_as_failed(connection, run, key, attempt, at)
    connection.execute("DELETE FROM hold WHERE run = ? AND key = ? AND attempt = ?", (run, key, attempt))
    connection.execute(
        "UPDATE step SET status = 'failed', why = ?, ended_at = ?"
        " WHERE run = ? AND key = ? AND attempt = ? AND status = 'intent'",
        (stored(why), at, run, key, attempt),
    )


def _completed(connection: apsw.Connection, entry: LedgerEntry, *, answered: bool) -> LedgerEntry:
    """The entry with what its hold knows: whose session sent it, and what bounds its tokens where nobody counted."""
    session, tokens = connection.execute(
        "SELECT session, amount_tokens FROM hold WHERE run = ? AND key = ? AND attempt = ?",
        (entry.run, entry.step, entry.attempt),
    ).fetchone() or ("", 0)
    return replace(
        entry,
        session=entry.session or str(session),
        outcome=entry.outcome
        or ("answered" if answered else "stopped" if _is_stopped(connection, entry.run) else "failed"),
        at_most_tokens=_most_tokens(entry, int(tokens)),
    )


def _most_tokens(entry: LedgerEntry, held: int) -> int:
    """What bounds all tokens of an entry that was not billed: its own bound, else what was reserved."""
    if entry.certainty == "billed":
        return entry.at_most_tokens
    return max(entry.at_most_tokens or held, entry.usage.input + entry.usage.output)


def _count_as_failed(connection: apsw.Connection, run: str, key: str, attempt: int, at: str) -> None:
    """Remember an attempt that nobody took, while its hold is there: it costs nothing, and is in no ledger."""
    if _is_stopped(connection, run):
        return
    found = connection.execute(
        "SELECT hold.local_day, hold.workspace, hold.session, run.spec, run.task_address, run.provider, run.model,"
        " run.prompt_version, step.intent FROM hold JOIN run USING (run) JOIN step ON step.run = hold.run"
        " AND step.key = hold.key AND step.attempt = hold.attempt"
        " WHERE hold.run = ? AND hold.key = ? AND hold.attempt = ?",
        (run, key, attempt),
    ).fetchone()
    if found is None:
        return
    day, workspace, session, spec, task, provider, model, prompt_version, intent = found
    about = json.loads(intent)
    values = {
        "at": at,
        "local_day": day,
        "workspace": workspace,
        "run": run,
        "step": key,
        "attempt": attempt,
        "spec": spec,
        "task": task,
        "file": None if about.get("file") is None else stored(about["file"]),
        "provider": about.get("provider") or provider,
        "model": about.get("model") or model,
        "session": session,
        "agent": OWN_AGENT,
        "prompt_version": prompt_version,
    }
    connection.execute(
        f"INSERT OR IGNORE INTO not_taken ({columns(tuple(values))}) VALUES ({marks(tuple(values))})",  # noqa: S608
        tuple(values.values()),
    )
    if not connection.changes():
        return
    spent = Spent(
        local_day=day,
        workspace=loaded(workspace),
        model=values["model"],
        task=f"{spec}#{task}",
        file=about.get("file") or "",
        session=session,
        prompt=prompt_version,
        sums=Sums(attempts=1, failed=1),
    )
    add_spent(connection, [spent])


def _is_stopped(connection: apsw.Connection, run: str) -> bool:
    """Whether the user has stopped the run: what is broken off then has not failed."""
    return bool(connection.execute("SELECT stop_requested FROM run WHERE run = ?", (run,)).get)


def _check_step(connection: apsw.Connection, wanted: Wanted) -> None:
    status = connection.execute("SELECT status FROM step WHERE run = ? AND key = ?", (wanted.run, wanted.key)).get
    if status == "done":
        raise StorageError(f"{wanted.key} of {wanted.run} has its answer: it is not asked again.")
    open_attempt = connection.execute(
        "SELECT attempt FROM hold WHERE run = ? AND key = ?", (wanted.run, wanted.key)
    ).get
    if open_attempt is not None:
        raise StorageError(
            f"attempt {open_attempt} at {wanted.key} of {wanted.run} is not settled: settle it before asking again."
        )
