"""One request without tools beside the runs: recorded, priced, budgeted, booked and taken up like one of theirs."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.conversation import Text
from bursar.domain.errors import OwnedElsewhere
from bursar.domain.money.bound import input_bound_tokens
from bursar.domain.money.price import Price, Unpriced, cost_of, most_it_can_cost_pico
from bursar.domain.money.usage import Usage
from bursar.domain.ports import HeldElsewhere, ModelProvider, TokenCounter
from bursar.domain.runs import NewRun, RequestFigures, RunRecord, RunState, RunSummary
from bursar.runs.asking import Requests
from bursar.runs.assemble import FirstRequest, model_request
from bursar.runs.codec import block_from_json
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.fold import AskModel, answer_blocks, kept_parts, next_act, request_key
from bursar.runs.reusing import keys_of, my_turn, reuse, to_keep
from bursar.runs.stopping import end_for_good
from bursar.runs.world import DISTRUSTED, Paused, World

MAY_GO_ON: frozenset[RunState] = frozenset({"running", "paused", "in_doubt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The whole answer of an operation; ``was_there`` says that it had been paid for before."""

    run: str
    text: str
    stop_reason: str
    was_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The operation stands still and can go on; ``detail`` says what happened and what to do."""

    run: str
    reason: str
    detail: str


def figures_of(
    first: FirstRequest, *, provider: ModelProvider, model: str, counter: TokenCounter, price: Price | Unpriced
) -> RequestFigures:
    """Count and price the one request of an operation."""
    body = provider.body(model_request(first, (), model=model))
    counted = counter.count(provider.prompt_text(body))
    # Nothing of it is kept in a prompt cache (ModelRequest.once).
    cost = cost_of(Usage(uncached_input=counted), price)
    if isinstance(price, Unpriced) or isinstance(cost, Unpriced):
        return RequestFigures(counted_tokens=counted, first_request_pico=None, at_most_pico=None)
    bound = input_bound_tokens(counted_tokens=counted, body_bytes=len(body), model=model)
    most = most_it_can_cost_pico(input_tokens=bound, output_tokens=first.max_tokens, price=price)
    return RequestFigures(counted_tokens=counted, first_request_pico=cost.pico, at_most_pico=most)


async def ask_once(world: World, planned: NewRun, *, fresh: bool = False) -> Answered | Unanswered:
    """The answer to an operation: one that was paid for already, one that was under way, else a new one.

    Who asks the same while another asks waits for that answer. ``fresh``: an answer that is there is not used, and the
    new one takes its place. An operation for the same thing whose request has become another is settled and closed.
    Raises OwnedElsewhere while another process goes on with it, Fenced and StorageError.
    """
    keys = keys_of(world, planned)
    async with my_turn(world, keys):
        kept = None if fresh else await kept_answer(world, planned, keys)
        return kept if kept is not None else await _ask_in_turn(world, planned, fresh=fresh)


async def kept_answer(world: World, planned: NewRun, keys: list[str]) -> Answered | None:
    """The answer in the response cache to exactly this request."""
    found = await reuse(world, planned, keys)
    if found is None:
        return None
    run, text, stop_reason = found
    return Answered(run=run, text=text, stop_reason=stop_reason, was_there=True)


async def _ask_in_turn(world: World, planned: NewRun, *, fresh: bool) -> Answered | Unanswered:
    run = await find_operation(world, planned, fresh=fresh)
    if run is None:
        run = (await world.journal.create_run(planned)).run
    known = answer_of(world, run, was_there=True)
    if known is None and _waits_for_batch(world, run):
        record = world.journal.run(run)
        detail = (record.detail if record else None) or "Its answer is on its way through the provider's batch API."
        return Unanswered(run=run, reason="batch", detail=detail)
    return known if known is not None else await _ask(world, run)


async def close_operation(world: World, run: str, state: RunState, reason: str, detail: str) -> None:
    """Write down what became of an answer. Raises OwnedElsewhere, Fenced and StorageError."""
    epoch, _ = await _claim(world, run)
    try:
        await world.journal.set_state(run=run, epoch=epoch, state=state, reason=reason, detail=detail)
    finally:
        await world.journal.release(run)


async def find_operation(world: World, planned: NewRun, *, fresh: bool = False) -> str | None:
    """The newest operation with exactly this request whose answer can still be had; ``fresh``: and is not there yet."""
    for each in reversed(_alike(world, planned)):
        record = world.journal.run(each.record.run)
        if record is None or record.erased_at is not None:
            continue
        if record.first_request == planned.first_request:
            if record.state in MAY_GO_ON and not (fresh and answer_of(world, record.run) is not None):
                return record.run
        elif record.state in MAY_GO_ON and not _waits_for_batch(world, record.run):
            await _give_up(world, record.run)
    return None


def _alike(world: World, planned: NewRun) -> list[RunSummary]:
    wanted = (planned.kind, planned.about, planned.spec, planned.task_address, planned.task_title_sha256)
    model = (planned.provider, planned.model)
    return [
        each
        for each in world.journal.operations(planned.workspace)
        if (r := each.record)
        and (r.kind, r.about, r.spec, r.task_address, r.task_title_sha256) == wanted
        and (r.provider, r.model) == model
    ]


async def _ask(world: World, run: str) -> Answered | Unanswered:
    epoch, requests = await _claim(world, run)
    began_s = world.clock.monotonic_s()
    try:
        await world.journal.set_state(run=run, epoch=epoch, state="running")
        while True:
            answered = answer_of(world, run)
            if answered is not None:
                seconds = world.clock.monotonic_s() - began_s
                await finish(world, run, epoch, answered, seconds_run=seconds)
                return answered
            record = world.journal.run(run)
            if record is None or record.stop_requested:
                return await _stopped(world, run, epoch, seconds_run=world.clock.monotonic_s() - began_s)
            paused = _wish(world, record)
            act = next_act(world.journal.steps(run))
            if paused is None and isinstance(act, AskModel):
                seconds = world.clock.monotonic_s() - began_s
                paused = await requests.ask(1, act.later, act.step, Focus(), kept=act.kept, seconds_run=seconds)
            if paused is not None:
                await world.journal.set_state(
                    run=run, epoch=epoch, state="paused", reason=paused.reason, detail=paused.detail
                )
                return Unanswered(run=run, reason=paused.reason, detail=paused.detail)
    finally:
        await world.journal.release(run)


async def finish(world: World, run: str, epoch: int, answered: Answered, *, seconds_run: float | None = None) -> None:
    """Say that an operation has its answer, and keep that for whoever asks the same, in one transaction."""
    record = world.journal.run(run)
    keep = None if record is None else to_keep(world, record, answered.text, answered.stop_reason)
    await world.journal.set_state(run=run, epoch=epoch, state="finished", seconds_run=seconds_run, keep=keep)


async def _give_up(world: World, run: str) -> None:
    """Settle what an operation that nobody wants any more had in flight, and close it."""
    epoch, requests = await _claim(world, run)
    try:
        for step in world.journal.steps(run):
            if step.status == "intent":
                await requests.settle_in_flight(step)
        await world.journal.set_state(
            run=run, epoch=epoch, state="failed", reason="stopped", detail="What it was asked about has changed since."
        )
    finally:
        await world.journal.release(run)


async def _claim(world: World, run: str) -> tuple[int, Requests]:
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} is asked for in another window ({claimed.owner}): wait for it")
    return claimed.epoch, Requests(world, claimed.run, claimed.epoch, Events(world, run))


def _waits_for_batch(world: World, run: str) -> bool:
    """Whether its request went through a batch API and is not settled: then it is fetched, and never sent again."""
    return any(each.status == "intent" and "batch" in each.intent for each in world.journal.steps(run))


async def _stopped(world: World, run: str, epoch: int, *, seconds_run: float) -> Unanswered:
    record = world.journal.run(run)
    if record is not None:
        await end_for_good(world, record, epoch, Events(world, run), seconds_run=seconds_run)
    detail = "Stopped as asked. What had come of its answer is booked."
    await world.journal.set_state(run=run, epoch=epoch, state="failed", reason="stopped", detail=detail)
    return Unanswered(run=run, reason="stopped", detail=detail)


def _wish(world: World, record: RunRecord) -> Paused | None:
    if record.pause_requested:
        return Paused(reason="asked", detail="Stopped as asked. Nothing more was sent.")
    return None if world.trusted() else DISTRUSTED


def answer_of(world: World, run: str, *, was_there: bool = False) -> Answered | None:
    """The answer of an operation that the journal has."""
    step = next((each for each in world.journal.steps(run) if each.key == request_key(1)), None)
    if step is None or step.status != "done":
        return None
    parts = [[block_from_json(block) for block in part] for part in kept_parts(step)]
    blocks = [*(block for part in parts for block in part), *answer_blocks(step)]
    text = "".join(each.text for each in blocks if isinstance(each, Text))
    reason = str((step.result or {}).get("stop_reason", ""))
    return Answered(run=run, text=text, stop_reason=reason, was_there=was_there)
