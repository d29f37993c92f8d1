"""``bursar run`` and ``bursar resume``: drive runs from the command line, one event a line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from bursar.commandline.driving import Printer, ceiling_pico, estimate_of, price_of, run_loop, world_for
from bursar.commandline.forecasting import Outlooks
from bursar.commandline.output import FINE, PAUSED, message
from bursar.commandline.review import fetch_all, fetched_words
from bursar.commandline.specs import OpenedSpec, open_spec, pick_task
from bursar.commandline.ticked import ask_about_tick
from bursar.domain.context.pins import pin_words
from bursar.domain.errors import BadInput, OwnedElsewhere
from bursar.domain.moments import moment_words
from bursar.domain.money.price import Unpriced
from bursar.domain.ports import ModelProvider
from bursar.domain.runs import RunRecord, TaskEstimate
from bursar.domain.specs import SpecTask, address_of, open_tasks
from bursar.domain.specs.order import in_turn
from bursar.domain.tasks import KEEP_GOING, SKIPS, STOP_THE_RUN, runs_for, skipped_tasks, skips_in, tasks_below
from bursar.runs.choosing import choose_model
from bursar.runs.deferring import is_parked
from bursar.runs.driver import drive, settle_tick
from bursar.runs.events import Events
from bursar.runs.here import here_of
from bursar.runs.prepare import new_run
from bursar.runs.staying import first_asked
from bursar.runs.task_on_disk import is_ticked_by_hand
from bursar.runs.world import Finished, Outcome, World
from bursar.session.pins import pins_now
from bursar.settings import Settings
from bursar.system.nobody import NoEditor
from bursar.views.reasons import reason_words
from bursar.wiring import App, workspace_here


def run(app: App, args: argparse.Namespace) -> int:
    """Estimate the chosen tasks, then run one after the other until one does not finish."""
    settings = app.settings()
    opened = open_spec(app, args.path)
    chosen = [pick_task(opened, each) for each in args.task]
    done = [each for each in chosen if each.state == "done"]
    if done:
        raise BadInput(f"task {address_of(opened.spec, done[0])} is done already: set its mark back to run it again")
    tasks = _first(opened, _tasks_to_run(app, opened, chosen), [pick_task(opened, each) for each in args.first])
    ways = app.ways(settings, args.model)
    provider, model = ways.chain[0].provider, ways.chain[0].model
    ceiling = ceiling_pico(app, settings, args.max)
    printer = Printer(app.clock, as_json=args.json)
    if not tasks:
        message(f"{opened.path} has no open task: nothing to run.")
        return FINE
    price = price_of(app, settings, provider, model)
    if isinstance(price, Unpriced):
        message(f"{price.why[:1].upper()}{price.why[1:]}.")
    for each in pins_now(app, str(opened.root), NoEditor()):
        if each.needs_a_look:
            message(f"{pin_words(each)}.")
    if args.dry_run:
        local_only = settings.local_only | ways.route.local_only
        outlooks = Outlooks(app, settings, opened, ceiling_pico=ceiling)
        estimates: list[TaskEstimate] = []
        for task in tasks:
            way = first_asked(ways, local_only, spec=opened.spec, spec_path=opened.path, task=task)
            made = estimate_of(app, settings, opened, task, way.provider, way.model, ceiling, ways.route.effort).facts
            estimates.append(made)
            is_last = len(estimates) == len(tasks) > 1
            printer.estimate(
                made,
                outlooks.of(made),
                outlooks.rooms(),
                at=app.clock.now_utc(),
                together=outlooks.together(estimates) if is_last else None,
            )
        return FINE
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    world = world_for(app, settings, opened.root, ways, printer, args)
    work = _run_tasks(app, settings, world, opened, tasks, provider, model, ceiling, max_given=args.max)
    return run_loop(work, world)


def resume(app: App, args: argparse.Namespace) -> int:
    """Go on with a paused run, or with all of this workspace's (or everybody's, with --all)."""
    settings = app.settings()
    journal = app.journal()
    if args.run:
        record = journal.run(args.run)
        if record is None:
            raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
        if record.kind != "task":
            raise BadInput(f"{args.run} is a single request and no run of a task: repeat the command that asked for it")
        chosen = [record]
    else:
        all_runs = journal.runs(None if args.all else workspace_here())
        waiting = [each for each in all_runs if each.state in ("paused", "in_doubt") or each.tick_pending]
        chosen = [each for each in waiting if not is_parked(each, app.clock)]
        for each in waiting:
            if each not in chosen:
                until = moment_words(each.resume_at, here_of(app.clock))
                message(f"{each.run} is deferred until {until}: 'bursar resume {each.run}' goes on at once.")
        fetched = fetch_all(app, None if args.all else workspace_here())
        for fetched_one, found in fetched:
            message(f"{fetched_one.record.run} about {fetched_one.record.about}: {fetched_words(app, found)}")
        if not waiting:
            message("No run is paused here: nothing to resume.")
            return FINE
    code = FINE
    for record in chosen:
        if record.state in ("finished", "failed") and not record.tick_pending:
            ended = (
                "is finished"
                if record.state == "finished"
                else f"has ended ({reason_words(record.reason) or 'failed'})"
            )
            raise BadInput(f"{record.run} {ended}: there is nothing to resume")
        code = max(code, _resume_one(app, settings, record, args))
    return code


async def _run_tasks(
    app: App,
    settings: Settings,
    world: World,
    opened: OpenedSpec,
    tasks: Sequence[SpecTask],
    provider: ModelProvider,
    model: str,
    ceiling: int | None,
    *,
    max_given: str | None,
) -> Outcome | None:
    outcome: Outcome | None = None
    for planned in tasks:
        # Somebody may have edited the file while the task before ran.
        task = _as_it_is_now(opened, planned)
        if task is None or task.state == "done":
            message(f"{opened.path}: '{planned.title}' is {'gone' if task is None else 'done'} by now: not run.")
            continue
        if world.ways is not None:
            way = first_asked(world.ways, world.local_only, spec=opened.spec, spec_path=opened.path, task=task)
            provider, model = way.provider, way.model
        effort = world.ways.route.effort if world.ways else "normal"
        estimate = estimate_of(app, settings, opened, task, provider, model, ceiling, effort)
        _refuse_if_open(world, opened, estimate.facts, max_given=max_given)
        warning = Outlooks(app, settings, opened, ceiling_pico=ceiling).warning(estimate.facts)
        if warning is not None:
            message(warning)
        record = await world.journal.create_run(
            new_run(
                run=app.ids.new("run"),
                workspace=world.files.root,
                spec_path=opened.path,
                task=task,
                estimate=estimate,
                provider=provider.name,
                model=model,
                route=world.ways.route.name if world.ways else None,
            ),
            only_one=True,
        )
        outcome = await drive(world, record.run)
        if not isinstance(outcome, Finished):
            break
        opened = open_spec(app, str(opened.root / opened.path))
    return outcome


def _tasks_to_run(app: App, opened: OpenedSpec, chosen: Sequence[SpecTask]) -> list[SpecTask]:
    """The tasks that were asked for, each with open tasks below it standing for those; else all open required ones.

    Those that the user skips are left out unless they are asked for by themselves.
    """
    spec, workspace = opened.spec, str(opened.root)
    runs = [each for each in app.journal().summaries(workspace) if each.record.spec == opened.path]
    skipped = skipped_tasks(spec, opened.path, skips_in(app.journal().events(run=SKIPS), workspace), runs)
    if not chosen:
        return [each for each in open_tasks(spec) if not each.optional and each.index not in skipped]
    tasks: dict[int, SpecTask] = {}
    for task in chosen:
        below = runs_for(spec, task, skipped) if task.is_open else (task,)
        tasks |= {each.index: each for each in below}
    return list(tasks.values())


def _first(opened: OpenedSpec, tasks: list[SpecTask], first: Sequence[SpecTask]) -> list[SpecTask]:
    """These tasks with the wanted ones before the others, where what they depend on lets them."""
    if not first:
        return tasks
    known = {each.index for each in tasks}
    for task in first:
        below = {task.index, *(each.index for each in tasks_below(opened.spec, task))}
        if not below & known:
            address = address_of(opened.spec, task)
            raise BadInput(f"task {address} is not among those that would be run, so it cannot be first: see --task")
    ordered = list(in_turn(opened.spec, tasks, first=frozenset(each.index for each in first)))
    head = ordered[0]
    if not any(head.index in {each.index, *(one.index for one in tasks_below(opened.spec, each))} for each in first):
        message(
            f"{opened.path}: {address_of(opened.spec, head)} is run before {address_of(opened.spec, first[0])}, which "
            "the Task Dependency Graph puts into a later wave."
        )
    return ordered


def _as_it_is_now(opened: OpenedSpec, planned: SpecTask) -> SpecTask | None:
    same = [each for each in opened.spec.tasks if (each.id, each.title) == (planned.id, planned.title)]
    if len(same) > 1:
        same = [each for each in same if each.line == planned.line]
    return same[0] if same else None


def _refuse_if_open(world: World, opened: OpenedSpec, estimate: TaskEstimate, *, max_given: str | None) -> None:
    for other in world.journal.runs(world.files.root):
        same = (
            other.spec == opened.path and other.task_address == estimate.address and other.task_title == estimate.title
        )
        if same and other.state in ("running", "paused", "in_doubt"):
            if other.owner_alive:
                raise OwnedElsewhere(
                    f"task {estimate.address} runs in another window as {other.run}: wait or pause it there"
                )
            why = reason_words(other.reason) or other.state
            raise BadInput(
                f"task {estimate.address} has a run that can go on, {other.run} ({why}): "
                f"'bursar resume {other.run}{f' --max {max_given}' if max_given else ''}' keeps what is paid for, "
                f"'bursar stop {other.run}' gives it up"
            )


def _resume_one(app: App, settings: Settings, record: RunRecord, args: argparse.Namespace) -> int:
    if args.model and record.owner_alive:
        raise OwnedElsewhere(f"{record.run} runs in another window: pause it there, then resume it with --model")
    ways = app.ways(settings, args.model) if args.model else app.ways_of(settings, record)
    printer = Printer(app.clock, as_json=args.json)
    world = world_for(app, settings, Path(record.workspace), ways, printer, args)
    if record.state == "finished":
        return run_loop(_tick_only(world, record), world)
    if is_ticked_by_hand(world.files, record):
        answer = asyncio.run(ask_about_tick(app, record))
        if answer != KEEP_GOING:
            return FINE if answer == STOP_THE_RUN else PAUSED
    missing = ways.missing_key()
    if missing is not None:
        raise BadInput(missing)
    return run_loop(_resume_drive(app, world, record, args), world)


async def _resume_drive(app: App, world: World, record: RunRecord, args: argparse.Namespace) -> Outcome:
    if args.model:
        way = world.chain_for(record.model)[0]
        price = price_of(app, app.settings(), way.provider, way.model)
        if isinstance(price, Unpriced):
            message(f"{price.why[:1].upper()}{price.why[1:]}.")
        await choose_model(world, record.run, way.target)
    if getattr(args, "max", None):
        await world.journal.raise_ceiling(record.run, ceiling_pico(app, app.settings(), args.max))
    return await drive(world, record.run)


async def _tick_only(world: World, record: RunRecord) -> None:
    await settle_tick(world, record, Events(world, record.run))
