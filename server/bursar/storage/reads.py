"""Reads of committed data: one statement for each table, whatever the number of runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import apsw

from bursar.domain.runs import RequestRow, RunEvent, RunRecord, RunSummary, StepRecord
from bursar.storage.rows import (
    EVENT_COLUMNS,
    REQUEST_COLUMNS,
    RUN_COLUMNS,
    STEP_COLUMNS,
    columns,
    request_row,
    run_event,
    run_record,
    step_record,
    stored,
)
from bursar.storage.texts import read_text

Alive = Callable[[str], bool]


def one_run(connection: apsw.Connection, run: str, alive: Alive) -> RunRecord | None:
    """A run with its first request."""
    row = connection.execute(
        f"SELECT {columns(RUN_COLUMNS)}, first_request_sha256 FROM run WHERE run = ?",  # noqa: S608 - names of our own
        (run,),
    ).fetchone()
    if row is None:
        return None
    text = read_text(connection, str(row[-1])) if row[-1] is not None else None
    return _record(row[:-1], alive, (text or b"").decode("utf-8", "surrogatepass"))


def all_runs(
    connection: apsw.Connection, workspace: str | None, alive: Alive, *, operations: bool = False
) -> list[RunRecord]:
    """The runs of tasks of a workspace or of all, oldest first, without their first requests; or the operations."""
    where, values = _where(workspace=workspace)
    kinds = "kind <> 'task'" if operations else "kind = 'task'"
    where = f"{where} AND {kinds}" if where else f" WHERE {kinds}"
    rows = connection.execute(f"SELECT {columns(RUN_COLUMNS)} FROM run{where} ORDER BY created_at, run", values)  # noqa: S608
    return [_record(row, alive, "") for row in rows.fetchall()]


def steps(connection: apsw.Connection, run: str) -> list[StepRecord]:
    """The steps of a run in their order."""
    rows = connection.execute(f"SELECT {columns(STEP_COLUMNS)} FROM step WHERE run = ? ORDER BY n", (run,))  # noqa: S608
    return [step_record(row) for row in rows]


def events(connection: apsw.Connection, run: str | None, after_seq: int) -> list[RunEvent]:
    """The events after a sequence number."""
    where, values = _where(run=run)
    where = f"{where} AND seq > ?" if where else " WHERE seq > ?"
    rows = connection.execute(
        f"SELECT {columns(EVENT_COLUMNS)} FROM event{where} ORDER BY seq",  # noqa: S608 - names of our own
        (*values, after_seq),
    )
    return [run_event(row) for row in rows]


def requests(
    connection: apsw.Connection,
    workspace: str | None,
    run: str | None,
    *,
    since: str | None = None,
    newest: int | None = None,
) -> list[RequestRow]:
    """The ledger's entries, oldest first; ``since`` is the first day, ``newest`` the most of them."""
    where, given = _where(workspace=workspace, run=run)
    values: tuple[str | int, ...] = given
    if since is not None:
        where, values = f"{where} AND local_day >= ?" if where else " WHERE local_day >= ?", (*values, since)
    order = "ORDER BY n"
    if newest is not None:
        order, values = "ORDER BY n DESC LIMIT ?", (*values, newest)
    rows = connection.execute(f"SELECT {columns(REQUEST_COLUMNS)} FROM ledger{where} {order}", values)  # noqa: S608
    found = [request_row(row) for row in rows]
    return found if newest is None else found[::-1]


def summaries(
    connection: apsw.Connection, records: list[RunRecord], *, workspace: str | None, run: str | None
) -> list[RunSummary]:
    """These runs with their figures; ``workspace`` and ``run`` are what the records were chosen by."""
    asked: dict[str, list[RequestRow]] = defaultdict(list)
    for each in requests(connection, workspace, run):
        asked[each.run].append(each)
    where, values = _where(workspace=workspace, run=run)
    held: dict[str, int] = defaultdict(int)
    for name, amount_pico in connection.execute(f"SELECT run, amount_pico FROM hold{where}", values):  # noqa: S608
        held[str(name)] += int(amount_pico)
    where, values = _where_run(workspace=workspace, run=run)
    done = dict(
        connection.execute(f"SELECT run, count(*) FROM step{where} AND status = 'done' GROUP BY run", values)  # noqa: S608
    )
    doubted: dict[str, list[StepRecord]] = defaultdict(list)
    rows = connection.execute(
        f"SELECT {columns(STEP_COLUMNS)} FROM step{where} AND status = 'in_doubt' ORDER BY n",  # noqa: S608
        values,
    )
    for each_step in map(step_record, rows):
        doubted[each_step.run].append(each_step)
    return [
        RunSummary(
            record=record,
            steps_done=int(done.get(record.run, 0)),
            cost_pico=sum(each.cost_pico or 0 for each in asked[record.run]),
            held_pico=held[record.run]
            + sum(each.open_pico for each in asked[record.run] if each.certainty == "unknown" or not each.unpriced),
            unpriced_requests=sum(each.unpriced for each in asked[record.run]),
            requests=tuple(asked[record.run]),
            in_doubt=tuple(doubted[record.run]),
        )
        for record in records
    ]


def _record(row: tuple[Any, ...], alive: Alive, first_request: str) -> RunRecord:
    run, owner = row[RUN_COLUMNS.index("run")], row[RUN_COLUMNS.index("owner")]
    return run_record(row, first_request=first_request, owner_alive=owner is not None and alive(str(run)))


def _where(**wanted: str | None) -> tuple[str, tuple[str, ...]]:
    given = {name: stored(value) for name, value in wanted.items() if value is not None}
    if not given:
        return "", ()
    return " WHERE " + " AND ".join(f"{name} = ?" for name in given), tuple(given.values())


def _where_run(*, workspace: str | None, run: str | None) -> tuple[str, tuple[str, ...]]:
    if run is not None:
        return " WHERE run = ?", (run,)
    if workspace is not None:
        return " WHERE run IN (SELECT run FROM run WHERE workspace = ?)", (stored(workspace),)
    return " WHERE true", ()
