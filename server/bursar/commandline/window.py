"""``bursar context``: what a run's window holds, and what the user keeps in it or takes out of it."""

from __future__ import annotations

import argparse
import asyncio
import re

from bursar.commandline.output import FINE, message, result, result_json
from bursar.commandline.places import path_in_workspace
from bursar.domain.context.pins import item_name, pin_words, place_in
from bursar.domain.errors import BadInput
from bursar.domain.tasks import OPEN_RUN
from bursar.session.contexts import hold_part, newest_run, window_of
from bursar.session.pins import pin_lines, pins_json, pins_now, unpin_lines
from bursar.system.nobody import NoEditor
from bursar.views.context import context_json, context_summary, context_table, no_context_json
from bursar.wiring import App, workspace_here

_PART = re.compile(r"system|tools|task|summary|m[0-9]+|t[0-9]+\.[0-9]+|(?:steering|spec):.*", re.DOTALL)
"""The name of a part of a window; whatever else is pinned is a path, with ``./`` before one that looks like a part."""


def show(app: App, args: argparse.Namespace) -> int:
    """List the parts of a run's window, and what is pinned in its workspace."""
    app.remembers_counts = True
    run = args.run or newest_run(app, workspace_here())
    context = None if run is None else window_of(app, app.settings(), run)
    record = None if run is None else app.journal().run(run)
    workspace = workspace_here() if record is None else record.workspace
    pins = pins_now(app, workspace, NoEditor())
    if args.json:
        result_json({**(no_context_json() if context is None else context_json(context)), "pins": pins_json(pins)})
        return FINE
    if context is None:
        message("No run is recorded here: 'bursar run' begins one, and 'bursar context RUN' shows another's window.")
    else:
        result(f"{context.run}  {context.model}  {context_summary(context)}")
        for line in context_table(context):
            result(line)
        message(f"({context.provenance}.)")
    for each in pins:
        result(f"{pin_words(each)}.")
    if record is not None and record.state not in OPEN_RUN:
        message(f"The run is {record.state}: this is what a further request would have carried.")
    return FINE


def hold(app: App, args: argparse.Namespace) -> int:
    """Pin, unpin, drop or recall one part of a window; or pin a file, or lines of it, for runs that begin later."""
    app.remembers_counts = True
    if args.wish in ("pin", "unpin") and not _PART.fullmatch(args.item):
        return _hold_lines(app, args)
    run = args.run or newest_run(app, workspace_here())
    if run is None:
        raise BadInput("no run is recorded here: name one with --run RUN ('bursar runs --all' lists them)")
    said = asyncio.run(hold_part(app, app.settings(), args.wish, args.item, run))
    _say(args, run, args.item, said)
    return FINE


def _hold_lines(app: App, args: argparse.Namespace) -> int:
    workspace = workspace_here()
    name = args.item
    if not name.startswith("pinned:"):
        path, lines = place_in(name)
        name = item_name(path_in_workspace(workspace, path), lines)
    if args.wish == "unpin":
        pin = asyncio.run(unpin_lines(app, workspace, name, NoEditor()))
        _say(args, None, pin.item, f"{pin.item} goes into no run that begins from now on")
        return FINE
    path, lines = place_in(name)
    pin = asyncio.run(pin_lines(app, workspace, path, lines, NoEditor()))
    _say(args, None, pin.item, f"{pin.item} goes into runs that begin from now on")
    return FINE


def _say(args: argparse.Namespace, run: str | None, item: str, said: str) -> None:
    if args.json:
        result_json({"run": run, "item": item, "done": args.wish, "message": said})
    else:
        result(f"{said}.")
