"""Runs and their steps as rows: begun before the act, ended after it, fenced by epoch."""

from __future__ import annotations

import json
from typing import Any

import apsw

from bursar.domain.errors import BadInput, Fenced, OwnedElsewhere, Refused, StorageError
from bursar.domain.runs import COMPACT, KEEP_WARM, KeptSteps, NewRun, RunState, StepKind
from bursar.storage.rows import NEW_RUN_COLUMNS, bindings, columns, json_text, marks, stored
from bursar.storage.texts import keep_text

FIRST_EPOCH = 1
"""The epoch of the owner that a run is recorded with."""
_COPIED = (
    *("key", "n", "kind", "status", "attempt", "request_id", "body_sha256", "prompt_sha256", "ttft_ms"),
    *("duration_ms", "local_day", "result", "why", "started_at", "ended_at"),
)


def no_such_run(run: str) -> BadInput:
    """The sentence for a run that is not there."""
    return BadInput(f"there is no run '{run}': bursar runs --all lists those there are")


def fence(connection: apsw.Connection, run: str, epoch: int) -> None:
    """Raises Fenced unless the run is still under this epoch, BadInput when there is no such run."""
    now = connection.execute("SELECT epoch FROM run WHERE run = ?", (run,)).get
    if now is None:
        raise no_such_run(run)
    if now != epoch:
        raise Fenced(f"another window owns {run} now: this one has stopped and writes nothing more")


def create(
    connection: apsw.Connection,
    run: NewRun,
    owner: str,
    at: str,
    *,
    only_one: bool = False,
    kept: KeptSteps | None = None,
) -> int:
    """Record a run under its first owner; the epoch. Raises OwnedElsewhere for a second one where only one may be."""
    other = _other_open_run(connection, run) if only_one else None
    if other is not None:
        raise OwnedElsewhere(
            f"task {run.task_address} runs in another window as {other}, which began it a moment before: "
            "wait or pause it there"
        )
    sha256 = keep_text(connection, run.first_request.encode("utf-8", "surrogatepass"))
    values = {name: getattr(run, name) for name in NEW_RUN_COLUMNS}
    purpose = ""
    if run.kind in (KEEP_WARM, COMPACT):
        # The column of the kind takes those that were there when it was made, and is never made anew.
        values["kind"], purpose = "review", run.kind
    connection.execute(
        f"INSERT INTO run ({columns(NEW_RUN_COLUMNS)}, first_request_sha256, state, epoch, owner, created_at,"  # noqa: S608
        f" updated_at, prompt_version, purpose) VALUES ({marks(NEW_RUN_COLUMNS)}, ?, 'running', {FIRST_EPOCH}, ?, ?, ?,"
        " ?, ?)",
        (*bindings(NEW_RUN_COLUMNS, values), sha256, owner, at, at, run.prompt.version, purpose),
    )
    if run.traits is not None:
        connection.execute(
            "UPDATE run SET task_kind = ?, task_chars = ?, files_named = ? WHERE run = ?",
            (run.traits.kind, run.traits.text_chars, run.traits.files_named, run.run),
        )
    for place, (path, sha256) in enumerate(run.prompt.documents):
        connection.execute(
            "INSERT OR IGNORE INTO prompt_document VALUES (?, ?, ?, ?)",
            (run.prompt.version, place, stored(path), sha256),
        )
    if kept is not None:
        for key in kept.keys:
            _copy_step(connection, run.run, kept.run, key)
    return FIRST_EPOCH


def take_over(connection: apsw.Connection, run: str, owner: str, at: str) -> int:
    """Record the owner under a new epoch, which is returned; the wish to pause was for the owner before."""
    erased = connection.execute("SELECT erased_at FROM run WHERE run = ?", (run,)).get
    if erased is not None:
        raise Refused(f"the text of {run} was erased, so it cannot go on: start the task anew")
    connection.execute(
        "UPDATE run SET epoch = epoch + 1, owner = ?, pause_requested = 0, updated_at = ? WHERE run = ?",
        (owner, at, run),
    )
    return int(connection.execute("SELECT epoch FROM run WHERE run = ?", (run,)).get)


def give_back(connection: apsw.Connection, run: str, epoch: int) -> None:
    """Record that nobody owns the run, unless somebody else does by now."""
    connection.execute("UPDATE run SET owner = NULL WHERE run = ? AND epoch = ?", (run, epoch))


def begin_step(
    connection: apsw.Connection,
    *,
    run: str,
    epoch: int,
    key: str,
    n: int,
    kind: StepKind,
    intent: dict[str, Any],
    at: str,
) -> None:
    """Record an intent; one more attempt where there was one before. Raises StorageError for a step that is done."""
    fence(connection, run, epoch)
    connection.execute(
        "INSERT INTO step (run, key, n, kind, status, attempt, epoch, intent, started_at)"
        " VALUES (?, ?, ?, ?, 'intent', 1, ?, ?, ?)"
        " ON CONFLICT (run, key) DO UPDATE SET kind = excluded.kind, status = 'intent', attempt = attempt + 1,"
        " epoch = excluded.epoch, intent = excluded.intent, result = NULL, why = NULL,"
        " started_at = excluded.started_at, ended_at = NULL WHERE status <> 'done'",
        (run, key, n, kind, epoch, json_text(intent), at),
    )
    if connection.changes() == 0:
        raise StorageError(f"{key} of {run} is done: it is not begun again.")


def finish_step(
    connection: apsw.Connection,
    *,
    run: str,
    epoch: int,
    key: str,
    result: dict[str, Any],
    seconds_run: float,
    at: str,
) -> None:
    """Record a result. Raises StorageError for a step that was not begun, or is done with another result."""
    fence(connection, run, epoch)
    text = json_text(result)
    found = connection.execute("SELECT status, result FROM step WHERE run = ? AND key = ?", (run, key)).get
    if found is None:
        raise StorageError(f"{key} of {run} was not begun, so it cannot be finished.")
    status, before = found
    if status == "done" and before != text:
        raise StorageError(f"{key} of {run} is done with another result: the first one stands.")
    connection.execute(
        "UPDATE step SET status = 'done', result = ?, ended_at = ? WHERE run = ? AND key = ? AND status <> 'done'",
        (text, at, run, key),
    )
    connection.execute(
        "UPDATE run SET seconds_run = max(seconds_run, ?), updated_at = ? WHERE run = ?", (seconds_run, at, run)
    )


def doubt_step(connection: apsw.Connection, *, run: str, epoch: int, key: str) -> None:
    """Mark a step in doubt. Raises StorageError for one that is not there or is done."""
    fence(connection, run, epoch)
    connection.execute("UPDATE step SET status = 'in_doubt' WHERE run = ? AND key = ? AND status <> 'done'", (run, key))
    if connection.changes() == 0:
        raise StorageError(f"{key} of {run} is not open, so it cannot be in doubt.")


def set_state(
    connection: apsw.Connection,
    *,
    run: str,
    epoch: int,
    state: RunState,
    reason: str | None,
    detail: str | None,
    resume_at: str | None,
    tick_pending: bool | None,
    seconds_run: float | None,
    at: str,
) -> None:
    """Record where the run stands; what is None of the last two stays as it is."""
    fence(connection, run, epoch)
    connection.execute(
        "UPDATE run SET state = ?, reason = ?, detail = ?, resume_at = ?, tick_pending = coalesce(?, tick_pending),"
        " seconds_run = max(seconds_run, coalesce(?, 0)), updated_at = ? WHERE run = ?",
        (
            state,
            reason,
            None if detail is None else stored(detail),
            resume_at,
            None if tick_pending is None else int(tick_pending),
            seconds_run,
            at,
            run,
        ),
    )


def change(connection: apsw.Connection, run: str, assignments: str, values: tuple[Any, ...], at: str) -> None:
    """Change columns of a run outside of any epoch. Raises BadInput when there is no such run."""
    connection.execute(f"UPDATE run SET {assignments}, updated_at = ? WHERE run = ?", (*values, at, run))  # noqa: S608
    if connection.changes() == 0:
        raise no_such_run(run)


def _copy_step(connection: apsw.Connection, run: str, source: str, key: str) -> None:
    """A step of another run as it stands, without its hold: the money is booked where it was spent."""
    found = connection.execute("SELECT intent FROM step WHERE run = ? AND key = ?", (source, key)).get
    if found is None:
        raise StorageError(f"{key} of {source} is not there, so it cannot be kept.")
    intent = json_text({**json.loads(found), "from_run": source})
    connection.execute(
        f"INSERT INTO step (run, epoch, intent, {columns(_COPIED)}) SELECT ?, 0, ?, {columns(_COPIED)}"  # noqa: S608
        " FROM step WHERE run = ? AND key = ?",
        (run, intent, source, key),
    )


def _other_open_run(connection: apsw.Connection, run: NewRun) -> str | None:
    found = connection.execute(
        "SELECT run FROM run WHERE workspace = ? AND spec = ? AND task_address = ? AND task_title_sha256 = ?"
        " AND kind = ? AND state IN ('running', 'paused', 'in_doubt') AND erased_at IS NULL",
        (stored(run.workspace), stored(run.spec), stored(run.task_address), run.task_title_sha256, run.kind),
    ).get
    return None if found is None else str(found)
