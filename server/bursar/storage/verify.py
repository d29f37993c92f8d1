"""Looks whether a database is whole: SQLite's own check, and the chain of the ledger, which sees what SQLite misses."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

import apsw

from bursar.storage.ledger import broken_row
from bursar.storage.legible import illegible
from bursar.storage.migrations import migrate
from bursar.storage.rolls import wrong_roll


def what_is_wrong(connection: apsw.Connection) -> str | None:
    """None for a database that is whole, else what is wrong in words that follow its name.

    All of it is read at one moment: what others commit meanwhile is no damage. Raises apsw.Error only where the check
    could not be made (interrupted, no memory).
    """
    own = not connection.in_transaction
    try:
        if own:
            connection.execute("BEGIN")
        return _wrong(connection)
    except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
        return f"is damaged ({error})"
    except (apsw.SQLError, TypeError, ValueError) as error:
        return f"is damaged (its ledger cannot be read: {error})"
    finally:
        if own and connection.in_transaction:
            connection.execute("ROLLBACK")


def _wrong(connection: apsw.Connection) -> str | None:
    # Not quick_check: it does not compare indexes with their tables, and what a budget has left is read from one.
    first = connection.execute("PRAGMA integrity_check(1)").get
    if first != "ok":
        return f"is damaged ({first})".replace("\n", " ")
    _read_indexes(connection)
    if not _shape_of_ours() <= _shape(connection):
        return "has tables that are not those of this Bursar"
    row = broken_row(connection)
    if row is not None:
        return f"has a ledger whose row {row} is not what was written"
    where = wrong_roll(connection)
    if where is not None:
        return f"has sums for {where} that are not those of its ledger"
    table = illegible(connection)
    return None if table is None else f"has a text in '{table}' that cannot be read"


def _read_indexes(connection: apsw.Connection) -> None:
    """Go through each index: SQLite's check takes an empty page of a table for an empty index, and cannot read it.

    Raises apsw.CorruptError.
    """
    made = connection.execute("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index'").fetchall()
    for name, table, sql in made:
        # A partial index can be asked for only by what it is limited to.
        limited = str(sql or "").partition(" WHERE ")[2] or "true"
        connection.execute(f'SELECT count(*) FROM "{table}" INDEXED BY "{name}" WHERE {limited}').fetchall()  # noqa: S608


def _shape(connection: apsw.Connection) -> set[tuple[object, ...]]:
    """The columns of every table, index and view: a changed letter in one's name is no damage to SQLite."""
    return {
        *connection.execute(
            "SELECT each.name, of.name, of.type FROM sqlite_schema each, pragma_table_xinfo(each.name) of"
            " WHERE each.type IN ('table', 'view')"
        ),
        *connection.execute(
            "SELECT each.name, each.tbl_name, of.name FROM sqlite_schema each, pragma_index_info(each.name) of"
            " WHERE each.type = 'index'"
        ),
    }


@cache
def _shape_of_ours() -> set[tuple[object, ...]]:
    with contextlib.closing(apsw.Connection(":memory:")) as connection:
        migrate(connection, Path(":memory:"))
        return _shape(connection)
