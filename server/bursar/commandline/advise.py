"""``bursar advise``: which model to take for which work, from what checks and the user said of it, and what it cost."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.advice import Advice, Measured, advise, measured
from bursar.domain.errors import BadInput
from bursar.domain.money.price import usd_text
from bursar.domain.outcomes import Outcome, outcomes_of
from bursar.domain.ports import Journal
from bursar.domain.routes import ROLES
from bursar.domain.runs import KEEP_WARM
from bursar.views.figures import count, money, seconds
from bursar.wiring import App, workspace_here

MOST_RUNS = 2_000
_TARGET = re.compile(r"([1-9][0-9]?)\s*%?", re.ASCII)
_HEAD = ("role", "model", "tasks", "success", "at least", "a success", "p50 / p95", "undecided")


def advice(app: App, args: argparse.Namespace) -> int:
    """Print the table and name a model for each role, or say what is missing."""
    target = target_share(args.share)
    rows = measured(list(_outcomes(app.journal(), workspace_here() if args.here else None)))
    found = advise(rows, prefer=args.prefer, target=target)
    settings = app.settings()
    now = {role: str(app.ways(settings, role=role).chain[0].target) for role in ROLES}
    if args.json:
        result_json(
            {
                "prefer": args.prefer,
                "target": f"{target:.2f}",
                "rows": [_row_json(each) for each in rows],
                "advice": [_advice_json(each, now[each.role]) for each in found],
            }
        )
        return FINE
    if not rows:
        message(
            "Too little data: 0 tasks. Give tasks a check (a line such as _Check: `pytest -q`_ below the task) and run "
            "them: what passes and what fails is counted from then on."
        )
        return FINE
    _table(rows)
    for each in found:
        named = f"take {each.model} ({each.why})" if each.model else f"no advice: {each.why}"
        result(f"{each.role}: {named}. Now it is {now[each.role]}.")
        for model, why in each.others:
            result(f"  not {model}: {why}")
    message(
        "Success is what a check or you said; 'at least' is the lower bound at 95 % (Wilson). 'a success' is all "
        f"money, that of failures too, for each task that succeeded. Counted are the newest {count(MOST_RUNS)} runs. "
        'The setting "roles" says which model or route is asked for which role.'
    )
    return FINE


def target_share(given: str) -> float:
    """A share of tasks between none and all. Raises BadInput."""
    matched = _TARGET.fullmatch(given.strip())
    if matched is None:
        raise BadInput(f"--target {given} is no share of tasks: write a whole number from 1% to 99%, for example 80%")
    return int(matched[1]) / 100


def _outcomes(journal: Journal, workspace: str | None) -> Iterator[Outcome]:
    """Of the newest runs and operations, oldest first."""
    summaries = sorted(
        (*journal.summaries(workspace), *journal.operations(workspace)),
        key=lambda each: (each.record.created_at, each.record.run),
    )
    for each in summaries[-MOST_RUNS:]:
        if each.record.kind == KEEP_WARM:
            continue
        run = each.record.run
        steps = [*journal.steps(run), *(step for _, step in journal.set_aside(run))]
        yield from outcomes_of(each.record, steps, journal.events(run=run), each.requests)


def _table(rows: list[Measured]) -> None:
    lines = [_HEAD, *(_cells(each) for each in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_HEAD))]
    for line in lines:
        result("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cells(row: Measured) -> tuple[str, ...]:
    verdicts = ", ".join(f"{number} {word}" for word, number in row.verdicts.items() if number) or "-"
    cost = row.cost_per_success_pico
    unknown = "no price" if row.unpriced else "-"
    times = row.seconds
    return (
        row.role,
        row.model,
        count(row.tasks),
        verdicts,
        f"{int(row.success_at_least * 100)} %",
        unknown if cost is None else f"{'at most ' if row.is_bound else ''}{money(cost)}",
        "-" if times is None else f"{seconds(times.p50)} / {seconds(times.p95)}",
        f"{count(row.undecided)} ({money(row.undecided_pico)})" if row.undecided else "-",
    )


def _row_json(row: Measured) -> dict[str, Any]:
    cost = row.cost_per_success_pico
    return {
        "role": row.role,
        "model": row.model,
        "tasks": row.tasks,
        **{str(verdict): number for verdict, number in row.verdicts.items()},
        "success_at_least": f"{row.success_at_least:.4f}",
        "success_at_most": f"{row.success_at_most:.4f}",
        "cost_usd": usd_text(row.cost_pico),
        "cost_is_bound": row.is_bound,
        "unpriced_requests": row.unpriced,
        "cost_per_success_usd": None if cost is None else usd_text(cost),
        "duration_s": None if row.seconds is None else {"p50": row.seconds.p50, "p95": row.seconds.p95},
        "undecided": row.undecided,
        "undecided_usd": usd_text(row.undecided_pico),
    }


def _advice_json(found: Advice, now: str) -> dict[str, Any]:
    return {
        "role": found.role,
        "model": found.model,
        "why": found.why,
        "now": now,
        "others": [{"model": model, "why": why} for model, why in found.others],
    }
