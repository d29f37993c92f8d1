"""``bursar runs``, ``pause``, ``stop`` and ``erase``: what is recorded, and wishes about it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.moments import moment_words
from bursar.domain.money.price import usd_text
from bursar.domain.runs import RunRecord, RunSummary
from bursar.domain.tasks import OPEN_RUN
from bursar.runs.batching import cancel_batch, stopped_words, waits_for_batch
from bursar.runs.deferring import hold
from bursar.runs.here import here_of
from bursar.runs.stopping import end_in_flight
from bursar.views.figures import money, plural
from bursar.views.reasons import reason_words
from bursar.wiring import App, workspace_here


def runs(app: App, args: argparse.Namespace) -> int:
    """List this workspace's runs, or everybody's."""
    summaries = app.journal().summaries(None if args.all else workspace_here())
    if args.json:
        result_json({"runs": [run_json(each) for each in summaries]})
        return FINE
    for each in summaries:
        record = each.record
        why = reason_words(record.reason)
        reason = f" ({why})" if why else ""
        result(
            f"{record.run}  {record.state}{reason}  {record.task_address} {record.task_title}  "
            f"{plural(each.steps_done, 'step')}, {money(each.cost_pico)}"
        )
    if not summaries:
        message(
            "No run is recorded here." + ("" if args.all else " 'bursar runs --all' lists those of all workspaces.")
        )
    return FINE


def run_json(summary: RunSummary) -> dict[str, Any]:
    """A run as ``bursar runs`` lists it."""
    record = summary.record
    return {
        "run": record.run,
        "spec": record.spec,
        "task": record.task_address,
        "state": record.state,
        "reason": record.reason,
        "steps_done": summary.steps_done,
        "cost_usd": usd_text(summary.cost_pico),
        "held_usd": usd_text(summary.held_pico),
        "in_doubt": [{"step": each.key, "what": each.intent.get("input")} for each in summary.in_doubt],
    }


def pause(app: App, args: argparse.Namespace) -> int:
    """Ask the owner of a run to pause between steps."""
    return _wish(app, args, "pause")


def stop(app: App, args: argparse.Namespace) -> int:
    """End a run for good, now: what is under way is broken off and booked."""
    return _wish(app, args, "stop")


def erase(app: App, args: argparse.Namespace) -> int:
    """Remove prompts, answers and results for good; sums stay."""
    if args.run:
        if app.journal().run(args.run) is None:
            raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
        number = asyncio.run(app.journal().erase(run=args.run))
    elif args.workspace:
        number = asyncio.run(app.journal().erase(workspace=workspace_here()))
    else:
        number = asyncio.run(app.journal().erase(everything=True))
    if args.json:
        result_json({"erased_runs": number})
    else:
        result(f"Erased the text of {plural(number, 'run')}; the sums of money stay.")
    return FINE


def _wish(app: App, args: argparse.Namespace, what: str) -> int:
    journal = app.journal()
    record = journal.run(args.run)
    if record is None:
        raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
    done = asyncio.run(hold(journal, args.run) if what == "pause" else _stop(app, record))
    if args.json:
        result_json({"run": args.run, what: done})
    elif not done:
        result(f"{args.run} does not run: nothing to {what}.")
    elif what == "stop" and not record.owner_alive:
        result(f"{args.run} was paused and is stopped for good; what it did and what it cost stay as they are.")
    elif not record.owner_alive:
        until = moment_words(record.resume_at, here_of(app.clock))
        result(f"{args.run} waits no longer for {until}: 'bursar resume {args.run}' goes on.")
    else:
        when = (
            "it does so between two steps"
            if what == "pause"
            else "what is under way is broken off now, and what had come of it is kept and booked"
        )
        result(f"{args.run} was asked to {what}; {when}.")
    return FINE


async def _stop(app: App, record: RunRecord) -> bool:
    """End it; an answer that its provider goes on with by itself is ended there first."""
    if record.state in OPEN_RUN and not record.owner_alive and waits_for_batch(app.journal(), record.run):
        return await _stop_batch(app, record)
    if record.state in OPEN_RUN and not record.owner_alive:
        # Without its provider the stop books what is held for it.
        with contextlib.suppress(BadInput):
            settings = app.settings()
            ways = app.ways_of(settings, record)
            world = app.world(root=Path(record.workspace), settings=settings, ways=ways, on_event=_unheard)
            await end_in_flight(world, record.run)
    return await app.journal().request_stop(record.run)


async def _stop_batch(app: App, record: RunRecord) -> bool:
    """Cancel it at its provider; without that provider, book what is held for it."""
    settings = app.settings()
    try:
        ways = app.ways_of(settings, record)
    except BadInput as error:
        message(f"{error}. Its batch cannot be cancelled: what is held for it is booked as the most that it can cost.")
        return await app.journal().request_stop(record.run)
    world = app.world(root=Path(record.workspace), settings=settings, ways=ways, on_event=_unheard)
    message(f"{record.run}: {stopped_words(await cancel_batch(world, record.run))}")
    return True


def _unheard(*, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
    """What is booked here is in the journal; the command says how it ended."""
