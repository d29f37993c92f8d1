"""``bursar split``: sub-tasks for a task that is too large, proposed by the model, written after a yes."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from bursar.commandline.control import open_task
from bursar.commandline.driving import Printer, ceiling_pico
from bursar.commandline.output import FINE, FOUND, PAUSED, message, result, result_json
from bursar.commandline.single_request import cost_usd, figures_json
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.errors import BadInput
from bursar.domain.specs import address_of, parse_spec
from bursar.runs.splitting import NotProposed, Proposed, SplitPlan, agree, plan_split, propose, write
from bursar.runs.world import World
from bursar.views.operations import request_words
from bursar.wiring import App


def split(app: App, args: argparse.Namespace) -> int:
    """Say what the request would cost, ask the model, show the difference, write it after a yes."""
    opened, task, _ = open_task(app, args)
    settings = app.settings()
    ways = app.ways(settings, args.model, role="plan")
    printer = Printer(app.clock, as_json=False)
    world = app.world(root=opened.root, settings=settings, ways=ways, on_event=printer, asker=TerminalAsker())
    plan = plan_split(
        world,
        run=app.ids.new("split"),
        spec_path=opened.path,
        find=task,
        model=ways.chain[0].model,
        ceiling_pico=ceiling_pico(app, settings, args.max),
    )
    if args.dry_run:
        if args.json:
            result_json(_json(plan, None, written=False, cost="0"))
        else:
            result(f"{opened.path}: {_words(plan)} Nothing was sent.")
        return FINE
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    return asyncio.run(_split(app, world, plan, args))


async def _split(app: App, world: World, plan: SplitPlan, args: argparse.Namespace) -> int:
    message(f"{plan.spec_path}: {_words(plan)}")
    found = await propose(world, plan, fresh=args.fresh)
    cost = cost_usd(app, found.run)
    if isinstance(found, NotProposed):
        message(found.message)
        if args.json:
            result_json(_json(plan, found, written=False, cost=cost))
        return PAUSED if found.paused else FOUND
    if found.was_there:
        message(f"This answer is from Bursar's response cache, paid for before ({found.run}): nothing was sent.")
    can_ask = sys.stdin.isatty() and sys.stderr.isatty() and not args.json
    if not args.json and (args.yes or not can_ask):
        result(found.diff.rstrip("\n"))
    written = args.yes or (can_ask and await agree(world, plan, found))
    waits = await write(world, plan, found) if written else None
    if args.json:
        result_json(_json(plan, found, written=written, cost=cost))
    if waits is not None:
        message(waits)
    elif written:
        message(f"{plan.spec_path}: task {plan.address} has {len(found.titles)} sub-tasks now; they were written.")
    else:
        message("Nothing was written. The same command with --yes writes these sub-tasks and pays for nothing again.")
    still = found.still_too_large
    if still is not None:
        message(still)
    return FINE if written else PAUSED


def _words(plan: SplitPlan) -> str:
    asked = f"{plan.planned.provider}/{plan.planned.model}"
    return request_words(f"sub-tasks of {plan.address}", asked, plan.figures)


def _json(plan: SplitPlan, found: Proposed | NotProposed | None, *, written: bool, cost: str | None) -> dict[str, Any]:
    proposed = found if isinstance(found, Proposed) else None
    after = parse_spec(proposed.after, path_hint=plan.spec_path) if proposed else None
    return {
        "spec": plan.spec_path,
        "task": plan.address,
        **figures_json(plan.planned, plan.figures),
        "run": None if found is None else found.run,
        "cost_usd": cost,
        "was_there": proposed is not None and proposed.was_there,
        "subtasks": [
            {"task": address_of(after, each), "title": each.title} for each in (proposed.tasks if proposed else ())
        ]
        if after
        else [],
        "diff": proposed.diff if proposed else "",
        "written": written,
        "message": found.message if isinstance(found, NotProposed) else None,
    }
