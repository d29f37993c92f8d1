"""``bursar accept``: the user's word that a task is done, in the place of its check."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bursar.commandline.driving import Printer
from bursar.commandline.output import FINE
from bursar.runs.accepting import accept, check_can_accept
from bursar.runs.world import World
from bursar.wiring import App


def accept_command(app: App, args: argparse.Namespace) -> int:
    """End a run that waits for its check as finished; its events are printed as those of a run."""
    record = check_can_accept(app.journal().run(args.run), args.run)
    settings = app.settings()
    ways = app.ways_of(settings, record)
    world = app.world(
        root=Path(record.workspace), settings=settings, ways=ways, on_event=Printer(app.clock, as_json=args.json)
    )
    asyncio.run(_accept(world, record.run))
    return FINE


async def _accept(world: World, run: str) -> None:
    await accept(world, run)
