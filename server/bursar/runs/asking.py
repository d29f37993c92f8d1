"""One request to the model as a guarded step: reserve and record, send, settle; never paid twice once it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from bursar.domain.conversation import Accepted, Block, Message, ModelReply, StreamEvent
from bursar.domain.errors import AnswerAway, AnswerCut, NotAccepted, QuotaExhausted, Unreachable
from bursar.domain.money.budget import RefusedByBudget, Scope
from bursar.domain.money.figures import money
from bursar.domain.money.price import Unpriced, usd_text
from bursar.domain.ports import ModelProvider
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.booking import Attempt, Books, attempt_of, target_of_step
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.fold import request_key, request_order
from bursar.runs.sizing import limits_of, size_request
from bursar.runs.waiting import PASSES_BY_ITSELF, Patience, StopAsked
from bursar.runs.world import DISTRUSTED, Paused, PauseNow, Way, World


class Requests:
    """Sends the requests of one run under one epoch, one at a time."""

    def __init__(self, world: World, run: RunRecord, epoch: int, events: Events) -> None:
        self._world = world
        self._run = run
        self._epoch = epoch
        self._events = events
        self._books = Books(world, run, epoch, events)
        self._prompt_sha256 = hashlib.sha256(run.first_request.encode("utf-8", "replace")).hexdigest()
        self._seconds_run = run.seconds_run
        self._read_from_cache = 0
        self._patience = Patience(world, run.run, epoch, events)

    async def ask(
        self,
        n: int,
        later: Sequence[Message],
        step: StepRecord | None,
        focus: Focus,
        *,
        kept: Sequence[list[dict[str, Any]]] = (),
        seconds_run: float,
    ) -> Paused | None:
        """Get answer ``n`` into the journal; a value says why the run must pause instead.

        A step that was begun by a process that died is taken up first: a whole answer that it had read is settled
        from its kept bytes, and one that the provider kept is fetched; anything else is booked as "at most" and asked
        again as a new attempt. Without a value and without the answer the journal says more than before: decide anew.

        ``kept`` is what arrived of earlier answers that broke off; ``later`` tells the model of it.
        """
        self._seconds_run = seconds_run
        self._kept = kept
        self._paced = False
        self._patience = Patience(self._world, self._run.run, self._epoch, self._events)
        # What may have been billed is repeated once at most, and never unasked where somebody had asked for a repeat.
        self._repeated = step is not None and step.request_id is not None
        begin_at = 1 if step is None else step.attempt + 1
        try:
            if step is not None and step.status == "intent" and await self._take_up(n, step):
                return None
            async for each in self._patience.attempts(*PASSES_BY_ITSELF):
                with each:
                    await self._once(n, later, begin_at + each.retry_state.attempt_number - 1, focus)
        except PauseNow as pause:
            return pause.paused
        except StopAsked:
            return None
        except PASSES_BY_ITSELF as error:
            return self._patience.given_up(error)
        except QuotaExhausted as error:
            return Paused(reason="limit", detail=f"{error}. It was asked for once and is not owed. Resume after that.")
        except AnswerAway as error:
            return Paused(
                reason="provider", detail=f"{error}. It stays held; resume fetches it, and pays nothing twice."
            )
        except NotAccepted as error:
            return Paused(reason="provider", detail=str(error))
        return None

    async def take_up(self, n: int, step: StepRecord) -> bool:
        """Settle what was in flight for request ``n``, without asking again; whether the journal now holds its answer,
        or a part of it.

        Raises AnswerAway where that cannot be told now.
        """
        return await self._take_up(n, step)

    async def _once(self, n: int, later: Sequence[Message], number: int, focus: Focus) -> None:
        world, run, key = self._world, self._run, request_key(n)
        if not world.trusted():
            raise PauseNow(DISTRUSTED)
        way = world.chain_for(run.model)[0]
        target = way.target
        price = world.prices.price(provider=target.provider, model=target.model, at=world.clock.now_utc())
        day = Scope(kind="day", key=world.clock.local_day())
        limits = limits_of(run, day=day, day_limit=world.day_limit())
        if isinstance(price, Unpriced) and limits:
            raise PauseNow(Paused(reason="budget", detail=f"No price is known for {price.model}. {price.why}"))
        sized = size_request(
            run,
            later,
            way=way,
            counter=world.counter,
            journal=world.journal,
            price=price,
            limits=limits,
        )
        if not self._paced:
            self._paced = True
            cached = self._read_from_cache
            if await self._patience.keep_pace(target.provider, input_tokens=sized.counted_tokens, cached_tokens=cached):
                # The day, the limits and what is left of them may be others by now.
                return await self._once(n, later, number, focus)
        attempt = Attempt(
            n=n,
            key=key,
            number=number,
            target=target,
            hold_pico=sized.hold_pico,
            local_day=day.key,
            body_sha256=hashlib.sha256(sized.body).hexdigest(),
            prompt_sha256=self._prompt_sha256,
            counted_tokens=sized.counted_tokens,
            price=price,
            focus=focus,
        )
        granted = await world.journal.begin_request(
            run=run.run,
            epoch=self._epoch,
            key=key,
            n=request_order(n),
            attempt=number,
            intent={
                "provider": target.provider,
                "model": target.model,
                "counted_tokens": sized.counted_tokens,
                "max_tokens": sized.max_tokens,
                "day": day.key,
                **focus.as_dict(),
                **({"kept": list(self._kept)} if self._kept else {}),
            },
            body=sized.body,
            body_sha256=attempt.body_sha256,
            prompt_sha256=self._prompt_sha256,
            hold_pico=sized.hold_pico,
            limits=limits,
            day=day,
        )
        if isinstance(granted, RefusedByBudget):
            raise PauseNow(Paused(reason="budget", detail=refusal_text(granted)))
        await self._events.tell(
            "request_started",
            n=n,
            attempt=number,
            provider=target.provider,
            model=target.model,
            counted_tokens=sized.counted_tokens,
            at_most_usd=usd_text(sized.hold_pico),
        )
        await self._send(sized.body, attempt, way)

    async def _send(self, body: bytes, attempt: Attempt, way: Way) -> None:
        world, run = self._world, self._run
        listener = _Listener(world, run.run, attempt, self._events)
        try:
            world.failpoint("before_send")
            reply = await self._answer(body, attempt, way.provider, listener)
            world.failpoint("answer_read")
        except NotAccepted as error:
            await world.journal.release_request(
                run=run.run, epoch=self._epoch, key=attempt.key, attempt=attempt.number, why=str(error)
            )
            await self._events.tell("request_refused", n=attempt.n, attempt=attempt.number, message=str(error))
            raise
        except AnswerCut as error:
            usable = self._usable(attempt, way.provider)
            await self._books.settle_cut(
                attempt,
                error.request_id or listener.request_id,
                seconds_run=self._seconds_run,
                kept=usable,
                owed=error.owed,
            )
            if error.text_seen or self._repeated:
                bound = "" if error.owed else f" It may be billed, at most {money(attempt.hold_pico)}."
                then = "goes on from what arrived" if usable else "asks again"
                detail = f"{error}.{bound} Resume {then}."
                raise PauseNow(Paused(reason="cut", detail=detail)) from error
            self._repeated = True
            raise Unreachable(f"{error} (nothing of the answer had arrived)", request_id=error.request_id) from error
        self._read_from_cache = 0 if reply.usage is None else reply.usage.cache_read
        await self._books.settle(attempt, reply, seconds_run=self._seconds_run)

    async def _answer(self, body: bytes, attempt: Attempt, provider: ModelProvider, listener: _Listener) -> ModelReply:
        """The answer to a request; one that breaks off is fetched where the provider goes on with it."""
        spool = self._world.spool
        try:
            return await provider.send(body, on_stream=listener, keep=spool.keep)
        except AnswerCut:
            kept = spool.read(run=self._run.run, key=attempt.key, attempt=attempt.number)
            if kept is None or not provider.can_reattach:
                raise
        return await self._rejoin(*kept, attempt=attempt, provider=provider)

    async def _rejoin(self, request_id: str, kept: bytes, *, attempt: Attempt, provider: ModelProvider) -> ModelReply:
        """Fetch the answer that these bytes begin. Raises AnswerAway once trying again has not helped either."""
        world, run = self._world, self._run
        async for each in self._patience.attempts(AnswerAway):
            with each:
                world.spool.go_on(run=run.run, key=attempt.key, attempt=attempt.number)
                return await provider.reattach(
                    kept,
                    request_id=request_id,
                    model=attempt.target.model,
                    on_stream=_Listener(world, run.run, attempt, self._events),
                    keep=world.spool.keep,
                )
            # What this try has fetched is not fetched by the next one.
            kept = (world.spool.read(run=run.run, key=attempt.key, attempt=attempt.number) or (request_id, kept))[1]
        raise AssertionError("it is raised by what gives up")

    async def settle_in_flight(self, step: StepRecord) -> None:
        """Book what a dead process had in flight for this step. Raises AnswerAway where it cannot be fetched now."""
        await self._take_up(int(step.key[1:]), step)

    async def settle_for_good(self) -> None:
        """Book what a dead process had in flight, because the run ends here and nobody asks again.

        What cannot be fetched now is booked as "at most" what was held for it.
        """
        for step in self._world.journal.steps(self._run.run):
            if step.kind != "model" or step.status != "intent":
                continue
            try:
                await self.settle_in_flight(step)
            except (AnswerAway, PauseNow, StopAsked):
                attempt = self._in_flight(int(step.key[1:]), step)
                kept = self._world.spool.read(run=self._run.run, key=step.key, attempt=step.attempt)
                await self._books.settle_cut(attempt, None if kept is None else kept[0], seconds_run=self._seconds_run)

    def _in_flight(self, n: int, step: StepRecord) -> Attempt:
        """The attempt that a dead process had in flight, at its own target and the price of its time."""
        target = target_of_step(step, self._run)
        price = self._world.prices.price(provider=target.provider, model=target.model, at=step.started_at)
        return attempt_of(step, n=n, target=target, price=price, prompt_sha256=self._prompt_sha256)

    async def _take_up(self, n: int, step: StepRecord) -> bool:
        """Settle what a dead process had in flight; True when the journal now holds its answer, or a part of it."""
        world, run = self._world, self._run
        attempt = self._in_flight(n, step)
        target = attempt.target
        way = world.way_to(target)
        kept = world.spool.read(run=run.run, key=step.key, attempt=step.attempt)
        self._repeated = True
        if kept is None or way is None:
            # Without its provider nobody can read what is kept of the answer.
            await self._books.settle_cut(attempt, step.request_id, seconds_run=self._seconds_run)
            return False
        request_id, data = kept
        try:
            if way.provider.can_reattach:
                reply = await self._rejoin(request_id, data, attempt=attempt, provider=way.provider)
            else:
                reply = way.provider.reply_from(data, request_id=request_id, model=target.model)
        except (AnswerCut, NotAccepted) as error:
            usable = self._usable(attempt, way.provider)
            await self._books.settle_cut(
                attempt,
                request_id,
                seconds_run=self._seconds_run,
                kept=usable,
                owed=error.owed if isinstance(error, AnswerCut) else None,
            )
            return bool(usable)
        await self._books.settle(attempt, reply, seconds_run=self._seconds_run)
        return True

    def _usable(self, attempt: Attempt, provider: ModelProvider) -> tuple[Block, ...]:
        kept = self._world.spool.read(run=self._run.run, key=attempt.key, attempt=attempt.number)
        return () if kept is None else provider.kept_from(kept[1])


def refusal_text(refused: RefusedByBudget) -> str:
    """What a denied reservation tells the user."""
    this_run = refused.scope.kind == "run"
    raise_it = "--max or 'bursar budget set run'" if this_run else "'bursar budget set day'"
    return (
        f"The next request may take up to {_amount(refused, refused.wanted)}, and of the"
        f" {_amount(refused, refused.limit)} for {'this run' if this_run else 'today'}"
        f" {_amount(refused, refused.taken)} is spent or held. Nothing was sent."
        f" Raise the limit with {raise_it} (Set Budget in the editor), then resume."
    )


def _amount(refused: RefusedByBudget, value: int) -> str:
    return money(value) if refused.unit == "usd" else f"{value:,} {refused.unit}"


class _Listener:
    """Hears the stream of one attempt: keeps the request id at once, passes signs of life on."""

    def __init__(self, world: World, run: str, attempt: Attempt, events: Events) -> None:
        self._world = world
        self._run = run
        self._attempt = attempt
        self._events = events
        self._told_first = False
        self.request_id: str | None = None

    def __call__(self, event: StreamEvent, /) -> None:
        if isinstance(event, Accepted):
            self.request_id = event.request_id
            self._world.pace.heard(self._attempt.target.provider, event.windows)
            self._world.spool.start(
                run=self._run, key=self._attempt.key, attempt=self._attempt.number, request_id=event.request_id
            )
            self._world.failpoint("first_byte")
            self._events.pass_on("request_accepted", n=self._attempt.n, request_id=event.request_id)
            return
        kind = "request_progress" if self._told_first else "request_first_token"
        self._told_first = True
        self._world.failpoint("mid_stream")
        self._events.pass_on(kind, n=self._attempt.n, chars=event.chars)
