"""``bursar budget``: the limits with what is used of them, where they come from, and what sets them."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from bursar.commandline.output import FINE, FOUND, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.money.budget import BudgetKind, BudgetState, Scope, parse_amount, parse_warn_percent
from bursar.domain.money.price import usd_text
from bursar.session.money import day_state
from bursar.views.figures import amount
from bursar.wiring import App

_SCOPES: tuple[BudgetKind, ...] = ("run", "day")


def budget(app: App, args: argparse.Namespace) -> int:
    """Show the budgets with what is taken, after setting or unsetting one."""
    percent = None if args.warn is None else parse_warn_percent(args.warn)
    if args.action == "set":
        _set(app, args)
    elif args.action == "unset":
        _unset(app, args)
    if percent is not None:
        asyncio.run(app.journal().set_warn_percent(percent))
    states = [day_state(app, app.journal(), app.settings()), _of_a_run(app)]
    if args.json:
        warn = list(app.journal().warn_percent())
        result_json({"budgets": [_json(each) for each in states], "warn_percent": warn})
    else:
        for each in states:
            result(_line(each))
            result(f"     {_source(each)}")
        levels = ", ".join(f"{share} %" for share in app.journal().warn_percent())
        result(f"warned at {levels} (notice, warning, critical)")
    return FOUND if any(each.level == "over" for each in states) else FINE


def _set(app: App, args: argparse.Namespace) -> None:
    kind = _scope(args)
    if args.amount is None:
        raise BadInput(f"say how much: bursar budget set {kind} 5usd")
    if args.amount.lower() in ("none", "off", "unset"):
        raise BadInput(
            f"'{args.amount}' is not an amount: 'bursar budget unset {kind}' goes back to the settings, where "
            f'"budget": {{"{kind}": "off"}} means no limit'
        )
    wanted = parse_amount(args.amount)
    if kind == "run" and wanted.unit != "usd":
        raise BadInput("the budget of a run is an amount of money for now: write bursar budget set run 1usd")
    asyncio.run(app.journal().set_budget(kind, wanted.unit, wanted.value))


def _unset(app: App, args: argparse.Namespace) -> None:
    kind = _scope(args)
    if args.amount is not None:
        raise BadInput(f"unset takes no amount: write bursar budget unset {kind}, or bursar budget set {kind} 5usd")
    if not asyncio.run(app.journal().unset_budget(kind)):
        message(f"No budget for a {kind} was set by command: nothing to unset.")


def _scope(args: argparse.Namespace) -> BudgetKind:
    for kind in _SCOPES:
        if args.scope == kind:
            return kind
    given = f"'{args.scope}' is not a scope" if args.scope else "say which budget"
    example = f"bursar budget {args.action} day" + (" 5usd" if args.action == "set" else "")
    raise BadInput(f"{given}: choose run or day, for example {example}")


def _of_a_run(app: App) -> BudgetState:
    """The limit that each new run begins with."""
    settings = app.settings()
    limit = app.run_limit(settings)
    source, overrides = app.limit_from("run", settings)
    return BudgetState(
        scope=Scope(kind="run", key=""),
        unit=limit.unit if limit else "usd",
        limit=limit.value if limit else None,
        spent=0,
        reserved=0,
        level="ok" if limit else "off",
        resets_at=None,
        source=source,
        overrides=overrides,
    )


def _line(state: BudgetState) -> str:
    if state.scope.kind == "run":
        return "run  " + ("no limit" if state.limit is None else f"at most {amount(state.unit, state.limit)} a run")
    limit = "no limit" if state.limit is None else f"of {amount(state.unit, state.limit)}"
    taken = amount(state.unit, state.spent + state.reserved)
    parts = []
    if state.not_known:
        parts.append(f"at most {amount(state.unit, state.not_known)} of it for requests whose bill is not known")
    if state.not_known is None:
        parts.append(f"without the {state.unit} of requests whose bill is not known")
    if state.reserved:
        parts.append(f"{amount(state.unit, state.reserved)} of it held for requests in flight")
    return f"day  {taken} {limit} ({state.level})" + "".join(f", {each}" for each in parts)


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


def _json_amount(unit: str, value: int) -> str | int:
    return usd_text(value) if unit == "usd" else value
