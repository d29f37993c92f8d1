"""Keeps the mark and the mirror in step with the ledger: after each commit that moved money, before it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.errors import BursarError
from bursar.domain.money.ledger import CHAIN_START
from bursar.domain.ports import Failpoint, nowhere
from bursar.storage.mark import Mark, MarkFile, OpenHold
from bursar.storage.mirror import Mirror
from bursar.storage.rows import OPEN_PICO, loaded

_BUCKETS = "uncached_input + cache_read + cache_write_5m + cache_write_1h + output"
_SUMS = (
    f"SELECT coalesce(sum(cost_pico), 0), coalesce(sum({OPEN_PICO}), 0),"  # noqa: S608
    f" coalesce(sum({_BUCKETS}), 0) FROM ledger WHERE n > ?"
)
_ALL_SUMS = (
    f"SELECT coalesce(sum(cost_pico), 0), coalesce(sum(at_most_pico), 0), coalesce(sum({_BUCKETS}), 0)"  # noqa: S608
    " FROM roll WHERE dimension = 'day' AND local_day = '*' AND agent = 'bursar'"
)
_HOLDS = (
    "SELECT hold.run, hold.key, hold.attempt, hold.epoch, hold.workspace, hold.local_day, amount_pico, spec,"
    " task_address, coalesce(intent ->> '$.provider', provider), coalesce(intent ->> '$.model', model)"
    " FROM hold JOIN run USING (run) LEFT JOIN step ON step.run = hold.run AND step.key = hold.key ORDER BY hold.hold"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Where the ledger stands."""

    rows: int = 0
    cost_pico: int = 0
    bound_pico: int = 0
    tokens: int = 0


class Witness:
    """Every method is called under the gate, on the thread that writes.

    A disk that takes neither file does not undo what the database has: both catch up later.
    """

    def __init__(self, home: Path, connection: apsw.Connection, failpoint: Failpoint = nowhere) -> None:
        self._file = MarkFile(home, failpoint)
        self._database_id = database_id(connection)
        self._mirror = Mirror(home, self._database_id, failpoint)
        self._sums = ledger_sums(connection)
        self._claims: list[tuple[str, int]] = []

    @property
    def behind(self) -> bool:
        """Whether the mirror lacks rows of the ledger."""
        return self._mirror.last < self._sums.rows

    def claimed(self, run: str, epoch: int) -> None:
        """A run is being taken over: said with the next commit."""
        self._claims.append((run, epoch))

    def look(self, connection: apsw.Connection) -> None:
        """See what the last commit changed."""
        rows = last_row(connection)
        holds = open_holds(connection)
        if rows > self._sums.rows:
            self._sums = ledger_sums(connection, self._sums)
        if self.behind or self._claims:
            with _as_far_as_the_disk_allows():
                self._mirror.catch_up(connection, self._claims)
                self._claims.clear()
        marked = self._marked()
        if marked is None or (marked.rows, marked.holds, marked.seq) != (rows, holds, last_event(connection)):
            self.mark(connection)

    def mirror_all(self, connection: apsw.Connection) -> None:
        """Bring the mirror up to the ledger, however much is missing. Raises OSError and StorageError."""
        while True:
            before = self._mirror.last
            self._mirror.catch_up(connection)
            if self._mirror.last == before:
                return

    def mark(self, connection: apsw.Connection, **changed: Any) -> None:
        """Write the mark anew; what is not in the database is kept from the one before, unless it is changed here."""
        before = self._marked()
        mark = replace(mark_of(connection, self._sums), suspect=before.suspect if before is not None else None)
        with _as_far_as_the_disk_allows():
            self._file.write(replace(mark, **changed))

    def close(self) -> None:
        """Give both files back."""
        self._mirror.close()
        self._file.close()

    def _marked(self) -> Mark | None:
        with _as_far_as_the_disk_allows():
            return self._file.read()
        return None


def mark_of(connection: apsw.Connection, sums: Sums) -> Mark:
    """The mark for what is in the database."""
    last = connection.execute("SELECT local_day FROM ledger ORDER BY n DESC LIMIT 1").get
    return Mark(
        database_id=database_id(connection),
        rows=sums.rows,
        chain=link_of(connection, sums.rows),
        seq=last_event(connection),
        cost_pico=sums.cost_pico,
        bound_pico=sums.bound_pico,
        tokens=sums.tokens,
        day=str(last or ""),
        holds=open_holds(connection),
    )


def database_id(connection: apsw.Connection) -> str:
    """Which store this is."""
    return str(connection.execute("SELECT value FROM meta WHERE key = 'database_id'").get)


def last_row(connection: apsw.Connection) -> int:
    """The number of the ledger's last row; 0 for none."""
    return int(connection.execute("SELECT coalesce(max(n), 0) FROM ledger").get)


def last_event(connection: apsw.Connection) -> int:
    """The number of the last event; 0 for none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM event").get)


def link_of(connection: apsw.Connection, n: int) -> str:
    """The link of a ledger row; that of the start for row 0, empty for one that is not there."""
    if n == 0:
        return CHAIN_START
    return str(connection.execute("SELECT chain FROM ledger WHERE n = ?", (n,)).get or "")


def ledger_sums(connection: apsw.Connection, before: Sums | None = None) -> Sums:
    """The sums over the ledger; with ``before``, only its newer rows are read."""
    found = connection.execute(_ALL_SUMS).get if before is None else connection.execute(_SUMS, (before.rows,)).get
    before = before or Sums()
    cost_pico, bound_pico, tokens = found
    return Sums(
        rows=last_row(connection),
        cost_pico=before.cost_pico + int(cost_pico),
        bound_pico=before.bound_pico + int(bound_pico),
        tokens=before.tokens + int(tokens),
    )


def open_holds(connection: apsw.Connection) -> tuple[OpenHold, ...]:
    """The money that is held now."""
    return tuple(
        OpenHold(
            run=run,
            key=key,
            attempt=attempt,
            epoch=epoch,
            workspace=loaded(workspace),
            local_day=local_day,
            amount_pico=amount_pico,
            spec=loaded(spec),
            task=loaded(task),
            provider=provider,
            model=model,
        )
        for run, key, attempt, epoch, workspace, local_day, amount_pico, spec, task, provider, model in (
            connection.execute(_HOLDS)
        )
    )


@contextmanager
def _as_far_as_the_disk_allows() -> Iterator[None]:
    """The database has it; what the side files lack now they get with a later commit or at the next start."""
    with contextlib.suppress(OSError, BursarError):
        yield
