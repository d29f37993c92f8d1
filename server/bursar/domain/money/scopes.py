"""The scopes of budgets: how they lie in one another, and what their names and periods are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import BUDGET_KINDS, Amount, BudgetKind, Limit, Scope

PERIODS: tuple[BudgetKind, ...] = ("day", "week", "month")
ENDING: tuple[BudgetKind, ...] = (*PERIODS, "keep-warm")
"""Those whose scope is over with a day."""
_EACH: Mapping[BudgetKind, str] = {
    "request": "this request",
    "run": "this run",
    "task": "this task",
    "session": "this session",
    "workspace": "this workspace",
    "keep-warm": "keeping prompts warm today",
    "day": "today",
    "week": "this week",
    "month": "this month",
}


def scope_kind(text: str) -> BudgetKind:
    """The scope of this name. Raises BadInput with the scopes there are, and the one that was probably meant."""
    for kind in BUDGET_KINDS:
        if text == kind:
            return kind
    near = difflib.get_close_matches(text.lower(), BUDGET_KINDS, n=1, cutoff=0.5)
    meant = f": did you mean '{near[0]}'?" if near else ";"
    raise BadInput(f"'{text}' is not a scope{meant} the scopes are {', '.join(BUDGET_KINDS)}")


def scope_words(kind: BudgetKind) -> str:
    """``this run``, ``today``, ``this month``: the scope in a sentence about what goes on now."""
    return _EACH[kind]


def whose_budget(kind: BudgetKind) -> str:
    """``This run's budget``, ``Today's budget``: the beginning of a sentence about it."""
    words = _EACH[kind]
    return f"{words[:1].upper()}{words[1:]}'s budget"


def scopes_of(
    *, run: str, workspace: str, spec: str, task: str, session: str, day: str, keep_warm: bool = False
) -> dict[BudgetKind, Scope]:
    """Every scope that a request of this run lies in on this local day (YYYY-MM-DD), from the narrowest to the widest.

    A request's own budget is kept under its run: it bounds each of them, so nothing adds up in it. Those that only
    keep a prompt in the provider's cache (``keep_warm``) have one of their own for the day, too.
    """
    return {
        "request": Scope(kind="request", key=run),
        "run": Scope(kind="run", key=run),
        "task": Scope(kind="task", key=task_key(spec, task), workspace=workspace),
        "session": Scope(kind="session", key=session),
        "workspace": Scope(kind="workspace", key=workspace),
        **({"keep-warm": keep_warm_scope(day)} if keep_warm else {}),
        **period_scopes(day),
    }


def period_scopes(day: str) -> dict[BudgetKind, Scope]:
    """The day, its ISO week and its calendar month as scopes."""
    return {kind: Scope(kind=kind, key=period_key(kind, day)) for kind in PERIODS}


def keep_warm_scope(day: str) -> Scope:
    """The requests of a local day that only keep prompts in the provider's cache."""
    return Scope(kind="keep-warm", key=day)


def period_key(kind: BudgetKind, day: str) -> str:
    """The key of the period that a local day lies in: ``2026-11-21``, ``2026-W47`` (ISO 8601), ``2026-11``."""
    if kind in ("day", "keep-warm"):
        return day
    if kind == "month":
        return day[:7]
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year:04}-W{week:02}"


def task_key(spec: str, task: str) -> str:
    """The key of a task within its workspace: its tasks file and its address there."""
    return f"{spec}#{task}"


def dated(limits: Iterable[Limit], day: str) -> list[Limit]:
    """The same limits, those of a period for the one that this local day lies in."""
    found = []
    for each in limits:
        if each.scope.kind in ENDING:
            key = period_key(each.scope.kind, day)
            found.append(replace(each, scope=replace(each.scope, key=key)))
        else:
            found.append(each)
    return found


def days_of(scope: Scope) -> tuple[str, str]:
    """The first and the last local day of a period."""
    first = _first_day(scope)
    return first.isoformat(), (_day_after(scope, first) - timedelta(days=1)).isoformat()


def day_after(scope: Scope) -> str:
    """The local day at whose beginning a period is over."""
    return _day_after(scope, _first_day(scope)).isoformat()


def chain(scopes: Mapping[BudgetKind, Scope], amounts: Mapping[BudgetKind, Amount]) -> list[Limit]:
    """The limits that hold in these scopes, from the narrowest to the widest."""
    return [
        Limit(scope=scopes[kind], amount=amounts[kind]) for kind in BUDGET_KINDS if kind in scopes and kind in amounts
    ]


def _first_day(scope: Scope) -> date:
    if scope.kind == "week":
        year, week = scope.key.split("-W")
        return date.fromisocalendar(int(year), int(week), 1)
    return date.fromisoformat(scope.key if scope.kind in ("day", "keep-warm") else f"{scope.key}-01")


def _day_after(scope: Scope, first: date) -> date:
    if scope.kind == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=7 if scope.kind == "week" else 1)
