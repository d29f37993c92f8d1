"""Databases of other programs: read from a copy, so that nothing of theirs is changed, locked or left half-read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import apsw

from bursar.domain.money.imported import NotReadable, Table
from bursar.storage.errors import translated
from bursar.storage.home import secure_folder

_CHUNK_BYTES = 1 << 20
_TRIES = 3
_LONGEST_VALUE_BYTES = 8 << 20
_FOLDER = "import-copy"


@contextmanager
def copied_database(home: Path, path: Path, opened: Callable[[Path], BinaryIO]) -> Iterator[CopiedDatabase]:
    """The database as it was at one moment, with what its program had not yet moved out of the write-ahead log."""
    folder = home / _FOLDER
    # An import that was killed may have left its copy; only one runs at a time.
    shutil.rmtree(folder, ignore_errors=True)
    secure_folder(folder)
    try:
        copy = folder / "copy.db"
        _copy(path, copy, opened)
        connection = _open(copy)
        try:
            yield CopiedDatabase(connection)
        finally:
            connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class CopiedDatabase:
    """The OtherDatabase port."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, table: Table) -> Iterator[Sequence[Any]]:
        """The rows of a table in the order in which they were added."""
        try:
            self._check(table)
            # A text may hold bytes that are no letters, or be larger than memory is meant for.
            columns = ", ".join(
                f"CASE WHEN typeof({each}) <> 'text' THEN {each}"
                f" WHEN length(CAST({each} AS BLOB)) <= {_LONGEST_VALUE_BYTES} THEN CAST({each} AS BLOB) END"
                for each in map(_quoted, table.columns)
            )
            limits = [*([(table.since, ">=")] if table.since else []), *([(table.where, "=")] if table.where else [])]
            where = " AND ".join(f"{_quoted(column)} {compared} ?" for (column, _), compared in limits)
            where = f" WHERE {where}" if where else ""
            values = tuple(value for (_, value), _ in limits)
            sql = f"SELECT {columns} FROM {_quoted(table.name)}{where} ORDER BY rowid"  # noqa: S608 - quoted names
            yield from self._connection.execute(sql, values)
        except apsw.Error as error:
            raise NotReadable(f"SQLite says: {error}") from error

    def _check(self, table: Table) -> None:
        found = self._connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE EXISTS"
            " (SELECT * FROM sqlite_schema WHERE type = 'table' AND name = ?)",
            (table.name, table.name),
        ).fetchall()
        names = {str(name) for (name,) in found}
        if not names:
            raise NotReadable(f"it has no table '{table.name}', so it is not a database that this reader knows")
        limits = [each[0] for each in (table.since, table.where) if each]
        for each in (*table.columns, *limits):
            if each not in names:
                raise NotReadable(f"its table '{table.name}' has no column '{each}'")


def _open(copy: Path) -> apsw.Connection:
    connection = apsw.Connection(str(copy))
    try:
        # What stands in another program's file decides nothing here.
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        connection.close()
        raise NotReadable(f"SQLite says: {error}") from error
    return connection


def _copy(path: Path, copy: Path, opened: Callable[[Path], BinaryIO]) -> None:
    log, log_copy = path.with_name(f"{path.name}-wal"), copy.with_name(f"{copy.name}-wal")
    for _ in range(_TRIES):
        before = _states(path, log, opened)
        with opened(path) as file:
            _pour(file, copy)
        log_copy.unlink(missing_ok=True)
        if before[1] is not None:
            with opened(log) as file:
                _pour(file, log_copy)
        if _states(path, log, opened) == before:
            return
    raise NotReadable("its program writes to it all the time; import again when that is idle")


def _states(path: Path, log: Path, opened: Callable[[Path], BinaryIO]) -> tuple[Any, Any]:
    return _state(path, opened), _state(log, opened) if os.path.lexists(log) else None


def _state(path: Path, opened: Callable[[Path], BinaryIO]) -> tuple[int, int, int]:
    with opened(path) as file:
        found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def _pour(file: BinaryIO, target: Path) -> None:
    with translated(target), target.open("wb") as out:
        shutil.copyfileobj(file, out, _CHUNK_BYTES)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
