"""Makes sums anew that are not those of their rows: the rows are the truth, so nothing is lost."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bursar.storage.connect import connect
from bursar.storage.errors import translated
from bursar.storage.locks import Gate
from bursar.storage.rolls import rebuild_rolls


def mend_sums(home: Path) -> None:
    """Make all kept sums anew in one transaction, under the gate. Raises StorageError, and nothing is changed then."""
    path = home / "bursar.db"
    gate = Gate(home / "write.lock")
    with contextlib.closing(gate), gate, translated(path), contextlib.closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rebuild_rolls(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
