"""Writes what is known to have been spent into a copy of the store, and ends what that copy cannot answer for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash
from bursar.domain.money.usage import Usage
from bursar.storage.connect import connect
from bursar.storage.ledger import add_entry
from bursar.storage.mark import Mark, OpenHold
from bursar.storage.mirror import Line
from bursar.storage.rolls import rebuild_rolls
from bursar.storage.rows import LEDGER_COLUMNS, columns, ledger_entry, stored
from bursar.storage.witness import ledger_sums, open_holds

_ROWS = f"SELECT n, chain, {columns(LEDGER_COLUMNS)} FROM ledger ORDER BY n "  # noqa: S608 - names of our own
_OPEN = "SELECT run FROM run WHERE state IN ('running', 'paused', 'in_doubt')"
_Key = tuple[str, str, int]
_LOST = (
    "The store was damaged, and the copy it was restored from is older than this run's last step. What it cost is kept,"
    " and so are the files it changed. Start its task anew."
)
_UNKNOWN = "The store was damaged, and nothing is left of this run but what it cost. Start its task anew."


class Entries:
    """Ledger entries from several copies, each attempt once; what was added first wins."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._found: dict[_Key, tuple[int, LedgerEntry]] = {}
        self._links = {0: CHAIN_START}
        for line in lines:
            self._links[line.n] = line.chain
            self._add(line.n, line.entry)

    def add_rows(self, copy: Path) -> None:
        """Every row that can be read of a copy and proves itself by its link, however damaged the copy is."""
        rows: dict[int, tuple[str, tuple[Any, ...]]] = {}
        for order in ("ASC", "DESC"):
            with contextlib.suppress(apsw.Error, UnicodeDecodeError), contextlib.closing(connect(copy)) as connection:
                for n, chain, *row in connection.execute(_ROWS + order):
                    rows.setdefault(n, (chain, tuple(row)))
                break
        previous = CHAIN_START
        for n in sorted(rows):
            chain, row = rows[n]
            with contextlib.suppress(TypeError, ValueError):
                entry = ledger_entry(row)
                if chain_hash(self._links.get(n - 1, previous), entry) == chain:
                    self._add(n, entry)
            previous = chain

    def in_order(self) -> list[LedgerEntry]:
        """All of them as they were written."""
        return [entry for _, entry in sorted(self._found.values(), key=lambda each: each[0])]

    def _add(self, n: int, entry: LedgerEntry) -> None:
        self._found.setdefault((entry.run, entry.step, entry.attempt), (n, entry))


def rebuild(
    connection: apsw.Connection,
    entries: Sequence[LedgerEntry],
    mark: Mark | None,
    claims: Mapping[str, int],
    *,
    complete: bool,
    changed: set[str],
    at: str,
) -> str:
    """Write the ledger anew, in one transaction; words for the user about what that changed.

    Afterwards no sum is below the mark's. ``complete`` says that the copy had come as far as the store: then its runs
    go on as they are. Else those end that may have gone further, and always the open ones of ``changed``, whose texts
    are not what they were.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        newer = _not_in_the_ledger(connection, entries)
        connection.execute("DELETE FROM ledger")
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'ledger'")
        for each in entries:
            add_entry(connection, each)
        rebuild_rolls(connection)
        missing_pico = 0 if mark is None else _book_gap(connection, mark, at)
        held = {(each.run, each.key, each.attempt): each for each in open_holds(connection)}
        gone = {} if mark is None else {(each.run, each.key, each.attempt): each for each in mark.holds}
        lost = changed & _open_runs(connection)
        if not complete:
            lost |= _runs_that_went_on(connection, newer, gone.keys() - held.keys(), claims)
        for run in lost:
            connection.execute(
                "UPDATE run SET state = 'failed', reason = 'storage', detail = ?, resume_at = NULL, owner = NULL,"
                " epoch = epoch + 1 WHERE run = ?",
                (stored(_LOST), run),
            )
        in_flight = [each for key, each in {**gone, **held}.items() if key not in held or each.run in lost]
        _book_holds(connection, [each for each in in_flight if not complete or each.run in lost], at)
        _keep_runs_for(connection, at)
        if mark is not None:
            _go_on_counting(connection, mark.seq)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return _words(len(entries), missing_pico, len(lost))


def _not_in_the_ledger(connection: apsw.Connection, entries: Sequence[LedgerEntry]) -> set[str]:
    """The runs with entries that this copy does not have."""
    have = set(connection.execute("SELECT run, step, attempt FROM ledger"))
    return {each.run for each in entries if (each.run, each.step, each.attempt) not in have}


def _open_runs(connection: apsw.Connection) -> set[str]:
    return {str(run) for (run,) in connection.execute(_OPEN)}


def _runs_that_went_on(
    connection: apsw.Connection, newer: set[str], in_flight: Iterable[_Key], claims: Mapping[str, int]
) -> set[str]:
    """The open runs of the copy that may have done more than it knows: they paid, were taken over, or were driven."""
    went_on = newer | {run for run, _, _ in in_flight}
    rows = connection.execute("SELECT run, epoch, owner FROM run WHERE state IN ('running', 'paused', 'in_doubt')")
    found: list[tuple[Any, ...]] = rows.fetchall()
    return {
        str(run) for run, epoch, owner in found if run in went_on or owner is not None or claims.get(run, 0) > epoch
    }


def _book_gap(connection: apsw.Connection, mark: Mark, at: str) -> int:
    """Book what the mark knows to have been spent and no row can show; how much that is."""
    sums = ledger_sums(connection)
    cost_pico = max(0, mark.cost_pico - sums.cost_pico)
    bound_pico = max(0, mark.bound_pico - sums.bound_pico)
    tokens = max(0, mark.tokens - sums.tokens)
    if cost_pico or tokens:
        gap = _entry("cost", day=mark.day, at=at, cost_pico=cost_pico, usage=Usage(uncached_input=tokens))
        add_entry(connection, gap)
    if bound_pico:
        add_entry(connection, _entry("bound", day=mark.day, at=at, at_most_pico=bound_pico))
    return cost_pico + bound_pico


def _book_holds(connection: apsw.Connection, holds: Iterable[OpenHold], at: str) -> None:
    """Book requests whose answer will never be settled at their bound."""
    for each in holds:
        own = (each.run, each.key, each.attempt)
        connection.execute("DELETE FROM hold WHERE run = ? AND key = ? AND attempt = ?", own)
        found = connection.execute("SELECT 1 FROM ledger WHERE run = ? AND step = ? AND attempt = ?", own).get
        if found is None:
            entry = _entry("hold", day=each.local_day, at=at, at_most_pico=each.amount_pico)
            add_entry(
                connection,
                replace(
                    entry,
                    request_id=f"lost~{each.run}.{each.key}.{each.attempt}",
                    workspace=each.workspace,
                    run=each.run,
                    step=each.key,
                    attempt=each.attempt,
                    epoch=each.epoch,
                    spec=each.spec,
                    task=each.task,
                    provider=each.provider,
                    model=each.model,
                ),
            )


def _keep_runs_for(connection: apsw.Connection, at: str) -> None:
    """Make an ended run for every entry whose run the copy does not know, so that its money is listed."""
    connection.execute(
        "INSERT INTO run (run, workspace, spec, task_address, task_title, task_title_sha256, task_line, provider,"
        " model, counted_tokens, state, reason, detail, created_at, updated_at, erased_at)"
        " SELECT run, workspace, spec, task, '', '', 0, provider, model, 0, 'failed', 'storage', ?, min(at), max(at), ?"
        " FROM ledger WHERE run NOT IN (SELECT run FROM run) GROUP BY run",
        (stored(_UNKNOWN), at),
    )


def _go_on_counting(connection: apsw.Connection, seq: int) -> None:
    """Give no event a number that one had which is lost: whoever follows events would miss it."""
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").get
    if last is None:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('event', ?)", (seq,))
    elif last < seq:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'event'", (seq,))


def _entry(
    what: str, *, day: str, at: str, cost_pico: int | None = None, at_most_pico: int = 0, usage: Usage | None = None
) -> LedgerEntry:
    return LedgerEntry(
        request_id=f"recovered-{what}-{at}",
        at=at,
        local_day=day,
        workspace="",
        run=f"recovered-{at}",
        step=what,
        attempt=1,
        epoch=0,
        spec="",
        task="recovered",
        file=None,
        line=None,
        provider="",
        model="",
        usage=usage or Usage(),
        usage_raw=None,
        unit_prices=None,
        rate_card=None,
        cost_pico=cost_pico,
        at_most_pico=cost_pico or at_most_pico,
        unpriced=False,
        certainty="unknown" if cost_pico is None else "estimated",
        body_sha256="",
        prompt_sha256="",
        ttft_ms=None,
        duration_ms=None,
    )


def _words(entries: int, missing_pico: int, lost: int) -> str:
    said = f"; {entries} of its ledger's entries are kept" if entries else ""
    if missing_pico:
        said += ", and what they do not show of the sum is booked as one entry more"
    if lost:
        said += f". {lost} open run{'s' if lost > 1 else ''} may have gone further than that and ended: start anew"
    return said
