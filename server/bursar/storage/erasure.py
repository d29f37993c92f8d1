"""Removes what was said and keeps what it cost; afterwards no byte of it is in the files of the store."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from bursar.domain.errors import Refused, StorageError
from bursar.domain.ports import Clock
from bursar.storage.aside import all_asides
from bursar.storage.backups import drop_backups, make_backup
from bursar.storage.responses import drop_responses
from bursar.storage.spool import FileSpool
from bursar.storage.stopping import book_in_flight
from bursar.storage.texts import drop_unused_texts

# What was counted of a request is a figure like those of the ledger: how a model counts is learnt from both.
_FIGURES = (
    "iif(kind = 'model' AND json_type(intent, '$.counted_tokens') = 'integer', json_object('erased', json('true'),"
    " 'model', json_extract(intent, '$.model'), 'counted_tokens', json_extract(intent, '$.counted_tokens'),"
    " 'counted_kinds', json(coalesce(intent -> '$.counted_kinds', 'null')),"
    " 'is_loopback', json(coalesce(intent -> '$.is_loopback', 'false'))), '{}')"
)

Alive = Callable[[str], bool]


def erase(
    connection: apsw.Connection, runs: Sequence[str], *, alive: Alive, spool: FileSpool, at: str, why: str
) -> None:
    """Remove the texts of these runs in one transaction of its own; what was in flight is booked as "at most".

    Raises Refused, before anything is removed, when one of them is being driven.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for run in runs:
            if alive(run):
                raise Refused(f"{run} is running: pause it first (bursar pause {run}), then erase it")
            # Without its texts nobody can fetch or settle an answer.
            book_in_flight(connection, run=run, spool=spool, at=at)
            _erase_one(connection, run, at, why)
        drop_unused_texts(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def scrub(connection: apsw.Connection, path: Path) -> None:
    """Leave no byte of what was deleted in the files. Raises StorageError while another process reads on."""
    for rebuild in (True, False):
        if not _empty_wal(connection):
            raise StorageError(
                f"{path}: the texts are deleted, but another Bursar process is reading and keeps their bytes in the"
                " -wal file: close it and erase again."
            )
        if rebuild:
            connection.execute("VACUUM")


def scrub_if_idle(connection: apsw.Connection, busy_ms: int) -> None:
    """The same without waiting for others and without moving pages: what is freed was overwritten already."""
    connection.set_busy_timeout(0)
    try:
        _empty_wal(connection)
    finally:
        connection.set_busy_timeout(busy_ms)


def renew_backups(connection: apsw.Connection, folder: Path, clock: Clock) -> None:
    """Replace every backup by one that holds nothing of what was erased; without space for one there is none."""
    kept = None
    try:
        kept = make_backup(connection, folder, clock)
    finally:
        drop_backups(folder, but=kept)


def drop_asides(home: Path) -> None:
    """Remove what was set aside as damaged: it holds texts that nobody can erase in it one by one."""
    for each in all_asides(home):
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink(missing_ok=True)


def drop_spooled(folder: Path, runs: Sequence[str]) -> None:
    """Remove what is kept beside the database for these runs: answers on their way, questions that were asked."""
    for run in runs:
        for each in folder.glob(re.sub(r"[^A-Za-z0-9._-]", "_", run) + ".*"):
            each.unlink(missing_ok=True)


def drop_kept(folder: Path, runs: Sequence[str]) -> None:
    """Remove what the users' files held before these runs changed them."""
    for run in runs:
        shutil.rmtree(folder / re.sub(r"[^A-Za-z0-9._-]", "_", run), ignore_errors=True)


def choose(connection: apsw.Connection, *, run: str | None, workspace: str | None, everything: bool) -> list[str]:
    """The runs that are meant and have not been erased yet."""
    if everything:
        rows = connection.execute("SELECT run FROM run WHERE erased_at IS NULL")
    elif run is not None:
        # A request about a run holds what that run did.
        rows = connection.execute("SELECT run FROM run WHERE erased_at IS NULL AND ? IN (run, about)", (run,))
    else:
        rows = connection.execute("SELECT run FROM run WHERE erased_at IS NULL AND workspace = ?", (workspace,))
    return [str(each) for (each,) in rows]


def older_than(connection: apsw.Connection, moment: str) -> list[str]:
    """The runs with text that were last touched before a moment."""
    rows = connection.execute("SELECT run FROM run WHERE erased_at IS NULL AND updated_at < ?", (moment,))
    return [str(each) for (each,) in rows]


def _erase_one(connection: apsw.Connection, run: str, at: str, why: str) -> None:
    drop_responses(connection, run)
    connection.execute(
        "UPDATE run SET first_request_sha256 = NULL, task_title = '', erased_at = ?, epoch = epoch + 1, owner = NULL,"
        " reason = CASE state WHEN 'finished' THEN reason WHEN 'failed' THEN reason ELSE 'erased' END,"
        " detail = CASE state WHEN 'finished' THEN NULL WHEN 'failed' THEN NULL ELSE ? END,"
        " state = CASE state WHEN 'finished' THEN 'finished' ELSE 'failed' END, resume_at = NULL, rewinding = NULL"
        " WHERE run = ?",
        (at, why, run),
    )
    connection.execute(f"UPDATE step SET intent = {_FIGURES}, result = NULL, why = NULL WHERE run = ?", (run,))  # noqa: S608
    connection.execute("UPDATE set_aside SET intent = '{}', result = NULL, why = NULL WHERE run = ?", (run,))
    connection.execute("UPDATE event SET data = '{}' WHERE run = ?", (run,))


def _empty_wal(connection: apsw.Connection) -> bool:
    with contextlib.suppress(apsw.BusyError):
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").get
        return not busy
    return False
