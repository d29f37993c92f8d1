"""Looks whether a database is whole: SQLite's own check, and the chain of the ledger, which sees what SQLite misses."""

from __future__ import annotations

import apsw

from bursar.storage.ledger import broken_row
from bursar.storage.legible import illegible
from bursar.storage.rolls import wrong_roll


def what_is_wrong(connection: apsw.Connection) -> str | None:
    """None for a database that is whole, else what is wrong in words that follow its name.

    Raises apsw.Error only where the check could not be made (interrupted, no memory).
    """
    try:
        # Not quick_check: it does not compare indexes with their tables, and what a budget has left is read from one.
        first = connection.execute("PRAGMA integrity_check(1)").get
        if first != "ok":
            return f"is damaged ({first})".replace("\n", " ")
        row = broken_row(connection)
        where = wrong_roll(connection)
        table = illegible(connection)
    except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
        return f"is damaged ({error})"
    except (apsw.SQLError, TypeError, ValueError) as error:
        return f"is damaged (its ledger cannot be read: {error})"
    if row is not None:
        return f"has a ledger whose row {row} is not what was written"
    if where is not None:
        return f"has sums for {where} that are not those of its ledger"
    return None if table is None else f"has a text in '{table}' that cannot be read"
