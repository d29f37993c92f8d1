"""Ends what a process that died had in flight with its provider, before the run is stopped for good."""

from __future__ import annotations

import hashlib

from bursar.domain.errors import AnswerAway, AnswerCut, NotAccepted
from bursar.domain.ports import HeldElsewhere
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.booking import Books, attempt_of, target_of_step
from bursar.runs.events import Events
from bursar.runs.world import World


async def end_in_flight(world: World, run: str) -> None:
    """Let a provider that goes on with an answer by itself make no more of it, and book what it is owed.

    Where that cannot be done now nothing is changed: the stop then books "at most" what is held.
    """
    if not _in_flight(world, run):
        return
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        return
    try:
        for step in _in_flight(world, run):
            await _give_up(world, claimed.run, claimed.epoch, step)
    except AnswerAway:
        return
    finally:
        await world.journal.release(run)


def _in_flight(world: World, run: str) -> list[StepRecord]:
    return [each for each in world.journal.steps(run) if each.kind == "model" and each.status == "intent"]


async def _give_up(world: World, run: RunRecord, epoch: int, step: StepRecord) -> None:
    """Raises AnswerAway where nothing was learnt."""
    target = target_of_step(step, run)
    way = world.way_to(target)
    kept = world.spool.read(run=run.run, key=step.key, attempt=step.attempt)
    if kept is None or way is None or not way.provider.can_reattach:
        return
    request_id, data = kept
    attempt = attempt_of(
        step,
        n=int(step.key[1:]),
        target=target,
        price=world.prices.price(provider=target.provider, model=target.model, at=step.started_at),
        prompt_sha256=hashlib.sha256(run.first_request.encode("utf-8", "replace")).hexdigest(),
    )
    books = Books(world, run, epoch, Events(world, run.run))
    try:
        reply = await way.provider.give_up(data, request_id=request_id, model=target.model)
    except (AnswerCut, NotAccepted) as error:
        owed = error.owed if isinstance(error, AnswerCut) else None
        await books.settle_cut(attempt, request_id, seconds_run=run.seconds_run, owed=owed)
        return
    await books.settle(attempt, reply, seconds_run=run.seconds_run)
