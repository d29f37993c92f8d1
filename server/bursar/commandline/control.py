"""``bursar skip``, ``retry`` and ``defer``: what the user decides about a task beside running it."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from bursar.commandline.driving import Printer, ceiling_pico, estimate_of, run_loop, world_for
from bursar.commandline.output import FINE, result, result_json
from bursar.commandline.specs import OpenedSpec, open_spec, pick_task
from bursar.domain.errors import BadInput
from bursar.domain.moments import moment_words
from bursar.domain.runs import NewRun, RunRecord
from bursar.domain.specs import SpecTask, address_of
from bursar.domain.tasks import OPEN_RUN, SKIPS, newest_run, skip_event
from bursar.runs.deferring import moment_of, park
from bursar.runs.driver import drive
from bursar.runs.here import here_of
from bursar.runs.prepare import new_run
from bursar.runs.retrying import check_can_retry, retry
from bursar.runs.world import Outcome, World
from bursar.wiring import App

_NOT_LOOKED_INTO = frozenset({"node_modules", "__pycache__", "venv", "target", "dist", "build"})
_SPEC_FOLDERS = frozenset({".kiro", ".sce", ".specify"})
_DEEPEST = 6


def skip(app: App, args: argparse.Namespace) -> int:
    """Leave a task out of what runs several tasks, until it is run by itself; its open run is stopped."""
    opened, task, newest = open_task(app, args)
    stopped = newest.run if newest is not None and newest.state in OPEN_RUN else None
    if stopped is not None:
        asyncio.run(_stop(app, stopped))
    kind, data = skip_event(str(opened.root), opened.path, task)
    asyncio.run(_record(app, kind, data))
    address = address_of(opened.spec, task)
    if args.json:
        result_json({"spec": opened.path, "task": address, "skipped": True, "stopped": stopped})
    else:
        also = f" Its run {stopped} is stopped; what it did stays as it is." if stopped else ""
        result(f"{opened.path}: task {address} is skipped until you run it with --task {address}.{also}")
    return FINE


def retry_command(app: App, args: argparse.Namespace) -> int:
    """Run a task again with the finished steps of its last run."""
    opened, task, newest = open_task(app, args)
    source = check_can_retry(newest, address_of(opened.spec, task))
    settings = app.settings()
    ways = app.ways_of(settings, source)
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    world = world_for(app, settings, opened.root, ways, Printer(app.clock, as_json=args.json), args)
    return run_loop(_retry(app, world, source, task, ceiling_pico(app, settings, args.max)), world)


def defer(app: App, args: argparse.Namespace) -> int:
    """Park a task until a limit resets, until cheaper hours, or until a time."""
    opened, task, newest = open_task(app, args)
    settings = app.settings()
    goes_on = newest is not None and newest.state in OPEN_RUN
    provider, model = app.provider(settings, f"{newest.provider}/{newest.model}" if newest and goes_on else None)
    until = moment_of(
        args.until,
        provider=provider.name,
        model=model,
        runs=app.journal().runs(),
        prices=app.prices(settings),
        clock=app.clock,
    )
    if newest is not None and goes_on:
        run = newest.run
    else:
        limit = ceiling_pico(app, settings, None)
        route = app.ways(settings).route
        estimate = estimate_of(app, settings, opened, task, provider, model, limit, route.effort)
        planned = new_run(
            run=app.ids.new("run"),
            workspace=str(opened.root),
            spec_path=opened.path,
            task=task,
            estimate=estimate,
            provider=provider.name,
            model=model,
            route=route.name,
        )
        run = asyncio.run(_create(app, planned))
    asyncio.run(park(app.journal(), run, until))
    address = address_of(opened.spec, task)
    if args.json:
        result_json({"spec": opened.path, "task": address, "run": run, "until": until})
    else:
        when = moment_words(until, here_of(app.clock))
        result(
            f"{opened.path}: task {address} waits until {when} as {run}. It goes on by itself in an open editor, or "
            f"with 'bursar resume' after that; 'bursar resume {run}' goes on at once."
        )
    return FINE


def specs_below(folder: Path) -> list[Path]:
    """The tasks files below a folder, sorted; dependencies, build output and hidden folders are not looked into."""
    return sorted(_specs(folder, 0))


def _specs(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
    except OSError:
        return
    for each in entries:
        if each.name == "tasks.md" and each.is_file():
            yield Path(each.path)
        hidden = each.name.startswith(".") and each.name not in _SPEC_FOLDERS
        if depth < _DEEPEST and not hidden and each.name not in _NOT_LOOKED_INTO and each.is_dir(follow_symlinks=False):
            yield from _specs(Path(each.path), depth + 1)


def open_task(app: App, args: argparse.Namespace) -> tuple[OpenedSpec, SpecTask, RunRecord | None]:
    """The open task that is meant, and its newest run. Raises BadInput."""
    opened = open_spec(app, args.spec or _only_spec())
    task = pick_task(opened, args.task)
    if not task.is_open:
        raise BadInput(f"task {address_of(opened.spec, task)} is done or set aside: set its mark back first")
    runs = [each for each in app.journal().summaries(str(opened.root)) if each.record.spec == opened.path]
    newest = newest_run(opened.spec, task, runs)
    return opened, task, None if newest is None else newest.record


def _only_spec() -> str:
    found = specs_below(Path.cwd())
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise BadInput("there is no tasks.md below this folder: say which with --spec PATH")
    listed = ", ".join(str(each.relative_to(Path.cwd())) for each in found[:20])
    raise BadInput(f"there are {len(found)} specs below this folder, say which with --spec: {listed}")


async def _retry(app: App, world: World, source: RunRecord, task: SpecTask, ceiling: int | None) -> Outcome:
    record = await retry(world, source, task, run=app.ids.new("run"), ceiling_pico=ceiling)
    return await drive(world, record.run)


async def _stop(app: App, run: str) -> None:
    await app.journal().request_stop(run)


async def _record(app: App, kind: str, data: dict[str, object]) -> None:
    await app.journal().append_event(run=SKIPS, kind=kind, data=data)


async def _create(app: App, planned: NewRun) -> str:
    return (await app.journal().create_run(planned, only_one=True)).run
