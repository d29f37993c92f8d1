"""``bursar review``: a model looks at what a run changed; priced before it is sent, booked as its own operation."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from bursar.commandline.driving import Printer, ceiling_pico
from bursar.commandline.output import FINE, FOUND, PAUSED, message, result, result_json
from bursar.commandline.single_request import cost_usd, figures_json
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.errors import BadInput, OwnedElsewhere, ProviderError, Refused
from bursar.domain.moments import in_local_time
from bursar.domain.runs import RunSummary
from bursar.runs.batching import (
    Ended,
    Pending,
    batches_of,
    fetch_batch,
    learnt_nothing,
    pending_batches,
    submit_batch,
)
from bursar.runs.here import here_of
from bursar.runs.operations import Answered, Unanswered, ask_once
from bursar.runs.reviewing import ReviewPlan, plan_review
from bursar.runs.world import Ways, World
from bursar.settings import Settings
from bursar.views.operations import request_words
from bursar.wiring import App, workspace_here

Found = Answered | Unanswered | Pending | Ended


def review(app: App, args: argparse.Namespace) -> int:
    """Say what the request costs, send it, and print the review; or fetch what was sent before."""
    if args.fetch:
        if args.batch or args.dry_run or args.model:
            raise BadInput("--fetch only fetches what was sent before: leave the other options out")
        return _fetch(app, args)
    if args.run is None:
        raise BadInput("say which run is to be reviewed: 'bursar runs' lists them")
    record = app.journal().run(args.run)
    if record is None:
        raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
    settings = app.settings()
    ways = app.ways(settings, args.model, role="check")
    world = _world(app, settings, record.workspace, ways)
    plan = plan_review(
        world,
        run=app.ids.new("review"),
        about=args.run,
        model=ways.chain[0].model,
        ceiling_pico=ceiling_pico(app, settings, args.max),
        batch=args.batch,
    )
    delay = batches_of(ways.chain[0]).delay if args.batch else None
    if delay is not None:
        message(f"Through the batch API, at its price: the answer may take {delay}, in the provider's own words.")
    if args.dry_run:
        return _tell(app, plan, None, delay, args)
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    message(f"{args.run}: {_words(plan)}")
    ask = submit_batch if args.batch else ask_once
    found: Found = asyncio.run(ask(world, plan.planned, fresh=args.fresh))
    return _tell(app, plan, found, delay, args)


def fetch_all(app: App, workspace: str | None) -> list[tuple[RunSummary, Found]]:
    """Fetch every review that waits for a batch in a workspace (None: in all); what nobody can reach is told."""
    settings = app.settings()
    found: list[tuple[RunSummary, Found]] = []
    for each in _pending(app, workspace):
        record = each.record
        try:
            world = _world(app, settings, record.workspace, app.ways_of(settings, record))
            found.append((each, asyncio.run(fetch_batch(world, record.run))))
        except (OwnedElsewhere, BadInput, Refused) as error:
            message(f"{record.run}: {error}")
        except ProviderError as error:
            detail = learnt_nothing(error)
            found.append((each, Pending(run=record.run, batch=None, detail=detail)))
    return found


def fetched_words(app: App, found: Found) -> str:
    """What came of one, in a sentence."""
    if isinstance(found, Answered):
        return "its review is there; 'bursar review RUN' prints it and pays nothing again."
    return in_local_time(found.detail, here_of(app.clock))


def _fetch(app: App, args: argparse.Namespace) -> int:
    fetched = fetch_all(app, workspace_here())
    if args.run is not None:
        fetched = [each for each in fetched if args.run in (each[0].record.run, each[0].record.about)]
    if args.json:
        result_json({"reviews": [_fetched_json(app, each, found) for each, found in fetched]})
    else:
        for each, found in fetched:
            result(f"{each.record.run} about {each.record.about}: {_whole(app, found)}")
        if not fetched:
            message("No review waits for a batch here: nothing to fetch.")
    if any(isinstance(found, Pending) for _, found in fetched):
        return PAUSED
    return FOUND if any(isinstance(found, Ended) for _, found in fetched) else FINE


def _pending(app: App, workspace: str | None) -> list[RunSummary]:
    return pending_batches(app.journal(), workspace)


def _world(app: App, settings: Settings, workspace: str, ways: Ways) -> World:
    printer = Printer(app.clock, as_json=False)
    return app.world(root=Path(workspace), settings=settings, ways=ways, on_event=printer, asker=TerminalAsker())


def _tell(app: App, plan: ReviewPlan, found: Found | None, delay: str | None, args: argparse.Namespace) -> int:
    for each in plan.changed.left_out:
        message(each)
    if isinstance(found, Answered) and found.was_there:
        message(f"This review is from Bursar's response cache, paid for before ({found.run}): nothing was sent.")
    if isinstance(found, Unanswered):
        message(f"{in_local_time(found.detail, here_of(app.clock))} The same command goes on from there.")
    if isinstance(found, Pending | Ended):
        message(in_local_time(found.detail, here_of(app.clock)))
    if args.json:
        result_json(_json(app, plan, found, delay))
    elif found is None:
        result(f"{args.run}: {_words(plan)} Nothing was sent.")
    elif isinstance(found, Answered):
        result(found.text.strip() or "(the model said nothing)")
        if found.stop_reason == "max_tokens":
            message("The review was cut off at its limit of tokens.")
    if isinstance(found, Pending):
        return FINE if found.batch is not None else PAUSED
    return PAUSED if isinstance(found, Unanswered) else FOUND if isinstance(found, Ended) else FINE


def _words(plan: ReviewPlan) -> str:
    asked = f"{plan.planned.provider}/{plan.planned.model}"
    files = len(plan.changed.files)
    return request_words(f"a review of {files} file{'' if files == 1 else 's'}", asked, plan.figures)


def _whole(app: App, found: Found) -> str:
    if isinstance(found, Answered):
        return f"${cost_usd(app, found.run) or 'unknown'}\n{found.text.strip() or '(the model said nothing)'}"
    return in_local_time(found.detail, here_of(app.clock))


def _state(found: Found | None) -> str:
    match found:
        case None:
            return "not_sent"
        case Answered():
            return "done"
        case Unanswered():
            return "pending" if found.reason == "batch" else "paused"
        case Pending():
            return "pending"
        case Ended():
            return "failed"


def _fetched_json(app: App, summary: RunSummary, found: Found) -> dict[str, Any]:
    return {
        "run": summary.record.about,
        "review": found.run,
        "state": _state(found),
        "cost_usd": cost_usd(app, found.run),
        "text": found.text if isinstance(found, Answered) else None,
        "message": None if isinstance(found, Answered) else found.detail,
    }


def _json(app: App, plan: ReviewPlan, found: Found | None, delay: str | None) -> dict[str, Any]:
    return {
        "run": plan.record.run,
        "files": list(plan.changed.files),
        "left_out": list(plan.changed.left_out),
        **figures_json(plan.planned, plan.figures),
        "review": None if found is None else found.run,
        "state": _state(found),
        "batch": found.batch if isinstance(found, Pending) else None,
        "delay": delay,
        "cost_usd": "0" if found is None else cost_usd(app, found.run),
        "was_there": isinstance(found, Answered) and found.was_there,
        "text": found.text if isinstance(found, Answered) else None,
        "message": None if found is None or isinstance(found, Answered) else found.detail,
    }
