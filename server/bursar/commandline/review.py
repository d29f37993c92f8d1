"""``bursar review``: a model looks at what a run changed; priced before it is sent, booked as its own operation."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from bursar.commandline.driving import ceiling_pico
from bursar.commandline.output import FINE, PAUSED, message, result, result_json
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.errors import BadInput
from bursar.domain.money.price import usd_text
from bursar.runs.operations import Answered, Unanswered, ask_once
from bursar.runs.reviewing import ReviewPlan, plan_review
from bursar.views.operations import request_words
from bursar.views.progress import event_line
from bursar.wiring import App


def review(app: App, args: argparse.Namespace) -> int:
    """Say what the request costs, send it, and print the review."""
    record = app.journal().run(args.run)
    if record is None:
        raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
    settings = app.settings()
    ways = app.ways(settings, args.model)
    world = app.world(
        root=Path(record.workspace), settings=settings, ways=ways, on_event=_on_event, asker=TerminalAsker()
    )
    plan = plan_review(
        world,
        run=app.ids.new("review"),
        about=args.run,
        model=ways.chain[0].model,
        ceiling_pico=ceiling_pico(app, settings, args.max),
    )
    if args.dry_run:
        return _tell(app, plan, None, args)
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    message(f"{args.run}: {_words(plan)}")
    return _tell(app, plan, asyncio.run(ask_once(world, plan.planned)), args)


def _tell(app: App, plan: ReviewPlan, found: Answered | Unanswered | None, args: argparse.Namespace) -> int:
    for each in plan.changed.left_out:
        message(each)
    if isinstance(found, Answered) and found.was_there:
        message(f"This review was paid for before ({found.run}): nothing was sent.")
    if isinstance(found, Unanswered):
        message(f"{found.detail} The same command goes on from there.")
    if args.json:
        result_json(_json(app, plan, found))
    elif found is None:
        result(f"{args.run}: {_words(plan)} Nothing was sent.")
    elif isinstance(found, Answered):
        result(found.text.strip() or "(the model said nothing)")
        if found.stop_reason == "max_tokens":
            message("The review was cut off at its limit of tokens.")
    return PAUSED if isinstance(found, Unanswered) else FINE


def _words(plan: ReviewPlan) -> str:
    asked = f"{plan.planned.provider}/{plan.planned.model}"
    return request_words(f"a review of {len(plan.changed.files)} files", asked, plan.figures)


def _json(app: App, plan: ReviewPlan, found: Answered | Unanswered | None) -> dict[str, Any]:
    figures = plan.figures
    return {
        "run": plan.record.run,
        "files": list(plan.changed.files),
        "left_out": list(plan.changed.left_out),
        "model": f"{plan.planned.provider}/{plan.planned.model}",
        "request_tokens": figures.counted_tokens,
        "encoding": "o200k_base",
        "request_usd": None if figures.first_request_pico is None else usd_text(figures.first_request_pico),
        "at_most_usd": None if figures.at_most_pico is None else usd_text(figures.at_most_pico),
        "review": None if found is None else found.run,
        "state": "not_sent" if found is None else "done" if isinstance(found, Answered) else "paused",
        "cost_usd": "0" if found is None else cost_usd(app, found.run),
        "was_there": isinstance(found, Answered) and found.was_there,
        "text": found.text if isinstance(found, Answered) else None,
        "message": found.detail if isinstance(found, Unanswered) else None,
    }


def cost_usd(app: App, run: str) -> str | None:
    """What an operation has cost so far; None where a model without a price, or a lost answer, leaves it unknown."""
    summary = app.journal().summary(run)
    rows = summary.requests if summary else ()
    if any(each.cost_pico is None for each in rows):
        return None
    return usd_text(sum(each.cost_pico or 0 for each in rows))


def _on_event(*, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
    line = event_line(kind, data)
    if line is not None:
        message(line)
