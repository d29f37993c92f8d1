"""One request to the model as a guarded step: reserve and record, send, settle; never paid twice once it ended."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bursar.domain.conversation import Message
from bursar.domain.errors import (
    AnswerAway,
    AnswerCut,
    NotAccepted,
    ProviderError,
    Unreachable,
    WindowExceeded,
)
from bursar.domain.failover import move_after
from bursar.domain.money.budget import RefusedByBudget
from bursar.domain.money.figures import money
from bursar.domain.money.price import Unpriced, usd_text
from bursar.domain.pacing import retry_wait_s
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.answering import Answers
from bursar.runs.booking import Attempt, Books, attempt_of, target_of_step
from bursar.runs.choosing import Choice, Elsewhere, Known
from bursar.runs.events import Events
from bursar.runs.exceeding import Teaching
from bursar.runs.focus import Focus
from bursar.runs.fold import request_key, request_order
from bursar.runs.listening import Listener
from bursar.runs.modes import Modes
from bursar.runs.planning import Planned, Plans, paused_by_budget
from bursar.runs.shapes import FULL, Shapes
from bursar.runs.sizing import facts_of
from bursar.runs.staying import allowed_ways
from bursar.runs.stopping import give_up
from bursar.runs.waiting import PASSES_BY_ITSELF, Patience
from bursar.runs.wishes import StopAsked, stop_is_asked, unless_stopped
from bursar.runs.world import DISTRUSTED, Paused, PauseNow, Way, World


class GoOn(Exception):
    """Unwinds to the loop of the run: the journal holds a part of the answer, the rest is asked of another target."""


class Requests:
    """Sends the requests of one run under one epoch, one at a time.

    ``about`` is the run whose conversation is sent, where that is another one.
    """

    def __init__(
        self, world: World, run: RunRecord, epoch: int, events: Events, *, about: RunRecord | None = None
    ) -> None:
        self._about = about
        self._world = world
        self._modes = Modes()
        self._shapes = FULL
        self._run = run
        self._epoch = epoch
        self._events = events
        self._books = Books(world, run, epoch, events)
        self._prompt_sha256 = hashlib.sha256(run.first_request.encode("utf-8", "replace")).hexdigest()
        self._seconds_run = run.seconds_run
        self._read_from_cache = 0
        self._plans = Plans(world, run, terse=False, about=about)
        self._answers = Answers(world, run.run, events)
        self._teaching = Teaching(world, run, events)
        self._known = Known()
        self._choice: Choice | None = None
        self._patience = Patience(world, run.run, epoch, events)

    def go(self, world: World, modes: Modes, shapes: Shapes = FULL) -> None:
        """Make the next requests in this mode: ``world``: whom they may ask, ``shapes``: how what was sent stands."""
        self._world = world
        self._modes = modes
        self._shapes = shapes
        self._plans = Plans(world, self._run, terse=modes.terse_fields, shapes=shapes, about=self._about)

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
        # What may have been billed is repeated once at most, and never unasked where somebody had asked for a repeat.
        self._repeated = step is not None and step.request_id is not None
        begin_at = 1 if step is None else step.attempt + 1
        self._patience = Patience(self._world, self._run.run, self._epoch, self._events, sent_before=self._sent_for(n))
        try:
            if step is not None and step.status == "intent" and await self._take_up(n, step):
                return None
            choice = self._choice_for(n)
            async for each in self._patience.attempts(*PASSES_BY_ITSELF, Elsewhere):
                with each:
                    await self._once(n, later, begin_at + each.retry_state.attempt_number - 1, focus, choice)
        except PauseNow as pause:
            return self._and_the_others(pause.paused)
        except (StopAsked, GoOn):
            return None
        except Elsewhere as elsewhere:
            return self._and_the_others(self._patience.paused_by(elsewhere.failure))
        except (NotAccepted, AnswerAway) as error:
            return self._and_the_others(self._patience.paused_by(error))
        return None

    def _and_the_others(self, paused: Paused) -> Paused:
        return paused if self._choice is None else self._choice.pausing(paused)

    def _sent_for(self, n: int) -> int:
        return self._choice.sent if self._choice is not None and self._choice.n == n else 0

    def _choice_for(self, n: int) -> Choice:
        """The ways for request ``n``; what was learnt of them at an earlier attempt at it holds on.

        Raises PauseNow where it must stay on this machine, and no model is here.
        """
        sent = self._sent_for(n)
        chain, before = allowed_ways(self._world, self._run), self._choice
        if before is not None and (before.n, before.chain) == (n, chain):
            return before
        ways = self._world.ways
        if self._known.last is None:
            answered = [each for each in self._world.journal.steps(self._run.run) if each.key == request_key(n - 1)]
            self._known.last = target_of_step(answered[0], self._run) if answered else None
        self._choice = Choice(self._world, n, chain, self._known, sticks=ways is not None and ways.route.balance)
        self._choice.sent = sent
        return self._choice

    async def take_up(self, n: int, step: StepRecord) -> bool:
        """Settle what was in flight for request ``n``, without asking again; whether the journal now holds its answer,
        or a part of it. Of a run that was to end for good nothing more is fetched: it is ended at its provider.

        Raises AnswerAway where that cannot be told now.
        """
        world, run = self._world, self._run
        if not stop_is_asked(world, run.run):
            with contextlib.suppress(StopAsked):
                return await self._take_up(n, step)
        return await give_up(world, run, step, self._books, seconds_run=self._seconds_run)

    async def _once(self, n: int, later: Sequence[Message], number: int, focus: Focus, choice: Choice) -> None:
        """Ask whoever can be asked now, once. Raises what it came to where that is no answer."""
        while True:
            if not self._world.trusted():
                raise PauseNow(DISTRUSTED)
            way = await choice.next(self._patience)
            with self._world.circuits.taken(way.target):
                for resting, why in choice.skipped(way):
                    await self._tell_passed_over(n, resting, why)
                planned = self._plans.plan(way, later, check_window=choice.has_others)
                if isinstance(planned, Paused):
                    if not choice.pass_over(way, planned.detail):
                        raise PauseNow(planned)
                    await self._tell_passed_over(n, way, planned.detail)
                elif (
                    self._paced or not await self._keep_pace(way, planned, later, choice)
                ) and await self._reserve_and_send(n, number, way, planned, later, focus, choice):
                    return
            # The day, the limits and what is left of them may be others by now.

    async def _reserve_and_send(
        self,
        n: int,
        number: int,
        way: Way,
        planned: Planned,
        later: Sequence[Message],
        focus: Focus,
        choice: Choice,
    ) -> bool:
        """Ask for it once; False where nothing was sent, and it is to be planned anew: held money comes back."""
        world, run = self._world, self._run
        sized, target, day = planned.sized, way.target, planned.day
        attempt = Attempt(
            n=n,
            key=request_key(n),
            number=number,
            target=target,
            hold_pico=sized.hold_pico,
            local_day=day.key,
            body_sha256=hashlib.sha256(sized.body).hexdigest(),
            prompt_sha256=self._prompt_sha256,
            counted_tokens=sized.counted_tokens,
            price=planned.price,
            focus=focus,
            max_tokens=sized.max_tokens,
        )
        granted = await world.journal.begin_request(
            run=run.run,
            epoch=self._epoch,
            key=attempt.key,
            n=request_order(n),
            attempt=number,
            intent={
                "provider": target.provider,
                "model": target.model,
                "effort": "terse" if self._modes.terse else "normal",
                **facts_of(sized, way, world.counter),
                "day": day.key,
                **focus.as_dict(),
                **({"kept": list(self._kept)} if self._kept else {}),
                **({"shapes": shaped} if (shaped := self._shapes.of_sent(n)) else {}),
            },
            body=sized.body,
            body_sha256=attempt.body_sha256,
            prompt_sha256=self._prompt_sha256,
            hold_pico=sized.hold_pico,
            limits=planned.limits,
            day=day,
        )
        if isinstance(granted, RefusedByBudget):
            if await self._patience.give_way(granted):
                return False
            raise PauseNow(paused_by_budget(granted, sized))
        attempt = replace(attempt, local_day=granted.local_day)
        await self._events.tell(
            "request_started",
            n=n,
            attempt=number,
            provider=target.provider,
            model=target.model,
            counted_tokens=sized.counted_tokens,
            at_most_usd=usd_text(sized.hold_pico),
        )
        choice.sent += 1
        self._known.asked(target)
        await self._send(sized.body, attempt, way, later, choice)
        return True

    async def _keep_pace(self, way: Way, planned: Planned, later: Sequence[Message], choice: Choice) -> bool:
        """Wait for a limit that this request would reach, or pass over to another target; whether to plan anew."""
        target, sized = way.target, planned.sized
        cached = self._read_from_cache if target == self._known.last else 0
        short = self._patience.short(target, input_tokens=sized.counted_tokens, cached_tokens=cached)
        if short is None:
            return False
        window, seconds = short
        is_long = choice.sticks or seconds > self._world.ceilings.elsewhere_s
        fits = partial(self._plans.why_not, later=later)
        if is_long and choice.other(way, of_another_provider=False, fits=fits):
            kind = window.kind.replace("_", " ")
            why = f"of its {window.limit:,} {kind}, {window.remaining:,} are left for now"
            choice.pass_over(way, why)
            await self._tell_passed_over(choice.n, way, why)
            return True
        self._paced = True
        return await self._patience.keep_pace(target, window, seconds)

    async def _tell_passed_over(self, n: int, way: Way, why: str) -> None:
        if self._known.is_news(way.target, why):
            await self._events.tell("passed_over", n=n, provider=way.target.provider, model=way.target.model, why=why)

    async def _go_elsewhere(self, error: ProviderError, way: Way, later: Sequence[Message], choice: Choice) -> bool:
        """Whether another target is asked after this failure; then everybody is told which, why and at what price."""
        ceilings, clock, target = self._world.ceilings, self._world.clock, way.target
        move = move_after(error, in_a_row=self._patience.in_a_row + 1, most_wait_s=ceilings.elsewhere_s)
        if move in ("again", "nobody") or not choice.has_others or choice.sent >= ceilings.attempts:
            return False
        if move == "other_provider":
            self._known.refused[target.provider] = self._world.learnt.refused[target.provider] = str(error)
        asked_s = getattr(error, "retry_after_s", None)
        if asked_s is not None and asked_s > ceilings.elsewhere_s:
            rests_s = retry_wait_s(failures=1, asked_s=asked_s, share=self._world.jitter.share())
            self._world.learnt.until_s[target] = clock.monotonic_s() + rests_s, str(error)
        fits = partial(self._plans.why_not, later=later)
        other = choice.other(way, of_another_provider=move == "other_provider", fits=fits)
        planned = None if other is None else self._plans.plan(other, later, check_window=True)
        if other is None or not isinstance(planned, Planned):
            return False
        if move == "elsewhere":
            choice.pass_over(way, str(error))
        rates = None if isinstance(planned.price, Unpriced) else planned.price.rates.as_dict()
        await self._events.tell(
            "switched",
            n=choice.n,
            provider=other.target.provider,
            model=other.target.model,
            instead_of=str(target),
            why=str(error),
            unit_prices=rates,
            at_most_usd=usd_text(planned.sized.hold_pico),
        )
        self._patience.elsewhere()
        self._paced = False
        return True

    async def _send(self, body: bytes, attempt: Attempt, way: Way, later: Sequence[Message], choice: Choice) -> None:
        world, run = self._world, self._run
        listener = Listener(world, run.run, attempt, self._events)
        try:
            world.failpoint("before_send")
            with world.circuits.hearing(way.target, world.clock):
                getting = self._answers.get(body, attempt, way.provider, listener, self._patience)
                reply = await unless_stopped(world, run.run, getting)
            world.failpoint("answer_read")
        except NotAccepted as error:
            await self._books.give_back(attempt, error)
            if isinstance(error, WindowExceeded):
                paused = await self._teaching.exceeded(attempt, error)
                if not choice.pass_over(way, str(error)):
                    raise PauseNow(paused) from error
                await self._tell_passed_over(attempt.n, way, str(error))
                raise Elsewhere(error) from error
            if await self._go_elsewhere(error, way, later, choice):
                raise Elsewhere(error) from error
            raise
        except AnswerCut as error:
            usable = self._answers.usable(attempt, way.provider)
            at_most_pico = await self._books.settle_cut(
                attempt,
                error.request_id or listener.request_id,
                seconds_run=self._seconds_run,
                kept=usable,
                owed=error.owed,
                so_far=error.so_far,
            )
            if error.text_seen and usable and await self._go_elsewhere(error, way, later, choice):
                # It is no repeat: the other target is given what arrived, and goes on from there.
                raise GoOn from error
            if error.text_seen or self._repeated:
                bound = "" if error.owed else f" It may be billed, at most {money(at_most_pico)}."
                then = "goes on from what arrived" if usable else "asks again"
                detail = f"{error}.{bound} Resume {then}."
                raise PauseNow(Paused(reason="cut", detail=detail)) from error
            self._repeated = True
            nothing = Unreachable(f"{error} (nothing of the answer had arrived)", request_id=error.request_id)
            if await self._go_elsewhere(error, way, later, choice):
                raise Elsewhere(nothing) from error
            raise nothing from error
        self._known.last = way.target
        world.learnt.refused.pop(way.target.provider, None)
        self._read_from_cache = 0 if reply.usage is None else reply.usage.cache_read
        await self._books.settle(attempt, reply, seconds_run=self._seconds_run)
        await self._teaching.read(attempt, way, reply.usage)

    async def settle_in_flight(self, step: StepRecord) -> None:
        """Book what a dead process had in flight for this step. Raises AnswerAway where it cannot be fetched now."""
        await self.take_up(int(step.key[1:]), step)

    async def _take_up(self, n: int, step: StepRecord) -> bool:
        """Settle what a dead process had in flight; True when the journal now holds its answer, or a part of it."""
        world, run = self._world, self._run
        target = target_of_step(step, run)
        price = world.prices.price(provider=target.provider, model=target.model, at=step.started_at)
        attempt = attempt_of(step, n=n, target=target, price=price, prompt_sha256=self._prompt_sha256)
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
                rejoining = self._answers.rejoin(
                    request_id, data, attempt=attempt, provider=way.provider, patience=self._patience
                )
                reply = await unless_stopped(world, run.run, rejoining)
            else:
                reply = way.provider.reply_from(data, request_id=request_id, model=target.model)
        except (AnswerCut, NotAccepted) as error:
            usable = self._answers.usable(attempt, way.provider)
            await self._books.settle_cut(
                attempt,
                request_id,
                seconds_run=self._seconds_run,
                kept=usable,
                owed=error.owed if isinstance(error, AnswerCut) else None,
                so_far=error.so_far if isinstance(error, AnswerCut) else None,
            )
            return bool(usable)
        await self._books.settle(attempt, reply, seconds_run=self._seconds_run)
        return True
