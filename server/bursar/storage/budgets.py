"""The user's own limits and warning levels, as a command sets them."""

from __future__ import annotations

import apsw

from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, Scope, Unit, WarnPercent, parse_warn_percent
from bursar.storage.rows import loaded, stored

_WARN = "warn_percent"
_KEEP_WARM = "keep_warm"


def limits(connection: apsw.Connection) -> dict[str, tuple[str, int]]:
    """Scope kind -> (unit, value)."""
    rows = connection.execute("SELECT kind, unit, value FROM budget")
    return {str(kind): (str(unit), int(value)) for kind, unit, value in rows}


def set_limit(connection: apsw.Connection, kind: str, unit: str, value: int) -> None:
    """Keep a limit in the place of the one before."""
    connection.execute(
        "INSERT INTO budget VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET unit = excluded.unit, value = excluded.value",
        (kind, unit, value),
    )


def unset_limit(connection: apsw.Connection, kind: str) -> bool:
    """Forget a limit; False without one."""
    connection.execute("DELETE FROM budget WHERE kind = ?", (kind,))
    return connection.changes() > 0


def raised(connection: apsw.Connection, scope: Scope, unit: Unit) -> int:
    """By how much the user has raised the limit of this scope, for this scope and period alone."""
    return int(
        connection.execute(
            "SELECT coalesce(sum(value), 0) FROM raised WHERE kind = ? AND key = ? AND workspace = ? AND unit = ?",
            (scope.kind, stored(scope.key), stored(scope.workspace), unit),
        ).get
    )


def raised_runs(connection: apsw.Connection) -> dict[str, int]:
    """By how much the user has raised the ceilings of runs, in pico-dollars."""
    rows = connection.execute("SELECT key, sum(value) FROM raised WHERE kind = 'run' AND unit = 'usd' GROUP BY key")
    return {loaded(str(key)): int(value) for key, value in rows}


def raise_once(connection: apsw.Connection, scope: Scope, unit: Unit, value: int, *, run: str, at: str) -> None:
    """Keep a raise for this scope and period; rows are only ever added."""
    connection.execute(
        "INSERT INTO raised (kind, key, workspace, unit, value, run, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (scope.kind, stored(scope.key), stored(scope.workspace), unit, value, run, at),
    )


def warn_once(connection: apsw.Connection, scope: Scope, unit: Unit, limit: int, percent: int, at: str) -> bool:
    """Keep that this share of a limit was told of; False where it was already."""
    connection.execute(
        'INSERT OR IGNORE INTO warned (kind, key, workspace, unit, "limit", percent, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        (scope.kind, stored(scope.key), stored(scope.workspace), unit, limit, percent, at),
    )
    return connection.changes() > 0


def alert_once(connection: apsw.Connection, day: str) -> bool:
    """Keep that this day was told of; False where it, or a later one, was already."""
    connection.execute(
        "INSERT INTO meta VALUES ('alerted_on', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        " WHERE value < excluded.value",
        (day,),
    )
    return connection.changes() > 0


def warned(connection: apsw.Connection, scope: Scope, unit: Unit, limit: int) -> int:
    """The highest share of this limit, in percent, that was told of; 0 for none."""
    return int(
        connection.execute(
            "SELECT coalesce(max(percent), 0) FROM warned"
            ' WHERE kind = ? AND key = ? AND workspace = ? AND unit = ? AND "limit" = ?',
            (scope.kind, stored(scope.key), stored(scope.workspace), unit, limit),
        ).get
    )


def warn_percent(connection: apsw.Connection) -> WarnPercent:
    """At which shares of a budget its level changes."""
    text = connection.execute("SELECT value FROM meta WHERE key = ?", (_WARN,)).get
    return DEFAULT_WARN_PERCENT if text is None else parse_warn_percent(str(text))


def keep_warm(connection: apsw.Connection) -> bool | None:
    """What the user has answered to whether prompts are kept warm; None before that."""
    text = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEEP_WARM,)).get
    return None if text is None else text == "on"


def choose_keep_warm(connection: apsw.Connection, *, on: bool) -> None:
    """Keep that answer."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (_KEEP_WARM, "on" if on else "off"),
    )


def set_warn_percent(connection: apsw.Connection, percent: WarnPercent) -> None:
    """Keep these shares."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (_WARN, ",".join(map(str, percent))),
    )
