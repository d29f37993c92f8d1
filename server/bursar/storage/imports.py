"""What other agents spent: rows are only ever added; a fuller record of a request adds the difference."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import apsw

from bursar.domain.money.imported import FileMark, ImportedRequest, ImportedSpend, Posted, PricedRequest
from bursar.domain.money.rolls import OWN_AGENT
from bursar.domain.ports import Clock
from bursar.storage.errors import translated
from bursar.storage.foreign import CopiedDatabase, copied_database
from bursar.storage.home import secure_file
from bursar.storage.imported_rows import add_requests, requests_without_price
from bursar.storage.rows import columns, json_text, loaded, marks, stored
from bursar.storage.writer import Writer

_MARK_COLUMNS = (
    "agent",
    "file",
    "inode",
    "size",
    "mtime_ns",
    "offset",
    "line",
    "head_bytes",
    "head_sha256",
    "state",
)
_KEEP_MARK = (
    f"INSERT OR REPLACE INTO imported_file ({columns(_MARK_COLUMNS)})"  # noqa: S608 - names of our own
    f" VALUES ({marks(_MARK_COLUMNS)})"
)
_SPENT = (
    "SELECT coalesce(sum(cost_pico), 0), coalesce(sum(requests), 0), coalesce(sum(unpriced_requests), 0) FROM roll"
    " WHERE dimension = 'day' AND local_day = ? AND agent <> ?"
)
_COUNTED = "budgets_count_imported"


class SqliteImports:
    """The ImportStore port on the one SQLite file."""

    def __init__(
        self, home: Path, writer: Writer, read: Callable[[], AbstractContextManager[apsw.Connection]], clock: Clock
    ) -> None:
        self._home = home
        self._writer = writer
        self._read = read
        self._clock = clock

    @contextmanager
    def importing(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """One import at a time; the kernel gives the lock back when its process dies."""
        path = self._home / "import.lock"
        handle = secure_file(path, create=True)
        try:
            with translated(path):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    on_wait()
                    fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def mark(self, agent: str, file: str) -> FileMark | None:
        """How far this log was read."""
        with self._read() as db:
            row = db.execute(
                f"SELECT {columns(_MARK_COLUMNS)} FROM imported_file WHERE agent = ? AND file = ?",  # noqa: S608
                (agent, stored(file)),
            ).fetchone()
        if row is None:
            return None
        values = dict(zip(_MARK_COLUMNS, row, strict=True))
        try:
            state = json.loads(values["state"])
        except ValueError:
            # A mark that was damaged is none: the log is read from its start, and what is known counts once.
            return None
        return FileMark(**{**values, "file": loaded(values["file"]), "state": state})

    def post(self, requests: Sequence[PricedRequest], marks: Sequence[FileMark]) -> Future[Posted]:
        """Add what is new, and the marks, in one durable transaction."""
        at = self._clock.now_utc()
        return self._writer.submit(lambda db: _post(db, requests, marks, at))

    def unpriced(self, agent: str, *, after: int = 0) -> tuple[int, Sequence[ImportedRequest]]:
        """Some requests without a price; those that were given one since are left out."""
        with self._read() as db:
            return requests_without_price(db, agent, after=after)

    def finish(self, agents: Sequence[str]) -> None:
        """Keep when these agents were imported."""
        at = self._clock.now_utc()
        rows = [(agent, at) for agent in agents]
        sql = "INSERT INTO imported_agent VALUES (?, ?) ON CONFLICT DO UPDATE SET imported_at = excluded.imported_at"
        self._writer.submit(lambda db: db.executemany(sql, rows) and None).result()

    def count_in_budgets(self, yes: bool) -> None:
        """Have budgets count what other agents spent, or leave it out again."""
        sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._writer.submit(lambda db: db.execute(sql, (_COUNTED, str(int(yes)))) and None).result()

    def counted_in_budgets(self) -> bool:
        """Whether they count it."""
        with self._read() as db:
            return counted_in_budgets(db)

    def other_database(self, path: Path, opened: Callable[[Path], BinaryIO]) -> AbstractContextManager[CopiedDatabase]:
        """Another program's database, read from a copy in the state folder."""
        return copied_database(self._home, path, opened)

    def totals(self) -> dict[str, ImportedSpend]:
        """All that was imported, by agent."""
        with self._read() as db:
            rows: Sequence[Sequence[Any]] = db.execute(
                "SELECT agent, coalesce(sum(cost_pico), 0), sum(requests), sum(unpriced), imported_agent.imported_at,"
                " sum(iif(certainty = 'estimated', requests, 0))"
                " FROM imported JOIN imported_agent USING (agent) GROUP BY agent"
            ).fetchall()
        return {
            str(agent): ImportedSpend(
                cost_pico=int(cost),
                requests=int(number),
                unpriced_requests=int(unpriced),
                imported_at=str(at),
                estimated_requests=int(estimated),
            )
            for agent, cost, number, unpriced, at, estimated in rows
        }


def counted_in_budgets(connection: apsw.Connection) -> bool:
    """Whether the user wants budgets to count what other agents spent."""
    return bool(connection.execute("SELECT value FROM meta WHERE key = ?", (_COUNTED,)).get == "1")


def spent_on(connection: apsw.Connection, local_day: str) -> ImportedSpend | None:
    """What other agents spent on a day, as far as it was imported; None when nothing ever was."""
    at = connection.execute("SELECT max(imported_at) FROM imported_agent").get
    if at is None:
        return None
    row: Sequence[Any] = connection.execute(_SPENT, (local_day, OWN_AGENT)).fetchall()[0]
    cost, number, unpriced = row
    return ImportedSpend(
        cost_pico=int(cost),
        requests=int(number),
        unpriced_requests=int(unpriced),
        imported_at=str(at),
        counted=counted_in_budgets(connection),
    )


def _post(db: apsw.Connection, requests: Sequence[PricedRequest], marks: Sequence[FileMark], at: str) -> Posted:
    posted = add_requests(db, requests, at)
    for mark in marks:
        values = {**asdict(mark), "file": stored(mark.file), "state": json_text(mark.state)}
        db.execute(_KEEP_MARK, tuple(values[name] for name in _MARK_COLUMNS))
    return posted
