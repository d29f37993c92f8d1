"""``bursar budget``: the limits with what is used of them, where they come from, and what sets them."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from bursar.commandline.output import FINE, FOUND, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.money.binding import ProviderWindow, window_level
from bursar.domain.money.budget import (
    BUDGET_KINDS,
    BudgetKind,
    BudgetState,
    WarnPercent,
    budget_amount,
    parse_warn_percent,
)
from bursar.domain.money.price import usd_text
from bursar.domain.money.scopes import scope_kind
from bursar.session.money import begins_with, keep_warm_state, wide_states, windows_now
from bursar.views.figures import amount
from bursar.wiring import App, workspace_here

_EACH: tuple[BudgetKind, ...] = ("run", "request", "task", "session")
"""The scopes that each new one of begins with its whole budget."""


def budget(app: App, args: argparse.Namespace) -> int:
    """Show the budgets with what is taken, after setting or unsetting one."""
    percent = None if args.warn is None else parse_warn_percent(args.warn)
    match args.action:
        case "set":
            _set(app, args)
        case "unset":
            _unset(app, args)
        case "today":
            _today(app, args)
    if percent is not None:
        asyncio.run(app.journal().set_warn_percent(percent))
    if args.imported is not None:
        app.count_imported(args.imported == "count")
    states, windows = _states(app), windows_now(app, app.journal())
    warn_percent = app.journal().warn_percent()
    if args.json:
        shown = [*(_json(each) for each in states), *(_window_json(each, warn_percent) for each in windows)]
        counted = app.imported_counted()
        result_json({"budgets": shown, "warn_percent": list(warn_percent), "imported_counted": counted})
    else:
        for each in states:
            result(_line(each))
            result(f"     {_source(each)}")
        for window in windows:
            result(_window_line(window, warn_percent))
            result(f"     from {window.provider}'s own answer of {window.at}: nobody can set it here")
        levels = ", ".join(f"{share} %" for share in warn_percent)
        result(f"warned at {levels} (notice, warning, critical)")
        if app.imported_counted():
            result("with what other agents spent, as far as it was imported ('--imported leave-out' leaves it out)")
        _tell_of_the_day(app)
    over = [*(each.level for each in states), *(window_level(each, warn_percent) for each in windows)]
    return FOUND if "over" in over else FINE


def _states(app: App) -> list[BudgetState]:
    """The day's budget and a run's, then the others that have a limit."""
    settings, journal = app.settings(), app.journal()
    wide = wide_states(app, journal, settings, workspaces=[workspace_here()])
    day, *others = [each for each in wide if each.scope.kind != "session"]
    run, *each_new = [begins_with(app, settings, kind) for kind in _EACH]
    warm = keep_warm_state(app, journal, settings)
    if warm.limit is not None or warm.spent or warm.reserved:
        others.append(warm)
    return [day, run, *others, *(each for each in each_new if each.limit is not None)]


def _set(app: App, args: argparse.Namespace) -> None:
    kind = _scope(args)
    if args.amount is None:
        raise BadInput(f"say how much: bursar budget set {kind} 5usd")
    if args.amount.lower() in ("none", "off", "unset"):
        raise BadInput(
            f"'{args.amount}' is not an amount: 'bursar budget unset {kind}' goes back to the settings, where "
            f'"budget": {{"{kind}": "off"}} means no limit'
        )
    wanted = budget_amount(args.amount)
    asyncio.run(app.journal().set_budget(kind, wanted.unit, wanted.value))


def _unset(app: App, args: argparse.Namespace) -> None:
    kind = _scope(args)
    if args.amount is not None:
        raise BadInput(f"unset takes no amount: write bursar budget unset {kind}, or bursar budget set {kind} 5usd")
    if not asyncio.run(app.journal().unset_budget(kind)):
        message(f"No budget for a {kind} was set by command: nothing to unset.")


def _today(app: App, args: argparse.Namespace) -> None:
    """The clock was ahead for a while, and is right now: the user says so."""
    if args.scope is not None:
        raise BadInput("today takes nothing behind it: write bursar budget today")
    today = app.clock.local_day()
    was = app.journal().budget_day(today)
    if was == today:
        message(f"The budgets' day is {today}, as this machine's clock says: nothing to change.")
        return
    asyncio.run(app.journal().set_budget_day(today))
    message(f"The budgets' day was {was}; it is {today} again, as this machine's clock says.")


def _tell_of_the_day(app: App) -> None:
    today = app.clock.local_day()
    seen = app.journal().budget_day(today)
    if seen != today:
        message(
            f"This machine's clock says {today}, and requests were booked on {seen} already: budgets stay with {seen}, "
            "so that no spent day is opened again. If the clock was wrong then, 'bursar budget today' goes back to "
            f"{today}."
        )


def _scope(args: argparse.Namespace) -> BudgetKind:
    if args.scope:
        return scope_kind(args.scope)
    example = f"bursar budget {args.action} day" + (" 5usd" if args.action == "set" else "")
    raise BadInput(f"say which budget: {', '.join(BUDGET_KINDS)}; for example {example}")


def _line(state: BudgetState) -> str:
    kind = state.scope.kind
    if kind in _EACH:
        return f"{kind:4} " + (
            "no limit" if state.limit is None else f"at most {amount(state.unit, state.limit)} a {kind}"
        )
    limit = "no limit" if state.limit is None else f"of {amount(state.unit, state.limit)}"
    taken = amount(state.unit, state.spent + state.reserved)
    parts = []
    if state.not_known:
        parts.append(f"at most {amount(state.unit, state.not_known)} of it for requests whose bill is not known")
    if state.not_known is None:
        parts.append(f"without the {state.unit} of requests whose bill is not known")
    if state.reserved:
        parts.append(f"{amount(state.unit, state.reserved)} of it held for requests in flight")
    if state.resets_at is not None and kind != "day":
        parts.append(f"until {state.resets_at}")
    return f"{kind:4} {taken} {limit} ({state.level})" + "".join(f", {each}" for each in parts)


def _source(state: BudgetState) -> str:
    if state.overrides is None:
        return f"from {state.source}"
    back = f"'bursar budget unset {state.scope.kind}' goes back to that"
    return f"from '{state.source}', which overrides {state.overrides}; {back}"


def _json(state: BudgetState) -> dict[str, Any]:
    return {
        "scope": state.scope.kind,
        "unit": state.unit,
        "limit": None if state.limit is None else _json_amount(state.unit, state.limit),
        "spent": _json_amount(state.unit, state.spent),
        "not_known": None if state.not_known is None else _json_amount(state.unit, state.not_known),
        "reserved": _json_amount(state.unit, state.reserved),
        "level": state.level,
        "resets_at": state.resets_at,
        "source": state.source,
        "overrides": state.overrides,
    }


def _window_line(each: ProviderWindow, warn_percent: WarnPercent) -> str:
    level = window_level(each, warn_percent)
    until = "" if each.resets_at is None else f", until {each.resets_at}"
    if each.window.kind == "quota":
        return f"{each.provider}: the account's quota or balance is used up ({level})"
    kind = each.window.kind.replace("_", " ")
    return f"{each.provider}/{each.model} {each.used:,} of {each.window.limit:,} {kind} ({level}){until}"


def _window_json(each: ProviderWindow, warn_percent: WarnPercent) -> dict[str, Any]:
    return {
        "scope": f"{each.provider}/{each.model} {each.window.kind}",
        "unit": "window",
        "limit": each.window.limit,
        "spent": each.used,
        "not_known": 0,
        "reserved": 0,
        "level": window_level(each, warn_percent),
        "resets_at": each.resets_at,
        "source": f"{each.provider}'s own answer of {each.at}",
        "overrides": None,
    }


def _json_amount(unit: str, value: int) -> str | int:
    return usd_text(value) if unit == "usd" else value
