"""Ends what a run has in flight with its provider, because it is stopped for good: nobody asks for it again.

An answer that its provider goes on with by itself is ended there. What had come of it is kept, and it is booked like
any answer that broke off: as the provider reported it, else "at most" what was held for it.
"""

from __future__ import annotations

import hashlib

from bursar.domain.errors import AnswerAway, AnswerCut, NotAccepted
from bursar.domain.ports import HeldElsewhere
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.booking import Attempt, Books, attempt_of, target_of_step
from bursar.runs.events import Events
from bursar.runs.world import Way, World


async def end_in_flight(world: World, run: str) -> None:
    """End what a process that died had in flight, before its run is stopped for good.

    Where that cannot be done now nothing is changed: the stop then books "at most" what is held.
    """
    if not _in_flight(world, run):
        return
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        return
    record = claimed.run
    books = Books(world, record, claimed.epoch, Events(world, run))
    try:
        for step in _in_flight(world, run):
            await give_up(world, record, step, books, seconds_run=record.seconds_run)
    except AnswerAway:
        return
    finally:
        await world.journal.release(run)


async def end_for_good(world: World, run: RunRecord, epoch: int, events: Events, *, seconds_run: float) -> None:
    """End what is in flight of a run that this process drives; afterwards nothing is held for it.

    Where a provider cannot be asked to end it now, it is booked as "at most" what was held.
    """
    books = Books(world, run, epoch, events)
    for step in _in_flight(world, run.run):
        try:
            await give_up(world, run, step, books, seconds_run=seconds_run)
        except AnswerAway:
            kept = world.spool.read(run=run.run, key=step.key, attempt=step.attempt)
            attempt, _ = _attempt(world, run, step)
            await books.settle_cut(attempt, None if kept is None else kept[0], seconds_run=seconds_run)


async def give_up(world: World, run: RunRecord, step: StepRecord, books: Books, *, seconds_run: float) -> bool:
    """End one request and book what is owed for it; whether the journal now holds its answer, or a part of it.

    Raises AnswerAway, with nothing booked, where its provider goes on with it and cannot be asked to end it now.
    """
    attempt, way = _attempt(world, run, step)
    kept = world.spool.read(run=run.run, key=step.key, attempt=step.attempt)
    if kept is None or way is None:
        # Without its provider nobody can read what is kept of the answer.
        await books.settle_cut(attempt, step.request_id, seconds_run=seconds_run)
        return False
    request_id, data = kept
    try:
        reply = await way.provider.give_up(data, request_id=request_id, model=attempt.target.model)
    except (AnswerCut, NotAccepted) as error:
        usable = way.provider.kept_from(data)
        owed = error.owed if isinstance(error, AnswerCut) else None
        so_far = error.so_far if isinstance(error, AnswerCut) else None
        await books.settle_cut(attempt, request_id, seconds_run=seconds_run, kept=usable, owed=owed, so_far=so_far)
        return bool(usable)
    await books.settle(attempt, reply, seconds_run=seconds_run)
    return True


def _in_flight(world: World, run: str) -> list[StepRecord]:
    return [
        each
        for each in world.journal.steps(run)
        if each.kind == "model" and each.status == "intent" and "batch" not in each.intent
    ]


def _attempt(world: World, run: RunRecord, step: StepRecord) -> tuple[Attempt, Way | None]:
    """The attempt at its own target and the price of its time, and the way there where there is one still."""
    target = target_of_step(step, run)
    attempt = attempt_of(
        step,
        n=int(step.key.removeprefix("m")),
        target=target,
        price=world.prices.price(provider=target.provider, model=target.model, at=step.started_at),
        prompt_sha256=hashlib.sha256(run.first_request.encode("utf-8", "replace")).hexdigest(),
    )
    return attempt, world.way_to(target)
