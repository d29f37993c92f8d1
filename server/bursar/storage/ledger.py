"""The ledger: rows are only ever added, each chained to the one before; sums are folds over them."""

from __future__ import annotations

from dataclasses import replace

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash, charged_pico, open_tokens
from bursar.domain.money.rolls import Spent, Sums
from bursar.storage.rolls import add_spent, task_key
from bursar.storage.rows import (
    LEDGER_COLUMNS,
    bindings,
    columns,
    ledger_entry,
    ledger_values,
    marks,
)


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
    add_spent(connection, [_spent(entry)])
    return True


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


def _spent(entry: LedgerEntry) -> Spent:
    estimated = entry.certainty == "estimated"
    unanswered = entry.outcome == "failed" or (not entry.outcome and entry.certainty == "unknown")
    return Spent(
        local_day=entry.local_day,
        workspace=entry.workspace,
        agent=entry.agent,
        model=entry.model,
        task=task_key(entry.spec, entry.task),
        file=entry.file or "",
        session=entry.session,
        prompt=entry.prompt_version,
        sums=Sums(
            attempts=1,
            failed=int(unanswered),
            requests=1,
            estimated_requests=int(estimated),
            unknown_requests=int(entry.certainty == "unknown"),
            unpriced_requests=int(entry.unpriced),
            usage=entry.usage,
            cost_pico=entry.cost_pico or 0,
            estimated_pico=(entry.cost_pico or 0) if estimated else 0,
            at_most_pico=charged_pico(entry) - (entry.cost_pico or 0),
            at_most_tokens=open_tokens(usage=entry.usage, at_most_tokens=entry.at_most_tokens),
        ),
    )
