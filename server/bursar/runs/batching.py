"""An operation through the provider's batch API: sent once, paid once, fetched later by whoever comes first.

The intent with its hold is durable before the batch is made, and the batch's id right after it. Where a process died in
between, the provider's own list says whether there is a batch with the name of the intent; nothing is sent again before
that is known. A batch that ends without an answer owes nothing: its money is given back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from bursar.domain.batches import Batches, BatchSeen, NoAnswer
from bursar.domain.conversation import ModelReply
from bursar.domain.errors import AnswerAway, AnswerCut, BadInput, NotAccepted, OwnedElsewhere, ProviderError, Refused
from bursar.domain.money.budget import RefusedByBudget
from bursar.domain.money.price import Price, Unpriced, usd_text
from bursar.domain.ports import HeldElsewhere, Journal
from bursar.domain.runs import NewRun, RunRecord, RunState, RunSummary, StepRecord
from bursar.runs.assemble import FirstRequest
from bursar.runs.booking import Attempt, Books, attempt_of, target_of_step
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.fold import request_key, request_order
from bursar.runs.operations import Answered, Unanswered, answer_of, find_operation, finish, kept_answer
from bursar.runs.planning import refusal_text
from bursar.runs.reusing import keys_of, my_turn
from bursar.runs.sizing import day_of, facts_of, limits_of, size_request
from bursar.runs.staying import allowed_ways
from bursar.runs.world import DISTRUSTED, PauseNow, Way, World

_KEY = request_key(1)
_SURE_AFTER_S = 600.0
"""A batch that the provider took is in its list by then, for certain."""
_CLOCKS_DIFFER_S = 120.0
_LOOKS_FOR_END = 5
_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The answer is not there yet; ``batch`` is None while it is not known whether there is one."""

    run: str
    batch: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The batch is over without an answer, or was never made; nothing is owed unless the detail says so."""

    run: str
    outcome: str
    detail: str


def batches_of(way: Way) -> Batches:
    """The way's batch API. Raises Refused where there is none that is known here."""
    found = way.provider.batches()
    if found is None:
        raise Refused(
            f"the provider {way.provider.name} ({way.provider.wire}) has no batch API that is known here: "
            "leave --batch out"
        )
    return found


def batch_price_of(world: World, way: Way, *, at: str) -> Price:
    """What the model costs through the batch API. Raises BadInput where that is not known: half is not guessed."""
    price = world.prices.batch_price(provider=way.provider.name, model=way.model, at=at)
    if isinstance(price, Unpriced):
        raise BadInput(f"No batch price is known for {price.model}: {price.why}. Nothing was sent")
    return price


def in_batch(step: StepRecord | None) -> bool:
    """Whether this request went, or is about to go, through a batch API and is not settled."""
    return step is not None and step.status == "intent" and "batch" in step.intent


def pending_batches(journal: Journal, workspace: str | None) -> list[RunSummary]:
    """The operations whose batch is still to be fetched."""
    return [
        each
        for each in journal.operations(workspace)
        if each.record.state != "finished"
        and each.record.erased_at is None
        and in_batch(_step(journal, each.record.run))
    ]


def waits_for_batch(journal: Journal, run: str) -> bool:
    """Whether this operation's request is in a batch that is not settled."""
    return in_batch(_step(journal, run))


def stopped_words(found: Answered | Pending | Ended) -> str:
    """What came of a batch that was to be stopped, in a sentence or two."""
    if isinstance(found, Answered):
        return "its answer was there already: it is booked, and 'bursar review RUN' prints it."
    return found.detail


async def submit_batch(
    world: World, planned: NewRun, *, fresh: bool = False
) -> Answered | Pending | Unanswered | Ended:
    """Send an operation's request as a batch, unless its answer is there or its batch is under way.

    ``fresh``: an answer that is there is not used.

    Raises BadInput without a batch price, Refused without a batch API or for a request with tools.
    """
    if FirstRequest.from_json(planned.first_request).tools:
        raise Refused("a request with tools cannot go through a batch API: nobody could run them")
    way = world.chain_for(planned.model)[0]
    batches = batches_of(way)
    price = batch_price_of(world, way, at=world.clock.now_utc())
    keys = keys_of(world, planned)
    async with my_turn(world, keys):
        kept = None if fresh else await kept_answer(world, planned, keys)
        return kept if kept is not None else await _submit_in_turn(world, planned, way, batches, price, fresh=fresh)


async def _submit_in_turn(
    world: World, planned: NewRun, way: Way, batches: Batches, price: Price, *, fresh: bool
) -> Answered | Pending | Unanswered | Ended:
    run = await find_operation(world, planned, fresh=fresh)
    if run is None:
        run = (await world.journal.create_run(planned)).run
    known = answer_of(world, run, was_there=True)
    if known is not None:
        return known
    if in_batch(_step(world.journal, run)):
        return await fetch_batch(world, run)
    drive = await _claim(world, run)
    try:
        return await drive.submit(way, batches, price)
    finally:
        await world.journal.release(run)


async def fetch_batch(world: World, run: str) -> Answered | Pending | Ended:
    """Look whether a batch has ended, and book its answer or give its money back.

    Raises OwnedElsewhere while another process does that, and AnswerAway or NotAccepted where nothing could be learnt.
    """
    drive = await _claim(world, run)
    try:
        known = answer_of(world, run, was_there=True)
        return known if known is not None else await drive.fetch()
    finally:
        await world.journal.release(run)


async def cancel_batch(world: World, run: str) -> Answered | Pending | Ended:
    """End a batch at its provider, because nobody wants its answer any more: what was done is booked, the rest is free.

    Raises OwnedElsewhere while another process looks after it, and BadInput where its provider is in no setting any
    more or where nothing could be learnt now; then it stays as it is.
    """
    drive = await _claim(world, run)
    try:
        return await drive.fetch(cancels=True)
    except ProviderError as error:
        raise BadInput(f"{error}. The batch stays as it is and its money held: stop it later") from error
    finally:
        await world.journal.release(run)


async def _claim(world: World, run: str) -> _Drive:
    claimed = await world.journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} is looked after in another window ({claimed.owner}): wait for it")
    return _Drive(world, claimed.run, claimed.epoch)


class _Drive:
    def __init__(self, world: World, run: RunRecord, epoch: int) -> None:
        self._world = world
        self._run = run
        self._epoch = epoch
        self._events = Events(world, run.run)
        self._books = Books(world, run, epoch, self._events)

    async def submit(self, way: Way, batches: Batches, price: Price) -> Pending | Unanswered:
        world, run = self._world, self._run
        if not world.trusted():
            return Unanswered(run=run.run, reason=DISTRUSTED.reason, detail=DISTRUSTED.detail)
        try:
            allowed = allowed_ways(world, run)
        except PauseNow as stays:
            return await self._unanswered(stays.paused.reason, stays.paused.detail)
        if way not in allowed:
            detail = "Nothing was sent: this request stays on this machine (local_only). Leave --batch out."
            return await self._unanswered("local_only", detail)
        step = _step(world.journal, run.run)
        number = 1 if step is None else step.attempt + 1
        day = day_of(world)
        limits = limits_of(run, world)
        sized = size_request(run, (), way=way, counter=world.counter, journal=world.journal, price=price, limits=limits)
        custom_id = f"{run.run}-{number}"
        granted = await world.journal.begin_request(
            run=run.run,
            epoch=self._epoch,
            key=_KEY,
            n=request_order(1),
            attempt=number,
            intent={
                "provider": way.provider.name,
                "model": way.model,
                **facts_of(sized, way, world.counter),
                "day": day.key,
                **Focus().as_dict(),
                "batch": {"custom_id": custom_id},
            },
            body=sized.body,
            body_sha256=hashlib.sha256(sized.body).hexdigest(),
            prompt_sha256=hashlib.sha256(run.first_request.encode("utf-8", "replace")).hexdigest(),
            hold_pico=sized.hold_pico,
            limits=limits,
            day=day,
        )
        if isinstance(granted, RefusedByBudget):
            return await self._unanswered("budget", refusal_text(granted, sized.least_pico))
        try:
            seen = await batches.submit(custom_id=custom_id, body=sized.body)
        except NotAccepted as error:
            await world.journal.release_request(
                run=run.run, epoch=self._epoch, key=_KEY, attempt=number, why=str(error)
            )
            await self._events.tell("request_refused", n=1, attempt=number, message=str(error))
            return await self._unanswered("provider", f"{error}.")
        except AnswerCut as error:
            detail = f"{error}: it is not known whether the batch was made. Its money stays held until that is known."
            return await self._pending(None, detail)
        await self._events.tell(
            "batch_submitted",
            attempt=number,
            batch=seen.batch,
            custom_id=custom_id,
            model=way.model,
            expires_at=seen.expires_at,
            at_most_usd=usd_text(sized.hold_pico),
        )
        return await self._pending(seen, _waits(way, batches, seen))

    async def _cancelled(self, batches: Batches, batch: str) -> BatchSeen:
        """The batch a moment after its end was asked for: it has mostly come by then."""
        seen = await batches.cancel(batch)
        for _ in range(_LOOKS_FOR_END):
            if seen.ended:
                break
            await self._world.clock.sleep(_LOOK_AGAIN_S)
            seen = await batches.look(batch)
        return seen

    async def fetch(self, *, cancels: bool = False) -> Answered | Pending | Ended:
        world, run = self._world, self._run
        step = _step(world.journal, run.run)
        if step is None or not in_batch(step):
            raise BadInput(f"{run.run} waits for no batch: there is nothing to fetch")
        way = world.way_to(target_of_step(step, run))
        if way is None:
            raise BadInput(f"the provider of {run.run} is in no setting any more: add it again to fetch the batch")
        batches = batches_of(way)
        custom_id = str(step.intent["batch"]["custom_id"])
        known = self._submitted(step.attempt)
        if known is None:
            return await self._look_for(way, batches, step, custom_id)
        try:
            seen = await (self._cancelled(batches, known) if cancels else batches.look(known))
            if not seen.ended:
                told = _ends(way, seen) if cancels else _waits(way, batches, seen)
                return await self._pending(seen, told)
            return await self._take(way, step, seen, await batches.result(known, custom_id=custom_id, model=way.model))
        except NotAccepted as error:
            if error.status not in (404, 410):
                raise
            return await self._gone(way, step, known)

    async def _look_for(
        self, way: Way, batches: Batches, step: StepRecord, custom_id: str
    ) -> Answered | Pending | Ended:
        """No batch is known for the intent: look through those that the provider has made since."""
        clock = self._world.clock
        begun_s = -clock.seconds_until(step.started_at)
        under_way = 0
        for seen in await batches.since(clock.utc_in(-begun_s - _CLOCKS_DIFFER_S)):
            if not seen.ended:
                under_way += 1
                continue
            found = await batches.result(seen.batch, custom_id=custom_id, model=way.model)
            if not isinstance(found, NoAnswer) or found.why != "missing":
                return await self._take(way, step, seen, found)
        if under_way:
            detail = (
                f"It is not known yet whether {way.provider.name} took it: {under_way} batches of that time have not "
                "ended, and which requests they hold is told at their end. Nothing is sent again before."
            )
            return await self._pending(None, detail)
        if begun_s < _SURE_AFTER_S:
            detail = (
                f"It is not known yet whether {way.provider.name} took it: no batch of it is listed, and one that was "
                f"just made might not be. In {_SURE_AFTER_S - begun_s:.0f} s that is certain."
            )
            return await self._pending(None, detail)
        return await self._release(step, None, "not_taken", f"{way.provider.name} never took it.")

    async def _take(
        self, way: Way, step: StepRecord, seen: BatchSeen, found: ModelReply | NoAnswer
    ) -> Answered | Ended:
        world, run = self._world, self._run
        if isinstance(found, NoAnswer):
            return await self._release(step, seen.batch, found.why, f"{found.message}.")
        await self._books.settle(self._attempt(way, step), found, seconds_run=run.seconds_run)
        await self._ended(step, seen.batch, "succeeded", None)
        answered = answer_of(world, run.run)
        if answered is None:  # pragma: no cover - it was settled a moment ago
            raise AnswerAway(f"the answer of {run.run} is not in the journal")
        await finish(world, run.run, self._epoch, answered)
        return answered

    async def _release(self, step: StepRecord, batch: str | None, outcome: str, why: str) -> Ended:
        await self._world.journal.release_request(
            run=self._run.run, epoch=self._epoch, key=_KEY, attempt=step.attempt, why=why
        )
        await self._ended(step, batch, outcome, why)
        detail = f"{why} Nothing is owed, and the money that was held is free again. The same command asks anew."
        await self._state("failed", outcome, detail)
        return Ended(run=self._run.run, outcome=outcome, detail=detail)

    async def _gone(self, way: Way, step: StepRecord, batch: str) -> Ended:
        """The provider has forgotten the batch: what it billed cannot be learnt any more."""
        await self._books.settle_cut(self._attempt(way, step), batch, seconds_run=self._run.seconds_run)
        why = f"{way.provider.name} no longer has the batch {batch}, so what it cost is not known"
        await self._ended(step, batch, "gone", why)
        detail = f"{why}: at most ${usd_text(step.hold_pico)}. The same command asks anew."
        await self._state("failed", "gone", detail)
        return Ended(run=self._run.run, outcome="gone", detail=detail)

    def _attempt(self, way: Way, step: StepRecord) -> Attempt:
        prices = self._world.prices
        price = prices.batch_price(provider=way.provider.name, model=way.model, at=step.started_at)
        prompt = hashlib.sha256(self._run.first_request.encode("utf-8", "replace")).hexdigest()
        attempt = attempt_of(step, n=1, target=way.target, price=price, prompt_sha256=prompt)
        return replace(attempt, batch=True)

    def _submitted(self, attempt: int) -> str | None:
        for each in reversed(self._world.journal.events(run=self._run.run)):
            if each.kind == "batch_submitted" and each.data.get("attempt") == attempt:
                return str(each.data["batch"])
        return None

    async def _ended(self, step: StepRecord, batch: str | None, outcome: str, why: str | None) -> None:
        await self._events.tell("batch_ended", attempt=step.attempt, batch=batch, outcome=outcome, message=why)

    async def _pending(self, seen: BatchSeen | None, detail: str) -> Pending:
        await self._state("paused", "batch", detail)
        return Pending(run=self._run.run, batch=None if seen is None else seen.batch, detail=detail)

    async def _unanswered(self, reason: str, detail: str) -> Unanswered:
        await self._state("paused", reason, detail)
        return Unanswered(run=self._run.run, reason=reason, detail=detail)

    async def _state(self, state: RunState, reason: str, detail: str) -> None:
        await self._world.journal.set_state(
            run=self._run.run, epoch=self._epoch, state=state, reason=reason, detail=detail
        )


def _ends(way: Way, seen: BatchSeen) -> str:
    return (
        f"{way.provider.name} was told to cancel {seen.batch} and has not ended it yet. 'bursar review --fetch' or an "
        "open editor books what it did by then; the rest of what is held is free again after that."
    )


def _waits(way: Way, batches: Batches, seen: BatchSeen) -> str:
    until = f", until {seen.expires_at} at the latest" if seen.expires_at else ""
    return (
        f"{way.provider.name} has it as {seen.batch}: the answer may take {batches.delay}, in the provider's own "
        f"words{until}. 'bursar review --fetch' fetches it, and so does every open editor."
    )


def _step(journal: Journal, run: str) -> StepRecord | None:
    return next((each for each in journal.steps(run) if each.key == _KEY), None)


def learnt_nothing(error: ProviderError) -> str:
    """What is said where a look at a batch failed."""
    return f"{error}. The batch stays as it is; fetch it later."
