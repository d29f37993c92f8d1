"""The user's own limits and warning levels, as a command sets them."""

from __future__ import annotations

import apsw

from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, WarnPercent, parse_warn_percent

_WARN = "warn_percent"


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


def warn_percent(connection: apsw.Connection) -> WarnPercent:
    """At which shares of a budget its level changes."""
    text = connection.execute("SELECT value FROM meta WHERE key = ?", (_WARN,)).get
    return DEFAULT_WARN_PERCENT if text is None else parse_warn_percent(str(text))


def set_warn_percent(connection: apsw.Connection, percent: WarnPercent) -> None:
    """Keep these shares."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (_WARN, ",".join(map(str, percent))),
    )
