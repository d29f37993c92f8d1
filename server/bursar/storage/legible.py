"""Finds texts that SQLite keeps without looking at them and that nobody can read any more, and makes them legible."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw

_LATER = ("ledger", "roll", "text")
"""Tables that prove themselves in another way, or are written anew."""
_JSON = frozenset({"intent", "result", "data"})


def illegible(connection: apsw.Connection) -> str | None:
    """The first table with such a text, None when there is none."""
    return next((table for table, _, _, _ in _found(connection)), None)


def make_legible(connection: apsw.Connection) -> set[str]:
    """Replace what cannot be read, or empty it where it is JSON; the runs whose history that changes."""
    runs: set[str] = set()
    for table, column, rowid, data in list(_found(connection)):
        text = "{}" if column in _JSON else data.decode("utf-8", "replace")
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (text, rowid))  # noqa: S608
        if any(name == "run" for name in _text_columns(connection, table)):
            runs.add(str(connection.execute(f"SELECT run FROM {table} WHERE rowid = ?", (rowid,)).get))  # noqa: S608
    return runs


def _found(connection: apsw.Connection) -> Iterator[tuple[str, str, int, bytes]]:
    for table in [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]:
        names = () if table in _LATER or table.startswith("sqlite_") else _text_columns(connection, table)
        if not names:
            continue
        blobs = ", ".join(f"CAST({name} AS BLOB)" for name in names)
        for rowid, *values in connection.execute(f"SELECT rowid, {blobs} FROM {table}"):  # noqa: S608
            for name, data in zip(names, values, strict=True):
                if data is not None and not _legible(name, data):
                    yield table, name, rowid, data


def _legible(name: str, data: bytes) -> bool:
    try:
        text = data.decode()
        if name in _JSON:
            json.loads(text)
    except ValueError:
        return False
    return True


def _text_columns(connection: apsw.Connection, table: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT name FROM pragma_table_info(?) WHERE type = 'TEXT'", (table,))
    return tuple(str(name) for (name,) in rows)
