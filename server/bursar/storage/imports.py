"""What other agents spent: rows are only ever added; a fuller record of a request adds the difference."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.money.imported import FileMark, ImportedSpend, Posted, PricedRequest, fuller
from bursar.domain.money.rolls import OWN_AGENT, Spent, Sums
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Clock
from bursar.storage.errors import translated
from bursar.storage.home import secure_file
from bursar.storage.rolls import add_spent
from bursar.storage.rows import USAGE_COLUMNS, columns, json_text, loaded, marks, stored
from bursar.storage.writer import Writer

_COLUMNS = (
    "agent",
    "message_id",
    "request_id",
    "version",
    "session",
    "parent_session",
    "at",
    "local_day",
    "workspace",
    "provider",
    "model",
    *USAGE_COLUMNS,
    "requests",
    "unpriced",
    "cost_pico",
    "unit_prices",
    "rate_card",
    "reported_pico",
    "file",
    "line",
    "imported_at",
)
_ADD = f"INSERT INTO imported ({columns(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608 - names of our own
_KNOWN = (
    f"SELECT count(*), {', '.join(f'sum({name})' for name in USAGE_COLUMNS)}, sum(unpriced),"  # noqa: S608
    " sum(cost_pico), min(n) FROM imported WHERE agent = ? AND message_id = ? AND request_id = ?"
)
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

    def totals(self) -> dict[str, ImportedSpend]:
        """All that was imported, by agent."""
        with self._read() as db:
            rows: Sequence[Sequence[Any]] = db.execute(
                "SELECT agent, coalesce(sum(cost_pico), 0), sum(requests), sum(unpriced), imported_agent.imported_at"
                " FROM imported JOIN imported_agent USING (agent) GROUP BY agent"
            ).fetchall()
        return {
            str(agent): ImportedSpend(
                cost_pico=int(cost), requests=int(number), unpriced_requests=int(unpriced), imported_at=str(at)
            )
            for agent, cost, number, unpriced, at in rows
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
        cost_pico=int(cost), requests=int(number), unpriced_requests=int(unpriced), imported_at=str(at)
    )


def _post(db: apsw.Connection, requests: Sequence[PricedRequest], marks: Sequence[FileMark], at: str) -> Posted:
    posted = Posted()
    last = int(db.execute("SELECT coalesce(max(n), 0) FROM imported").get)
    for each in requests:
        posted += _add(db, each, at)
    add_spent(db, _spent_after(db, last))
    for mark in marks:
        db.execute(
            f"INSERT OR REPLACE INTO imported_file ({columns(_MARK_COLUMNS)})"  # noqa: S608
            f" VALUES ({', '.join('?' for _ in _MARK_COLUMNS)})",
            (
                mark.agent,
                stored(mark.file),
                mark.inode,
                mark.size,
                mark.mtime_ns,
                mark.offset,
                mark.line,
                mark.head_bytes,
                mark.head_sha256,
                json_text(mark.state),
            ),
        )
    return posted


def _spent_after(db: apsw.Connection, n: int) -> Iterator[Spent]:
    """What the rows after this one add to the sums."""
    about = "local_day, workspace, agent, model, session, requests, unpriced, coalesce(cost_pico, 0)"
    rows = db.execute(f"SELECT {about}, {columns(USAGE_COLUMNS)} FROM imported WHERE n > ?", (n,))  # noqa: S608
    for local_day, workspace, agent, model, session, requests, unpriced, cost_pico, *buckets in rows:
        yield Spent(
            local_day=local_day,
            workspace=loaded(workspace),
            agent=agent,
            model=loaded(model),
            session=loaded(session),
            sums=Sums(
                attempts=requests,
                requests=requests,
                unpriced_requests=unpriced,
                usage=Usage(**dict(zip(USAGE_COLUMNS, buckets, strict=True))),
                cost_pico=cost_pico,
            ),
        )


def _add(db: apsw.Connection, priced: PricedRequest, at: str) -> Posted:
    request = priced.request
    key = (request.agent, *(stored(each) for each in (request.message_id, request.request_id)))
    found: Sequence[Any] = db.execute(_KNOWN, key).fetchall()[0]
    versions, *sums, unpriced, cost_pico, first = found
    if not versions:
        posted = Posted(added=1, unpriced=int(priced.cost_pico is None), cost_pico=priced.cost_pico or 0)
        _insert(db, priced, 0, request.usage, posted, priced.cost_pico, at)
        return posted
    known = Usage(**dict(zip(USAGE_COLUMNS, (int(each) for each in sums), strict=True)))
    if fuller(known, request.usage) == known:
        return Posted(duplicates=1)
    was_unpriced, was_pico = int(unpriced), int(cost_pico or 0)
    posted = Posted(
        updated=1,
        unpriced=int(priced.cost_pico is None) - was_unpriced,
        cost_pico=(priced.cost_pico or 0) - was_pico,
    )
    difference = None if priced.cost_pico is None and was_unpriced else posted.cost_pico
    # A difference belongs where the request stands already: to its day, its project and its model.
    where = db.execute("SELECT local_day, at, session, workspace, model FROM imported WHERE n = ?", (first,))
    local_day, first_at, session, project, model = (loaded(str(each)) for each in where.fetchall()[0])
    request = replace(request, at=first_at, session=session, project=project, model=model)
    priced = replace(priced, request=request, local_day=local_day)
    _insert(db, priced, int(versions), _minus(request.usage, known), posted, difference, at)
    return posted


def _insert(
    db: apsw.Connection,
    priced: PricedRequest,
    version: int,
    usage: Usage,
    posted: Posted,
    cost_pico: int | None,
    at: str,
) -> None:
    request = priced.request
    buckets = usage.as_dict()
    db.execute(
        _ADD,
        (
            request.agent,
            stored(request.message_id),
            stored(request.request_id),
            version,
            stored(request.session),
            None if request.parent_session is None else stored(request.parent_session),
            request.at,
            priced.local_day,
            stored(request.project),
            stored(request.provider),
            stored(request.model),
            *(buckets[name] for name in USAGE_COLUMNS),
            int(version == 0),
            posted.unpriced,
            cost_pico,
            priced.unit_prices,
            priced.rate_card,
            request.reported_pico,
            stored(request.file),
            request.line,
            at,
        ),
    )


def _minus(usage: Usage, known: Usage) -> Usage:
    before = known.as_dict()
    return Usage(**{name: number - before[name] for name, number in usage.as_dict().items()})
