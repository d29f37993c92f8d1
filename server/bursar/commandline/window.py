"""``bursar context``: what a run's window holds, and what the user keeps in it or takes out of it."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.tasks import OPEN_RUN
from bursar.session.contexts import hold_part, newest_run, window_of
from bursar.views.context import context_json, context_summary, context_table
from bursar.wiring import App, workspace_here


def show(app: App, args: argparse.Namespace) -> int:
    """List the parts of a run's window."""
    app.remembers_counts = True
    run = args.run or newest_run(app, workspace_here())
    context = None if run is None else window_of(app, app.settings(), run)
    if args.json:
        result_json(context_json(context) if context is not None else NOTHING)
        return FINE
    if context is None:
        message("No run is recorded here: 'bursar run' begins one, and 'bursar context RUN' shows another's window.")
        return FINE
    result(f"{context.run}  {context.model}  {context_summary(context)}")
    for line in context_table(context):
        result(line)
    message(f"({context.provenance}.)")
    record = app.journal().run(context.run)
    if record is not None and record.state not in OPEN_RUN:
        message(f"The run is {record.state}: this is what a further request would have carried.")
    return FINE


def hold(app: App, args: argparse.Namespace) -> int:
    """Pin, unpin, drop or recall one part."""
    app.remembers_counts = True
    run = args.run or newest_run(app, workspace_here())
    if run is None:
        raise BadInput("no run is recorded here: name one with --run RUN ('bursar runs --all' lists them)")
    said = asyncio.run(hold_part(app, app.settings(), args.wish, args.item, run))
    if args.json:
        result_json({"run": run, "item": args.item, "done": args.wish, "message": said})
    else:
        result(f"{said}.")
    return FINE


NOTHING: dict[str, Any] = {
    "run": None,
    "model": None,
    "window_tokens": None,
    "used_tokens": 0,
    "next_request": 1,
    "per_request_usd": None,
    "provenance": "no run is recorded here",
    "rate_card": None,
    "summary": "No run is recorded here.",
    "parts": [],
}
