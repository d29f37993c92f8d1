"""Steps that a rewind takes out of a run: they keep their rows and their costs, under the number of the rewind."""

from __future__ import annotations

from typing import Any

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.runs import StepOutline, StepRecord
from bursar.storage.rows import STEP_COLUMNS, columns, json_text, step_record, stored
from bursar.storage.runs import fence

_MORE_COLUMNS = ("hold", "prompt_sha256", "ttft_ms", "duration_ms", "local_day", "why")
_ALL_COLUMNS = (*STEP_COLUMNS, *_MORE_COLUMNS)


def begin(connection: apsw.Connection, *, run: str, epoch: int, key: str, at: str) -> None:
    """Say durably that files are about to be brought back to before a step: until it is done, nothing else goes on."""
    fence(connection, run, epoch)
    if connection.execute("SELECT 1 FROM step WHERE run = ? AND key = ?", (run, key)).get is None:
        raise StorageError(f"{run} has no step {key}, so it cannot be rewound to it.")
    connection.execute(
        "UPDATE run SET rewinding = ?, state = 'paused', reason = 'asked', resume_at = NULL, detail = ?, updated_at = ?"
        " WHERE run = ?",
        (key, stored(f"A rewind to {key} was interrupted: bursar rewind {run} {key} finishes it."), at, run),
    )


def finish(
    connection: apsw.Connection, *, run: str, epoch: int, key: str, detail: str, data: dict[str, Any], at: str
) -> int:
    """Set this step and all after it aside, and go on from before it; the number of the ``rewound`` event.

    A request that was asked leaves a failed attempt in its place: the next one counts on from it, as the ledger needs.
    Raises StorageError for a step that is not there, and for a request whose money is still held.
    """
    fence(connection, run, epoch)
    first = connection.execute("SELECT n FROM step WHERE run = ? AND key = ?", (run, key)).get
    if first is None:
        raise StorageError(f"{run} has no step {key}, so it cannot be rewound to it.")
    held = connection.execute(
        "SELECT hold.key FROM hold JOIN step USING (run, key) WHERE run = ? AND n >= ?", (run, first)
    ).get
    if held is not None:
        raise StorageError(f"{held} of {run} is not settled: it cannot be set aside.")
    rewind = 1 + int(connection.execute("SELECT coalesce(max(rewind), 0) FROM set_aside WHERE run = ?", (run,)).get)
    connection.execute(
        f"INSERT INTO set_aside (rewind, {columns(_ALL_COLUMNS)})"  # noqa: S608 - names of our own
        f" SELECT ?, {columns(_ALL_COLUMNS)} FROM step WHERE run = ? AND n >= ?",
        (rewind, run, first),
    )
    connection.execute("DELETE FROM step WHERE run = ? AND n >= ?", (run, first))
    connection.execute(
        "INSERT INTO step (run, key, n, kind, status, attempt, epoch, intent, started_at, ended_at)"
        " SELECT run, key, n, kind, 'failed', attempt, ?, '{}', ?, ? FROM set_aside"
        " WHERE run = ? AND rewind = ? AND kind = 'model'",
        (epoch, at, at, run, rewind),
    )
    connection.execute(
        "UPDATE run SET rewinding = NULL, state = 'paused', reason = 'asked', detail = ?, resume_at = NULL,"
        " stop_requested = 0, tick_pending = 0, updated_at = ? WHERE run = ?",
        (stored(detail), at, run),
    )
    connection.execute(
        "INSERT INTO event (at, run, kind, data) VALUES (?, ?, 'rewound', ?)",
        (at, run, json_text({**data, "rewind": rewind})),
    )
    return connection.last_insert_rowid()


def set_aside(connection: apsw.Connection, run: str) -> list[tuple[int, StepRecord]]:
    """The steps that were set aside, each with the number of its rewind."""
    rows = connection.execute(
        f"SELECT rewind, {columns(STEP_COLUMNS)} FROM set_aside WHERE run = ? ORDER BY rewind, n",  # noqa: S608
        (run,),
    )
    return [(int(row[0]), step_record(row[1:])) for row in rows]


def outlines(connection: apsw.Connection, runs: tuple[str, ...]) -> dict[str, list[StepOutline]]:
    """What each step of these runs is about, in their order, without its texts."""
    found: dict[str, list[StepOutline]] = {run: [] for run in runs}
    asked = json_text({"runs": list(runs)})
    rows = connection.execute(
        "SELECT run, key, kind, status, attempt, started_at, json_extract(intent, '$.tool'),"
        " coalesce(json_extract(intent, '$.path'), json_extract(intent, '$.input.argv'),"
        "  json_extract(intent, '$.input.pattern'), json_extract(intent, '$.input.path'),"
        "  json_extract(intent, '$.input.item')),"
        " (SELECT coalesce(max(attempt), 0) FROM set_aside AS old WHERE old.run = step.run AND old.key = step.key)"
        " FROM step WHERE run IN (SELECT value FROM json_each(?, '$.runs')) ORDER BY run, n",
        (asked,),
    )
    for run, key, kind, status, attempt, at, tool, about, set_aside_attempt in rows:
        if kind == "model" and attempt <= set_aside_attempt:
            continue  # What stands in the place of a request that was set aside.
        found[run].append(
            StepOutline(
                key=key,
                kind=kind,
                status=status,
                tool=tool,
                about=about,
                at=at,
                attempts=(int(set_aside_attempt) + 1, int(attempt)),
            )
        )
    return found
