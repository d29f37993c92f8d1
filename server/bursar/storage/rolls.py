"""Sums by day and by what was spent on: filled with each row in its transaction, checked against the rows, made anew.

The view ``fact`` is every row that counts, in one shape; whatever gets a table of its own joins that view. For each
dimension there is a row for each day and one over all days, so a question about a week reads a week.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw

from bursar.domain.money.rolls import ALL_DAYS, DIMENSIONS, RollDimension, RollRow, Spent, Sums
from bursar.domain.money.usage import Usage
from bursar.storage.rows import USAGE_COLUMNS, columns, loaded_within, marks, stored

_COUNTS = ("attempts", "failed", "requests", "estimated_requests", "unknown_requests", "unpriced_requests")
_MONEY = ("cost_pico", "estimated_pico", "at_most_pico", "at_most_tokens")
SUM_COLUMNS = (*_COUNTS, *USAGE_COLUMNS, *_MONEY)
_KEYS = ("dimension", "local_day", "key", "workspace", "agent")
_ADD = (
    f"INSERT INTO roll ({columns(_KEYS)}, {columns(SUM_COLUMNS)})"  # noqa: S608 - names of our own
    f" VALUES ({marks((*_KEYS, *SUM_COLUMNS))}) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SUM_COLUMNS)
)
_TOTALS = ", ".join(f"sum({name}) AS {name}" for name in SUM_COLUMNS)


def task_key(spec: str, task: str) -> str:
    """The key of a task in the sums: where its spec is, and its address in it, both as they are stored."""
    return f"{stored(spec)}#{stored(task)}"


def add_spent(connection: apsw.Connection, facts: Iterable[Spent]) -> None:
    """Add these facts to every dimension, within the caller's transaction.

    Facts are first added up among themselves, so that many at once cost little more than few.
    """
    found: dict[tuple[str, ...], Sums] = {}
    for each in facts:
        for dimension in DIMENSIONS:
            for day in (each.local_day, ALL_DAYS):
                key = (dimension, day, each.key(dimension), each.workspace, each.agent)
                before = found.get(key)
                found[key] = each.sums if before is None else before + each.sums
    connection.executemany(
        _ADD,
        (
            (dimension, day, key if dimension == "task" else stored(key), stored(workspace), agent, *_values(sums))
            for (dimension, day, key, workspace, agent), sums in sorted(found.items())
        ),
    )


def rolled(
    connection: apsw.Connection,
    dimension: RollDimension,
    *,
    since: str | None = None,
    agent: str | None = None,
) -> list[RollRow]:
    """The sums under each key, over all days or from a day on; for days, those of each day."""
    by_day = dimension == "day"
    where, values = ("local_day <> ?", [ALL_DAYS]) if by_day or since is not None else ("local_day = ?", [ALL_DAYS])
    if since is not None:
        where, values = "local_day >= ?", [since]
    if agent is not None:
        where, values = f"{where} AND agent = ?", [*values, agent]
    day = "local_day" if by_day else f"'{ALL_DAYS}'"
    rows = connection.execute(
        f"SELECT key, {day} AS day, workspace, agent, {_TOTALS} FROM roll WHERE dimension = ? AND {where}"  # noqa: S608
        " GROUP BY day, key, workspace, agent",
        (dimension, *values),
    )
    return [
        RollRow(
            key=loaded_within(key), local_day=local_day, workspace=loaded_within(workspace), agent=who, sums=_sums(row)
        )
        for key, local_day, workspace, who, *row in rows
    ]


def rebuild_rolls(connection: apsw.Connection) -> None:
    """Make all sums anew from the rows, within the caller's transaction."""
    connection.execute("DELETE FROM roll")
    for dimension in DIMENSIONS:
        connection.execute(f"INSERT INTO roll ({columns(_KEYS)}, {columns(SUM_COLUMNS)}) {_of_rows(dimension)}")
    connection.execute(f"INSERT INTO roll ({columns(_KEYS)}, {columns(SUM_COLUMNS)}) {_OVER_ALL_DAYS}")


def wrong_roll(connection: apsw.Connection) -> str | None:
    """Where the first sum is that is not that of its rows, in words; None when all are."""
    names = f"{columns(_KEYS)}, {columns(SUM_COLUMNS)}"
    every_day = f"SELECT {names} FROM roll WHERE local_day <> '{ALL_DAYS}'"  # noqa: S608 - names of our own
    over_all = f"SELECT {names} FROM roll WHERE local_day = '{ALL_DAYS}'"  # noqa: S608
    checks = [(_of_rows(each), f"{every_day} AND dimension = '{each}'") for each in DIMENSIONS]
    checks.append((_OVER_ALL_DAYS, over_all))
    for of_rows, kept in checks:
        for one, other in ((of_rows, kept), (kept, of_rows)):
            found = connection.execute(f"SELECT {columns(_KEYS)} FROM (SELECT * FROM ({one}) EXCEPT {other}) LIMIT 1")  # noqa: S608
            row = found.fetchone()
            if row is not None:
                dimension, day, key, _, _ = row
                when = "all days" if day == ALL_DAYS else str(day)
                return f"{when} by {dimension}" + (f" ({loaded_within(str(key))})" if key else "")
    return None


def _of_rows(dimension: RollDimension) -> str:
    key = "''" if dimension == "day" else dimension
    return (
        f"SELECT '{dimension}' AS dimension, local_day, {key} AS key, workspace, agent, {_TOTALS} FROM fact"  # noqa: S608
        " GROUP BY local_day, 3, workspace, agent"
    )


_OVER_ALL_DAYS = (
    f"SELECT dimension, '{ALL_DAYS}' AS local_day, key, workspace, agent, {_TOTALS} FROM roll"  # noqa: S608
    f" WHERE local_day <> '{ALL_DAYS}' GROUP BY dimension, key, workspace, agent"
)


def _values(sums: Sums) -> tuple[int, ...]:
    usage = sums.usage.as_dict()
    return tuple(usage[name] if name in usage else int(getattr(sums, name)) for name in SUM_COLUMNS)


def _sums(row: Iterable[Any]) -> Sums:
    values = dict(zip(SUM_COLUMNS, row, strict=True))
    usage = Usage(**{name: values.pop(name) for name in USAGE_COLUMNS})
    return Sums(usage=usage, **values)
