"""Sums by day and by what was spent on: filled with each row in its transaction, checked against the rows, made anew.

The view ``fact`` is every row that counts, in one shape; whatever gets a table of its own joins that view. For each
dimension there is a row for each day and one over all days, so a question about a week reads a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from bursar.domain.money.rolls import ALL_DAYS, DIMENSIONS, RollDimension, RollRow, Spent, Sums
from bursar.domain.money.usage import Usage
from bursar.storage.rows import USAGE_COLUMNS, columns, loaded_within, marks, stored

_COUNTS = ("attempts", "failed", "requests", "estimated_requests", "unknown_requests", "unpriced_requests")
_MONEY = ("cost_pico", "estimated_pico", "at_most_pico", "at_most_tokens")
SUM_COLUMNS = (*_COUNTS, *USAGE_COLUMNS, *_MONEY)
ACROSS_WORKSPACES = ("total", "model", "session", "prompt")
"""Where sums over all days are over all workspaces, too: one row for each key, however many folders it was about."""
_NEVER_BY_WORKSPACE = ("total", "model")
"""Where those of a day are, too: nobody asks what a model cost in one folder, and that would be a row for each."""
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
                across = ACROSS_WORKSPACES if day == ALL_DAYS else _NEVER_BY_WORKSPACE
                workspace = "" if dimension in across else each.workspace
                key = (dimension, day, each.key(dimension), workspace, each.agent)
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
    most: int | None = None,
    by_workspace: bool = True,
) -> list[RollRow]:
    """The sums under each key, over all days or from a day on; for days, those of each day.

    ``most`` gives the dearest of them only, or the newest days. Without ``by_workspace`` those of all are one.
    """
    workspace = "workspace" if by_workspace and dimension not in ACROSS_WORKSPACES else "''"
    if dimension == "day":
        kept: RollDimension = "day" if by_workspace else "total"
        where, values = _days(connection, kept, since=since, agent=agent, most=most)
        sql = f"SELECT key, local_day, workspace, agent, {columns(SUM_COLUMNS)} FROM roll WHERE {where}"  # noqa: S608
        return [_row(each) for each in connection.execute(sql, values)]
    where, values = _where(dimension, "=" if since is None else ">=", since or ALL_DAYS, agent)
    sums, grouped = (_TOTALS, " GROUP BY 1, 3, 4")
    if since is None and (workspace == "workspace" or dimension in ACROSS_WORKSPACES):
        # One row is one key here, and an index has them by what they cost.
        sums, grouped = columns(SUM_COLUMNS), ""
        workspace = "workspace"
    sql = f"SELECT key, '{ALL_DAYS}', {workspace}, agent, {sums} FROM roll WHERE {where}{grouped}"  # noqa: S608
    if most is not None:
        sql, values = f"{sql} ORDER BY cost_pico DESC LIMIT ?", (*values, most)
    return [_row(each) for each in connection.execute(sql, values)]


def rolled_by_agent(connection: apsw.Connection, *, since: str | None) -> dict[str, Sums]:
    """Everything that each agent spent, over all days or from a day on."""
    where, values = _where("total", "=" if since is None else ">=", since or ALL_DAYS, None)
    rows = connection.execute(f"SELECT agent, {_TOTALS} FROM roll WHERE {where} GROUP BY agent", values)  # noqa: S608
    return {str(agent): _sums(sums) for agent, *sums in rows}


def number_of_keys(
    connection: apsw.Connection, dimension: RollDimension, *, since: str | None, agent: str | None
) -> int:
    """How many keys ``rolled`` would give rows for without a bound."""
    if dimension == "day":
        where, values = _where("total", ">" if since is None else ">=", since or ALL_DAYS, agent)
        rows = f"SELECT DISTINCT local_day FROM roll WHERE {where}"  # noqa: S608 - names of our own
    else:
        where, values = _where(dimension, "=" if since is None else ">=", since or ALL_DAYS, agent)
        # Over all days a key has one row for each agent, which need not be compared with its neighbours.
        alone = since is None and agent is not None
        key = "key, workspace" if dimension in ("task", "file") else "key"
        rows = f"SELECT {'' if alone else 'DISTINCT'} {key} FROM roll WHERE {where}"  # noqa: S608
    return int(connection.execute(f"SELECT count(*) FROM ({rows})", values).get)  # noqa: S608


def _days(
    connection: apsw.Connection, kept: RollDimension, *, since: str | None, agent: str | None, most: int | None
) -> tuple[str, tuple[str | int, ...]]:
    """Which rows are those of the days that are asked for."""
    where, values = _where(kept, ">" if since is None else ">=", since or ALL_DAYS, agent)
    if most is None:
        return where, values
    newest = f"SELECT DISTINCT local_day AS day FROM roll WHERE {where} ORDER BY day DESC LIMIT ?"  # noqa: S608
    first = connection.execute(f"SELECT min(day) FROM ({newest})", (*values, most)).get  # noqa: S608
    return (where, values) if first is None else _where(kept, ">=", str(first), agent)


def _where(dimension: str, compared: str, day: str, agent: str | None) -> tuple[str, tuple[str | int, ...]]:
    # Days are compared with digits before them, so what stands for all days is before every one.
    day_is = f"local_day = '{ALL_DAYS}'" if (compared, day) == ("=", ALL_DAYS) else f"local_day {compared} ?"
    values: tuple[str | int, ...] = (dimension,) if (compared, day) == ("=", ALL_DAYS) else (dimension, day)
    if agent is None:
        return f"dimension = ? AND {day_is}", values
    return f"dimension = ? AND {day_is} AND agent = ?", (*values, agent)


def _row(row: Sequence[Any]) -> RollRow:
    key, local_day, workspace, agent, *sums = row
    return RollRow(
        key=loaded_within(key), local_day=local_day, workspace=loaded_within(workspace), agent=agent, sums=_sums(sums)
    )


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
    key = "''" if dimension in ("day", "total") else dimension
    workspace = "'' AS workspace" if dimension in _NEVER_BY_WORKSPACE else "workspace"
    return (
        f"SELECT '{dimension}' AS dimension, local_day, {key} AS key, {workspace}, agent, {_TOTALS} FROM fact"  # noqa: S608
        " GROUP BY 2, 3, 4, 5"
    )


_OVER_ALL_DAYS = (
    f"SELECT dimension, '{ALL_DAYS}' AS local_day, key,"  # noqa: S608 - names of our own
    f" iif(dimension IN ({', '.join(repr(each) for each in ACROSS_WORKSPACES)}), '', workspace) AS workspace, agent,"
    f" {_TOTALS} FROM roll WHERE local_day <> '{ALL_DAYS}' GROUP BY 1, 3, 4, 5"
)


def _values(sums: Sums) -> tuple[int, ...]:
    usage = sums.usage.as_dict()
    return tuple(usage[name] if name in usage else int(getattr(sums, name)) for name in SUM_COLUMNS)


def _sums(row: Iterable[Any]) -> Sums:
    values = dict(zip(SUM_COLUMNS, row, strict=True))
    usage = Usage(**{name: values.pop(name) for name in USAGE_COLUMNS})
    return Sums(usage=usage, **values)
