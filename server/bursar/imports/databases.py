"""Reads a log that is another program's SQLite database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from bursar.domain.money.imported import FileMark, ImportedRequest, NotReadable
from bursar.domain.ports.imports import ImportStore
from bursar.imports.finding import Found, open_log
from bursar.imports.reading import BadRecord, DatabaseReader, HasDatabases

_NOTHING = hashlib.sha256(b"").hexdigest()


def read_database(
    log_format: HasDatabases,
    agent: str,
    found: Found,
    mark: FileMark | None,
    store: ImportStore,
    *,
    add: Callable[[ImportedRequest], None],
    keep: Callable[[FileMark], None],
    skip: Callable[[int, str], None],
) -> None:
    """Read what is new, and keep the mark behind it. A database that breaks off is read again the next time."""
    begun = _mark(agent, found)
    if mark is not None and mark.inode != begun.inode:
        mark = None
    since = {} if mark is None else {name: value for name, value in mark.state.items() if name != "log"}
    if (
        mark is not None
        and replace(mark, state={}) == replace(begun, state={})
        and mark.state.get("log") == _log(found)
    ):
        return
    reader = log_format.open(str(found.path), since)
    log = _log(found)
    # Without its state a mark only hands over what was read so far.
    interim = replace(begun, size=-1, state={**since, "log": None})

    def opened(path: Path) -> BinaryIO:
        return open_log(replace(found, path=path))

    try:
        with store.other_database(found.path, opened) as database:
            for table in reader.tables():
                for number, values in enumerate(database.rows(table), start=1):
                    _row(reader, table.name, number, values, add, skip)
                    if number % 512 == 0:
                        keep(interim)
    except NotReadable as error:
        skip(0, str(error))
        return
    keep(replace(begun, state={**reader.state(), "log": log}))


def _row(
    reader: DatabaseReader,
    table: str,
    number: int,
    values: Sequence[Any],
    add: Callable[[ImportedRequest], None],
    skip: Callable[[int, str], None],
) -> None:
    try:
        for each in reader.row(table, number, values):
            add(each)
    except BadRecord as error:
        skip(number, str(error))


def _log(found: Found) -> list[int] | None:
    """How the write-ahead log is, in which the newest changes are while the main file stays as it was."""
    try:
        status = found.path.with_name(f"{found.path.name}-wal").lstat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _mark(agent: str, found: Found) -> FileMark:
    return FileMark(
        agent=agent,
        file=str(found.path),
        inode=found.path.lstat().st_ino & ((1 << 63) - 1),
        size=found.size,
        mtime_ns=found.mtime_ns,
        offset=0,
        line=0,
        head_bytes=0,
        head_sha256=_NOTHING,
        state={},
    )
