"""Opens the database file: made whole or not at all, checked before it is trusted, strict about durability."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.ports import Failpoint, nowhere
from bursar.storage.errors import Damaged, translated
from bursar.storage.home import check_file, secure_file, sync_folder
from bursar.storage.migrations import migrate

_LEAST_SQLITE = (3, 51, 3)
BUSY_MS = 30_000


def check_library(version: str) -> None:
    """Raises StorageError for an SQLite that can lose committed writes when two processes write and checkpoint."""
    if tuple(int(part) for part in version.split(".")) < _LEAST_SQLITE:
        least = ".".join(str(part) for part in _LEAST_SQLITE)
        raise StorageError(
            f"the SQLite inside apsw is {version}, and before {least} it can lose what was written:"
            " install a newer apsw (pip install -U apsw)."
        )


def open_writer(path: Path, failpoint: Failpoint = nowhere) -> apsw.Connection:
    """The connection that writes, its file made or migrated where that is needed; call it under the gate.

    Raises Damaged for a file that cannot be used, Refused for what is not a plain file, and StorageError.
    """
    check_library(apsw.sqlite_lib_version())
    with translated(path):
        if not os.path.lexists(path):
            _make(path, failpoint)
        _check_place(path)
        connection = connect(path)
        try:
            if connection.pragma("journal_mode", "wal") != "wal":
                raise StorageError(f"{path}: this file system cannot hold the store: set BURSAR_HOME to a local disk.")
            _check_whole(connection, path)
            migrate(connection, path, failpoint=failpoint)
        except BaseException:
            connection.close()
            raise
    _check_companions(path)
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads."""
    with translated(path):
        connection = connect(path)
        connection.pragma("query_only", 1)
        return connection


def connect(path: Path) -> apsw.Connection:
    """A connection as strict as every one of ours; the file must be there."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    connection.set_busy_timeout(BUSY_MS)
    connection.pragma("synchronous", "FULL")
    connection.pragma("fullfsync", 1)
    connection.pragma("secure_delete", 1)
    connection.pragma("foreign_keys", 1)
    connection.pragma("trusted_schema", 0)
    connection.pragma("temp_store", "MEMORY")
    return connection


def cut_short(connection: apsw.Connection, path: Path) -> bool:
    """Whether the end of a file without a log is missing; SQLite's own checks do not see that."""
    return path.stat().st_size < int(connection.pragma("page_count")) * int(connection.pragma("page_size"))


def _make(path: Path, failpoint: Failpoint) -> None:
    """Make the file under another name and rename it: an empty file under the real name is never ours."""
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise Damaged(path, f"is missing but {wal.name} is there")
    new = path.with_name(path.name + ".new")
    for suffix in ("", "-journal"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    os.close(secure_file(new, create=True))
    connection = connect(new)
    try:
        migrate(connection, path, failpoint=failpoint)
    finally:
        connection.close()
    new.replace(path)
    sync_folder(path.parent)


def _check_place(path: Path) -> None:
    """Look at the files before SQLite does; none is opened here."""
    if path.is_dir() and not path.is_symlink():
        raise Damaged(path, "is a folder where a file of the store should be")
    if check_file(path) == 0:
        raise Damaged(path, "is empty, and Bursar never leaves it so")
    _check_companions(path)


def _check_companions(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            check_file(path.with_name(path.name + suffix))


def _check_whole(connection: apsw.Connection, path: Path) -> None:
    """SQLite misses a last page that is cut in two, and would write on."""
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return
    if cut_short(connection, path):
        raise Damaged(path, "is cut short")
