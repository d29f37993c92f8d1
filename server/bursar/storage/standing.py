"""How the limits of a chain of scopes stand: what is charged, held and raised in each, from the store itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from bursar.domain.money.budget import (
    BUDGET_KINDS,
    BUDGET_UNITS,
    Amount,
    BudgetKind,
    Limit,
    Scope,
    Standing,
    Unit,
    Used,
)
from bursar.domain.money.rolls import ALL_DAYS, OWN_AGENT
from bursar.domain.money.scopes import chain, dated, days_of, scopes_of
from bursar.domain.money.usage import BUCKETS
from bursar.domain.runs import KEEP_WARM
from bursar.storage.budgets import limits, raised
from bursar.storage.imports import counted_in_budgets
from bursar.storage.rolls import task_key
from bursar.storage.rows import OPEN_PICO, OPEN_TOKENS, TOKENS, columns, loaded, stored

_DAY = "budget_day"
_CHARGED: dict[Unit, str] = {"usd": "cost_pico", "tokens": TOKENS, "requests": "requests"}
_BOUND: dict[Unit, str] = {"usd": "at_most_pico", "tokens": "at_most_tokens", "requests": "0"}
_HELD: dict[Unit, str] = {
    "usd": "coalesce(sum(amount_pico), 0)",
    "tokens": "coalesce(sum(amount_tokens), 0)",
    "requests": "count(*)",
}
# The sums are kept by task, session and day; a run, and what keeps prompts warm on a day, has few rows and an index.
_OWN_ROWS = (
    f"(SELECT coalesce(cost_pico, 0) AS cost_pico, {columns(BUCKETS)}, 1 AS requests,"  # noqa: S608
    f" {OPEN_PICO} AS at_most_pico, {OPEN_TOKENS} AS at_most_tokens,"
    " certainty = 'unknown' AS unknown_requests FROM ledger WHERE {})"
)


def standings(connection: apsw.Connection, chain_: Iterable[Limit]) -> list[Standing]:
    """Each limit with what is used of it, in the same order."""
    return [
        Standing(
            scope=each.scope,
            unit=each.amount.unit,
            limit=each.amount.value + raised(connection, each.scope, each.amount.unit),
            used=used(connection, each.scope, each.amount.unit),
        )
        for each in chain_
    ]


def used(connection: apsw.Connection, scope: Scope, unit: Unit) -> Used:
    """What is used of a budget of this scope, in its unit; nothing adds up in the budget of each request."""
    if scope.kind == "request":
        return Used(charged=0, not_known=0, held=0)
    charged, bound, unknown = _charged(connection, scope, unit)
    if unit == "requests":
        not_known: int | None = 0
    else:
        # An entry of an older version may have no bound in tokens: nothing says what it took.
        not_known = None if unit == "tokens" and unknown and not bound else bound
    where, values = _of_holds(scope)
    held = int(connection.execute(f"SELECT {_HELD[unit]} FROM hold WHERE {where}", values).get)  # noqa: S608
    return Used(charged=charged + bound, not_known=not_known, held=held)


def in_force(connection: apsw.Connection, given: Sequence[Limit], *, run: str, session: str, day: str) -> list[Limit]:
    """The limits that hold at this moment for a request of this run, from the narrowest scope to the widest.

    What the user has set by command is looked up anew: another window may have set it since ``given`` was made. The
    ceiling in money that a run began with is its own.
    """
    row = connection.execute("SELECT workspace, spec, task_address, purpose FROM run WHERE run = ?", (run,)).fetchone()
    workspace, spec, task, purpose = ("", "", "", "") if row is None else map(loaded, row)
    scopes = scopes_of(
        run=run,
        workspace=workspace,
        spec=spec,
        task=task,
        session=session,
        day=day,
        keep_warm=purpose == KEEP_WARM,
    )
    stored = stored_amounts(connection)
    if (own := stored.get("run")) is not None and own.unit == "usd":
        del stored["run"]
    kept = [each for each in dated(given, day) if _is_own(each) or each.scope.kind not in stored]
    found = [*kept, *chain(scopes, stored)]
    return sorted(found, key=lambda each: BUDGET_KINDS.index(each.scope.kind))


def stored_amounts(connection: apsw.Connection) -> dict[BudgetKind, Amount]:
    """What the user has set by command, as far as this version knows it."""
    found: dict[BudgetKind, Amount] = {}
    for name, (unit, value) in limits(connection).items():
        for kind in BUDGET_KINDS:
            for known in BUDGET_UNITS:
                if (name, unit) == (kind, known):
                    found[kind] = Amount(unit=known, value=value)
    return found


def budget_day(connection: apsw.Connection, local_day: str) -> str:
    """The local day that budgets are in: this one, or a later one that something was reserved on already."""
    seen = connection.execute("SELECT value FROM meta WHERE key = ?", (_DAY,)).get
    return max(local_day, str(seen)) if seen is not None else local_day


def keep_day(connection: apsw.Connection, day: str) -> None:
    """Something is reserved on this day: no earlier one is opened again."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value WHERE value < excluded.value",
        (_DAY, day),
    )


def set_day(connection: apsw.Connection, day: str) -> None:
    """Take this day for the present one, as the user says."""
    connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (_DAY, day))


def _charged(connection: apsw.Connection, scope: Scope, unit: Unit) -> tuple[int, int, int]:
    """What is known to be spent, what bounds the rest, and how many requests that rest is."""
    table, values = _of_sums(scope, everybody=counted_in_budgets(connection))
    row = connection.execute(
        f"SELECT coalesce(sum({_CHARGED[unit]}), 0), coalesce(sum({_BOUND[unit]}), 0),"  # noqa: S608 - names of our own
        f" coalesce(sum(unknown_requests), 0) FROM {table}",
        values,
    ).fetchone()
    charged, bound, unknown = row or (0, 0, 0)
    return int(charged), int(bound), int(unknown)


def _of_sums(scope: Scope, *, everybody: bool) -> tuple[str, tuple[str, ...]]:
    """The sums that make up a scope; what other agents spent is among them only where the user wishes it.

    Requests, runs, tasks and sessions are our own in any case.
    """
    if scope.kind == "run":
        return _OWN_ROWS.format("run = ?"), (stored(scope.key),)
    if scope.kind == "keep-warm":
        return _OWN_ROWS.format(f"operation = '{KEEP_WARM}' AND local_day = ?"), (scope.key,)
    where: str
    values: tuple[str, ...]
    match scope.kind:
        case "task":
            where = "dimension = 'task' AND local_day = ? AND key = ? AND workspace = ?"
            values = (ALL_DAYS, task_key(*_task(scope)), stored(scope.workspace))
        case "session":
            where, values = "dimension = 'session' AND local_day = ? AND key = ?", (ALL_DAYS, scope.key)
        case "workspace":
            where = "dimension = 'day' AND local_day = ? AND key = '' AND workspace = ?"
            values = (ALL_DAYS, stored(scope.key))
        case _:
            where, values = "dimension = 'day' AND local_day BETWEEN ? AND ?", days_of(scope)
    whose = "" if everybody and scope.kind not in ("task", "session") else f"agent = '{OWN_AGENT}' AND "
    return f"roll WHERE {whose}{where}", values


def _of_holds(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """What the holds of a scope have in common, as a condition with its values; a hold is of its run's task."""
    match scope.kind:
        case "run" | "session" | "workspace":
            return f"{scope.kind} = ?", (stored(scope.key),)
        case "task":
            spec, task = _task(scope)
            of_task = "SELECT run FROM run WHERE workspace = ? AND spec = ? AND task_address = ?"
            return f"run IN ({of_task})", (stored(scope.workspace), stored(spec), stored(task))
        case "keep-warm":
            return "local_day = ? AND run IN (SELECT run FROM run WHERE purpose = ?)", (scope.key, KEEP_WARM)
        case "request":
            return "false", ()
        case _:
            return "local_day BETWEEN ? AND ?", days_of(scope)


def _task(scope: Scope) -> tuple[str, str]:
    spec, _, task = scope.key.rpartition("#")
    return spec, task


def _is_own(limit: Limit) -> bool:
    return limit.scope.kind == "run" and limit.amount.unit == "usd"
