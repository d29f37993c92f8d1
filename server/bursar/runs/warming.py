"""Keeps the prompt of a run in its provider's cache while the run waits for its user: at most one request a silence.

That request is the run's last one again, with the shortest answer there is. It is an operation of its own, so it is
recorded, held, booked and settled like any request, and nothing of it gets into the conversation. What came of it is an
event of the run: ``kept_warm``, or ``keep_warm_failed``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bursar.domain.context.rules import ratios_of, rules_for
from bursar.domain.context.warming import (
    BEFORE_END_S,
    LATEST_S,
    Chance,
    Silence,
    chance_of_return,
    is_hit,
    sent_after_s,
    why_not,
)
from bursar.domain.conversation import Message
from bursar.domain.money.price import Price, Unpriced, cost_of, usd_text
from bursar.domain.money.usage import Usage
from bursar.domain.ports import HeldElsewhere, Journal
from bursar.domain.runs import KEEP_WARM, RequestRow, RunEvent, RunRecord, StepRecord
from bursar.domain.wires import least_answer_tokens
from bursar.runs.asking import Requests
from bursar.runs.assemble import FirstRequest, model_request
from bursar.runs.beside import beside, unheard
from bursar.runs.booking import target_of_step
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.fold import AskModel, next_act, request_key, request_order
from bursar.runs.modes import Modes, modes_of
from bursar.runs.shapes import Shapes, shapes_of
from bursar.runs.staying import allowed_ways
from bursar.runs.world import Ceilings, PauseNow, Way, Ways, World

KEPT_WARM, NOT_KEPT_WARM = "kept_warm", "keep_warm_failed"
WAITS_FOR_USER = frozenset({"approval", "asked", "ceiling", "repeat", "check", "cut", "in_doubt"})
"""Why a paused run waits for its user, and for nothing else."""
_NEWEST_RUNS = 50
_ONCE = Ceilings(attempts=1, wait_s=0, waiting_s=0, pacing_s=0, elsewhere_s=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A request that keeps a prompt warm: what it sends to whom, in how many seconds, and what that is worth.

    ``read_pico`` is what it will probably cost, ``saved_pico`` what it saves where the user is back in time.
    """

    n: int
    in_s: float
    way: Way
    first: FirstRequest
    later: tuple[Message, ...]
    modes: Modes
    shapes: Shapes
    prompt_tokens: int
    read_pico: int
    saved_pico: int
    rate_card: str
    chance: Chance


def warm_id(run: str, n: int) -> str:
    """The name of the operation that keeps warm what request ``n`` sent: one for each, so none is sent twice."""
    return f"warm-{run.removeprefix('run-')}-{n}"


def due(world: World, run: RunRecord) -> Due | str:
    """What would keep this run's prompt warm, or why nothing is sent. Folds and builds, so beside the loop."""
    journal = world.journal
    events = journal.events(run=run.run)
    if any(each.kind == KEPT_WARM and not each.data.get("hit") for each in events):
        return "the last time, the provider had not kept it"
    answered = newest_answer(journal.steps(run.run))
    if answered is None:
        return "nothing was sent"
    step, steps = answered
    n = int(step.key[1:])
    if journal.run(warm_id(run.run, n)) is not None:
        return "it was done once in this silence"
    row = _billed(journal.requests(run=run.run), step)
    if row is None or not row.usage.cache_read + row.usage.cache_write_5m + row.usage.cache_write_1h:
        return "its provider did not say that it kept it"
    target = target_of_step(step, run)
    rules = rules_for(target.model)
    price = world.prices.price(provider=target.provider, model=target.model, at=world.clock.now_utc())
    if isinstance(price, Unpriced) or not price.rates.input:
        return f"{target} has no price, so nothing says what it saves"
    silences = own_silences(journal, world.clock.now_utc())
    chance = chance_of_return(silences, rules)
    refused = why_not(prompt_tokens=row.usage.input, rules=rules, ratios=ratios_of(rules, price), chance=chance)
    if refused is not None or chance is None:
        return refused or ""
    in_s = sent_after_s(rules) + world.clock.seconds_until(step.started_at)
    if not LATEST_S - BEFORE_END_S <= in_s <= rules.life_s:
        return "its life may be over"
    return _built(world, run, step, steps, events, in_s, row, price, chance)


async def keep_warm(world: World, run: RunRecord, found: Due, events: Events) -> None:
    """Send it, book it and tell what came of it. Raises what a request of a run raises where the store is gone."""
    op = warm_id(run.run, found.n)
    way = found.way
    first = replace(found.first, max_tokens=least_answer_tokens(way.provider.wire))
    planned = beside(run, name=op, kind=KEEP_WARM, target=way.target, first=first)
    await world.journal.create_run(planned)
    detail = ""
    try:
        claimed = await world.journal.claim(op)
        if isinstance(claimed, HeldElsewhere):
            return
        # Nobody else is asked instead, nothing is repeated: then it would come too late.
        alone = replace(
            world, on_event=unheard, ways=Ways.only(way.provider, way.model), provider=way.provider, ceilings=_ONCE
        )
        requests = Requests(alone, claimed.run, claimed.epoch, Events(alone, op), about=run)
        requests.go(alone, found.modes, found.shapes)
        paused = await requests.ask(1, found.later, None, Focus(), seconds_run=0.0)
        detail = "" if paused is None else paused.detail
        await world.journal.set_state(
            run=op,
            epoch=claimed.epoch,
            state="finished" if paused is None else "failed",
            reason=None if paused is None else paused.reason,
            detail=detail or None,
        )
    finally:
        await world.journal.release(op)
    rows = world.journal.requests(run=op)
    if detail or not rows:
        await events.tell("keep_warm_failed", n=found.n, request=op, message=detail or "It was not sent.")
        return
    await events.tell("kept_warm", **_told(found, op, rows[-1]))


async def settle_left(world: World, run: RunRecord) -> None:
    """Settle what a process that died had in flight to keep this run's prompt warm; nothing of it is asked again."""
    for step in world.journal.steps(run.run):
        if step.kind != "model" or step.status != "done":
            continue
        record = world.journal.run(warm_id(run.run, int(step.key[1:])))
        if record is None or record.owner_alive or record.state in ("finished", "failed"):
            continue
        claimed = await world.journal.claim(record.run)
        if isinstance(claimed, HeldElsewhere):
            continue
        try:
            alone = replace(world, on_event=unheard)
            requests = Requests(alone, claimed.run, claimed.epoch, Events(alone, record.run), about=run)
            for each in world.journal.steps(record.run):
                if each.status == "intent":
                    await requests.settle_in_flight(each)
            await world.journal.set_state(
                run=record.run,
                epoch=claimed.epoch,
                state="failed",
                reason="stopped",
                detail="The process that sent it ended before its answer.",
            )
        finally:
            await world.journal.release(record.run)


def own_silences(journal: Journal, now: str) -> list[Silence]:
    """How long the user's newest runs waited for them, from the journal."""
    runs = sorted(journal.runs(), key=lambda each: each.updated_at)[-_NEWEST_RUNS:]
    return [silence for each in runs for silence in silences_of(journal.events(run=each.run), now)]


def silences_of(events: Iterable[RunEvent], now: str) -> list[Silence]:
    """Each wait of a run for its user: from a question to its answer, from a pause to the going on."""
    found: list[Silence] = []
    since: str | None = None
    for each in events:
        is_end = each.kind in ("approval_answered", "run_resumed", "run_finished")
        if since is not None and is_end:
            found.append(Silence(seconds=_between_s(since, each.at), returned=each.kind != "run_finished"))
            since = None
        if each.kind == "approval_asked" or (each.kind == "run_paused" and each.data.get("reason") in WAITS_FOR_USER):
            since = since or each.at
    if since is not None:
        found.append(Silence(seconds=_between_s(since, now), returned=False))
    return found


def newest_answer(steps: Sequence[StepRecord]) -> tuple[StepRecord, Sequence[StepRecord]] | None:
    """The newest answered request, with all steps; None where none is, or another one is on its way."""
    asked = [each for each in steps if each.kind == "model"]
    newest = max(asked, key=lambda each: each.n, default=None)
    return None if newest is None or newest.status != "done" else (newest, steps)


def warmed_at(events: Iterable[RunEvent], n: int) -> str | None:
    """When the prompt of request ``n`` was last read to keep it; None where it was not, or was gone."""
    moments = [each.at for each in events if each.kind == KEPT_WARM and each.data.get("n") == n and each.data["hit"]]
    return moments[-1] if moments else None


def _built(
    world: World,
    run: RunRecord,
    step: StepRecord,
    steps: Sequence[StepRecord],
    events: Sequence[RunEvent],
    in_s: float,
    row: RequestRow,
    price: Price,
    chance: Chance,
) -> Due | str:
    n, target = int(step.key[1:]), target_of_step(step, run)
    way = world.way_to(target)
    try:
        if way is None or target not in [each.target for each in allowed_ways(world, run)]:
            return f"{target} is not asked any more"
    except PauseNow as pause:
        return pause.paused.detail
    first = FirstRequest.from_json(run.first_request)
    modes, shapes = modes_of(events, began_terse=first.terse), shapes_of(events)
    before = [each for each in steps if each.n < request_order(n)]
    act = next_act(
        [*before, replace(step, status="intent", result=None)],
        check=first.check,
        terse_from=modes.terse_from,
        terse_after=modes.terse_after,
        shapes=shapes,
    )
    if not isinstance(act, AskModel) or request_key(act.n) != step.key:
        return "its conversation has no place for the request again"
    again = model_request(
        first, act.later, model=target.model, max_tokens=int(step.intent["max_tokens"]), terse=modes.terse_fields
    )
    if hashlib.sha256(way.provider.body(again)).hexdigest() != step.body_sha256:
        return "what was sent stands otherwise now, so the next request does not begin with it"
    read = cost_of(Usage(cache_read=row.usage.input), price)
    anew = cost_of(Usage(cache_write_5m=row.usage.input), price)
    if isinstance(read, Unpriced) or isinstance(anew, Unpriced):
        return f"{target} has no price, so nothing says what it saves"
    return Due(
        n=n,
        in_s=in_s,
        way=way,
        first=first,
        later=act.later,
        modes=modes,
        shapes=shapes,
        prompt_tokens=row.usage.input,
        read_pico=read.pico,
        saved_pico=anew.pico - read.pico,
        rate_card=price.rate_card,
        chance=chance,
    )


def _billed(rows: Sequence[RequestRow], step: StepRecord) -> RequestRow | None:
    return next(
        (
            each
            for each in reversed(rows)
            if (each.step, each.attempt, each.certainty) == (step.key, step.attempt, "billed")
        ),
        None,
    )


def _told(found: Due, op: str, row: RequestRow) -> dict[str, Any]:
    return {
        "n": found.n,
        "request": op,
        "request_id": row.request_id,
        "model": row.model,
        "usage": row.usage.as_dict(),
        "cost_usd": None if row.cost_pico is None else usd_text(row.cost_pico),
        "saves_usd": usd_text(found.saved_pico),
        "saves_from": f"{found.rate_card}, if you are back in time: {found.chance.source}",
        "hit": is_hit(read_tokens=row.usage.cache_read, input_tokens=row.usage.input),
    }


def _between_s(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
