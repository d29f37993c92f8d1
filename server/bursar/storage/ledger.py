"""The ledger: rows are only ever added, each chained to the one before; sums are folds over them."""

from __future__ import annotations

from dataclasses import replace

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.money.budget import Scope, Unit
from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash
from bursar.storage.rows import (
    LEDGER_COLUMNS,
    USAGE_COLUMNS,
    bindings,
    columns,
    ledger_entry,
    ledger_values,
    marks,
)

_ROLL_SUMS = (
    "requests",
    "unpriced_requests",
    *USAGE_COLUMNS,
    "cost_pico",
    "at_most_pico",
)
_ADD_TO_ROLL = (
    f"INSERT INTO roll_day (local_day, workspace, model, {columns(_ROLL_SUMS)})"  # noqa: S608 - names of our own
    f" VALUES (?, ?, ?, {marks(_ROLL_SUMS)}) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _ROLL_SUMS)
)
_ROLLED = (
    "SELECT local_day, workspace, model, count(*) AS requests, sum(unpriced) AS unpriced_requests, "  # noqa: S608
    + ", ".join(f"sum({name}) AS {name}" for name in USAGE_COLUMNS)
    + ", sum(coalesce(cost_pico, 0)) AS cost_pico, sum(iif(cost_pico IS NULL, at_most_pico, 0)) AS at_most_pico"
    " FROM ledger GROUP BY local_day, workspace, model"
)
_CHARGED: dict[Unit, str] = {
    "usd": "coalesce(sum(coalesce(cost_pico, at_most_pico)), 0)",
    "tokens": "coalesce(sum(uncached_input + cache_read + cache_write_5m + cache_write_1h + output), 0)",
    "requests": "count(*)",
}
_HELD: dict[Unit, str] = {
    "usd": "coalesce(sum(amount_pico), 0)",
    "tokens": "coalesce(sum(amount_tokens), 0)",
    "requests": "count(*)",
}


def add_entry(connection: apsw.Connection, entry: LedgerEntry) -> bool:
    """Add an entry with its link and its rollup; False when this attempt is in the ledger under this id already.

    A provider's id that another attempt has is kept with that attempt's address behind it: money is never swallowed.
    Raises StorageError when the attempt was booked under another id.
    """
    own = (entry.run, entry.step, entry.attempt)
    suffixed = f"{entry.request_id}~{entry.run}.{entry.step}.{entry.attempt}"
    booked = connection.execute("SELECT request_id FROM ledger WHERE run = ? AND step = ? AND attempt = ?", own).get
    if booked is not None:
        if booked in (entry.request_id, suffixed):
            return False
        raise StorageError(
            f"attempt {entry.attempt} at {entry.step} of {entry.run} is in the ledger as {booked};"
            f" it was not booked again as {entry.request_id}."
        )
    if connection.execute("SELECT 1 FROM ledger WHERE request_id = ?", (entry.request_id,)).get is not None:
        entry = replace(entry, request_id=suffixed)
    last = connection.execute("SELECT chain FROM ledger ORDER BY n DESC LIMIT 1").get
    chain = chain_hash(last if isinstance(last, str) else CHAIN_START, entry)
    values = ledger_values(entry)
    connection.execute(
        f"INSERT INTO ledger ({columns(LEDGER_COLUMNS)}, chain) VALUES ({marks(LEDGER_COLUMNS)}, ?)",  # noqa: S608
        (*bindings(LEDGER_COLUMNS, values), chain),
    )
    connection.execute("UPDATE meta SET value = ? WHERE key = 'chain_head'", (chain,))
    _add_to_roll(connection, entry)
    return True


def charged(connection: apsw.Connection, scope: Scope, unit: Unit = "usd") -> int:
    """What the ledger takes from a budget of this scope."""
    column = {"run": "run", "day": "local_day"}[scope.kind]
    return int(connection.execute(f"SELECT {_CHARGED[unit]} FROM ledger WHERE {column} = ?", (scope.key,)).get)  # noqa: S608


def not_known(connection: apsw.Connection, scope: Scope, unit: Unit = "usd") -> int | None:
    """The part of what is charged that stands for requests whose bill is not known; None where nothing bounds it."""
    column = {"run": "run", "day": "local_day"}[scope.kind]
    where = f"FROM ledger WHERE {column} = ? AND certainty = 'unknown'"
    if unit == "usd":
        return int(connection.execute(f"SELECT coalesce(sum(at_most_pico), 0) {where}", (scope.key,)).get)
    number = int(connection.execute(f"SELECT count(*) {where}", (scope.key,)).get)
    # Each of them is one request for certain, and how many tokens it took was never said.
    return 0 if unit == "requests" or not number else None


def held(connection: apsw.Connection, scope: Scope, unit: Unit = "usd") -> int:
    """What is held for requests in flight in this scope."""
    column = {"run": "run", "day": "local_day"}[scope.kind]
    return int(connection.execute(f"SELECT {_HELD[unit]} FROM hold WHERE {column} = ?", (scope.key,)).get)  # noqa: S608


def broken_row(connection: apsw.Connection) -> int | None:
    """The number of the first ledger row that is not what was written, None when all are.

    A row that is missing shows at the next one, and missing last rows as the number after the last.
    """
    previous, number = CHAIN_START, 0
    for n, chain, *row in connection.execute(f"SELECT n, chain, {columns(LEDGER_COLUMNS)} FROM ledger ORDER BY n"):  # noqa: S608
        number = int(n)
        if chain_hash(previous, ledger_entry(row)) != chain:
            return number
        previous = str(chain)
    head = connection.execute("SELECT value FROM meta WHERE key = 'chain_head'").get
    return None if (head or CHAIN_START) == previous else number + 1


def wrong_sum(connection: apsw.Connection) -> str | None:
    """The first day whose kept sums are not those of its rows, None when all are."""
    of_rows = f"SELECT local_day, workspace, model, {columns(_ROLL_SUMS)} FROM ({_ROLLED})"  # noqa: S608
    kept = f"SELECT local_day, workspace, model, {columns(_ROLL_SUMS)} FROM roll_day"  # noqa: S608
    for one, other in ((of_rows, kept), (kept, of_rows)):
        found = connection.execute(f"SELECT local_day FROM ({one} EXCEPT {other}) LIMIT 1").get  # noqa: S608
        if found is not None:
            return str(found)
    return None


def _add_to_roll(connection: apsw.Connection, entry: LedgerEntry) -> None:
    unknown_pico = entry.at_most_pico if entry.cost_pico is None else 0
    usage = entry.usage.as_dict()
    sums = (1, int(entry.unpriced), *(usage[name] for name in USAGE_COLUMNS), entry.cost_pico or 0, unknown_pico)
    keys = bindings(
        ("local_day", "workspace", "model"),
        {
            "local_day": entry.local_day,
            "workspace": entry.workspace,
            "model": entry.model,
        },
    )
    connection.execute(_ADD_TO_ROLL, (*keys, *sums))
