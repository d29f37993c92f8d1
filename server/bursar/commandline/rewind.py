"""``bursar rewind``: bring a run's files and conversation back to just before one of its steps."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, PAUSED, message, result, result_json
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.errors import BadInput
from bursar.runs.rewinding import RewindPlan, Rewound, plan_rewind
from bursar.runs.rewinding import rewind as carry_out
from bursar.runs.world import World
from bursar.wiring import App


def rewind(app: App, args: argparse.Namespace) -> int:
    """Show the diff, then rewind; in a terminal after asking."""
    record = app.journal().run(args.run)
    if record is None:
        raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
    settings = app.settings()
    ways = app.ways_of(settings, record)
    world = app.world(root=Path(record.workspace), settings=settings, ways=ways, on_event=_quiet, asker=TerminalAsker())
    return asyncio.run(_rewind(world, args))


async def _rewind(world: World, args: argparse.Namespace) -> int:
    plan = await plan_rewind(world, args.run, args.step)
    can_ask = sys.stdin.isatty() and sys.stderr.isatty() and not args.json
    if not args.json and (args.dry_run or not can_ask):
        result(plan.text())
    if args.dry_run:
        if args.json:
            result_json(_json(plan, None))
        return FINE
    done = await carry_out(world, plan, can_ask=can_ask)
    if args.json:
        result_json(_json(plan, done))
    elif not done.done:
        message("Nothing was changed.")
    else:
        for each in done.left:
            message(f"Left as it is: {each}")
        if plan.mark is not None and not done.mark_taken_back:
            back = f"bursar spec tick {plan.run.spec} {plan.run.task_address} --state todo"
            message(f"The mark stays: {plan.mark} '{back}' takes it back, and resume needs that.")
        message(f"{args.run} stands before step {plan.number} now; 'bursar resume {args.run}' goes on from there.")
    return FINE if done.done else PAUSED


def _json(plan: RewindPlan, done: Rewound | None) -> dict[str, Any]:
    return {
        "run": plan.run.run,
        "step": plan.step.key,
        "number": plan.number,
        "set_aside": [each.key for each in plan.set_aside],
        "files": [{"path": each.path, "change": each.change, "conflict": each.conflict} for each in plan.files],
        "left": list(plan.left if done is None else done.left),
        "rewound": done is not None and done.done,
        "mark_taken_back": done is not None and done.mark_taken_back,
        "diff": "".join(each.diff for each in plan.files),
    }


def _quiet(**_: object) -> None:
    """The command tells the outcome itself."""
