"""Changes the model or the effort on the way: to the stronger model after failed checks, to economy near a limit.

A change is in the journal as an event before anything is asked under it, so that a resume stays with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bursar.domain.conversation import Message
from bursar.domain.moments import in_local_time
from bursar.domain.money.budget import Limit, level_of
from bursar.domain.money.figures import money
from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, first_sent, usd_text
from bursar.domain.money.scopes import scope_words
from bursar.domain.money.usage import Usage
from bursar.domain.pacing import nearly_used
from bursar.domain.routes import Route, target_of
from bursar.domain.runs import RunRecord, StepRecord
from bursar.domain.safety.show import question_for_economy, question_for_stronger
from bursar.runs.assemble import FirstRequest
from bursar.runs.events import Events
from bursar.runs.exceeding import known_window
from bursar.runs.fold import AskModel, failed_checks, next_act
from bursar.runs.here import here_of
from bursar.runs.modes import Modes
from bursar.runs.planning import wanted_of
from bursar.runs.shapes import shapes_of
from bursar.runs.sizing import Sized, limits_of, size_request
from bursar.runs.staying import why_it_stays
from bursar.runs.world import Paused, PauseNow, Way, Ways, World

_COLD = "another model's prompt cache is cold"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """The next request as it would go this way: its size, and its input's price when no cache helps."""

    sized: Sized
    input_pico: int | None

    @property
    def about(self) -> str:
        return _about(self.input_pico)

    @property
    def most(self) -> str:
        """What the whole request may cost, as the end of a clause; nothing without a price: unknown is not zero."""
        return "" if self.input_pico is None else f", at most {money(self.sized.hold_pico)} with the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheaper:
    """Another model that a refused request could be asked of, and the mode that it is asked in."""

    modes: Modes
    then: _Next
    way: Way
    is_economy: bool

    @property
    def label(self) -> str:
        """What is pressed to choose it."""
        return "Economy mode" if self.is_economy else f"Use {self.way.target}"

    @property
    def about(self) -> str:
        """What it means, as a sentence."""
        return f"{self.label} asks {self.way.target} for short answers instead: {self.then.about}{self.then.most}."


class Switches:
    """Decides about one run under one epoch; each thing is asked once as long as this object lives."""

    def __init__(self, world: World, run: RunRecord, events: Events) -> None:
        self._world = world
        self._run = run
        self._events = events
        self._first = FirstRequest.from_json(run.first_request)
        self._declined: set[str] = set()

    def world(self, modes: Modes) -> World:
        """The world of a request in this mode: whom it may ask, in which order."""
        world = self._world
        if modes.lead == "chain":
            return world
        # The stronger model has nobody behind it who could do what it is for; the economy one has the usual chain.
        behind = world.chain_for(self._run.model) if modes.lead == "economy" else ()
        lead = self._present(modes)
        chain = (lead, *(each for each in behind if each.target != lead.target))
        route = Route(chain=tuple(each.target for each in chain))
        if world.ways is not None:
            route = replace(world.ways.route, chain=route.chain, balance=False)
        return replace(world, ways=Ways(route=route, chain=chain))

    async def before(self, act: AskModel, steps: Sequence[StepRecord], modes: Modes) -> Modes:
        """The mode that the next request is made in. Raises PauseNow where the user must decide."""
        if act.step is not None and act.step.status == "intent":
            # Something is in flight: it is settled as it was sent.
            return modes
        failed = failed_checks(steps, since=modes.escalated_at or 1)
        if modes.escalated_at is None and failed >= self._world.ceilings.checks:
            return await self._escalate(act, steps, modes, failed)
        why = self._near_a_limit(modes)
        return modes if why is None else await self._economise(act, steps, modes, why, "near")

    def cheaper(self, act: AskModel, steps: Sequence[StepRecord], modes: Modes) -> Cheaper | None:
        """A model that every budget has room for where the one of now was refused: the route's economy model, else
        the next cheaper one of its chain."""
        world = self._world
        ways = world.ways
        if ways is None or modes.lead != "chain" or not self._may_economise(modes):
            return None
        present = self._present(modes)
        standings = world.journal.standings(self._all_limits())
        found = []
        for way in (ways.economy,) if ways.economy is not None else ways.chain:
            if way.target == present.target:
                continue
            new = modes.save(act.n, str(way.target), parts=len(act.kept))
            then = self._next(way, steps, new)
            fits = all(wanted_of(then.sized, each.unit) <= each.left for each in standings)
            if fits and self._problem(way, then.sized) is None:
                found.append(Cheaper(modes=new, then=then, way=way, is_economy=way == ways.economy))
        return min(found, key=lambda each: each.then.sized.hold_pico, default=None)

    async def take(self, act: AskModel, cheaper: Cheaper) -> Modes:
        """Go on with it from this request on."""
        then = cheaper.then
        await self._events.tell(
            "economy_on",
            n=act.n,
            parts=cheaper.modes.economy_parts,
            model=cheaper.modes.economy,
            counted_tokens=then.sized.counted_tokens,
            next_request_usd=None if then.input_pico is None else usd_text(then.input_pico),
            message=f"A budget has no room for the next request. {cheaper.about}",
        )
        return cheaper.modes

    async def _escalate(self, act: AskModel, steps: Sequence[StepRecord], modes: Modes, failed: int) -> Modes:
        way = None if self._world.ways is None else self._world.ways.stronger
        present = self._present(modes).target
        if way is None or way.target == present:
            return modes
        said = f"The task's check failed {failed} times"
        new = modes.escalate(act.n, str(way.target))
        then = self._next(way, steps, new)
        problem = self._problem(way, then.sized)
        if problem is not None:
            raise PauseNow(self._check_pause(f"{said}, and the stronger model {way.target} cannot be asked: {problem}"))
        message = (
            f"{said}: the stronger model {way.target} goes on. Its next request reads "
            f"{then.sized.counted_tokens:,} tokens anew ({_COLD}): {then.about}{then.most}"
        )
        if not self._limits():
            # A limit is the user's word about money; where there is none, they are asked.
            answer = await self._events.ask(
                question_for_stronger(self._run.run, f"{message}. There is no limit for this run.")
            )
            if answer != "Go on":
                raise PauseNow(self._check_pause(f"{said}, and the stronger model was not wanted"))
        await self._events.tell(
            "escalated",
            n=act.n,
            from_model=str(present),
            model=str(way.target),
            failed_checks=failed,
            counted_tokens=then.sized.counted_tokens,
            next_request_usd=None if then.input_pico is None else usd_text(then.input_pico),
            at_most_usd=None if then.input_pico is None else usd_text(then.sized.hold_pico),
            message=message,
        )
        return new

    async def _economise(self, act: AskModel, steps: Sequence[StepRecord], modes: Modes, why: str, about: str) -> Modes:
        """Go into economy mode if the user wants it; with nobody to ask the run goes on as it is."""
        ways = self._world.ways
        if about in self._declined or not self._may_economise(modes):
            return modes
        present = self._present(modes)
        other = ways.economy if ways is not None and modes.lead == "chain" else None
        if other is not None:
            new = modes.save(act.n, str(other.target), parts=len(act.kept))
            then = self._next(other, steps, new)
            if other.target == present.target or self._problem(other, then.sized) is not None:
                other = None
        if other is None:
            if modes.began_terse:
                return modes
            new = modes.save(act.n, None, parts=len(act.kept))
            then = self._next(present, steps, new)
        message = f"{why}. Economy mode asks for short answers"
        if other is not None:
            message += (
                f" and asks {other.target} instead of {present.target}: its next request reads"
                f" {then.sized.counted_tokens:,} tokens anew ({_COLD}), {then.about}; "
                f"as it is {self._as_it_is(present, then)}"
            )
        if self._world.economy == "ask":
            asked = in_local_time(message, here_of(self._world.clock))
            answer = await self._events.ask(question_for_economy(self._run.run, asked))
            if answer != "Economy mode":
                self._declined.add(about)
                said = "nobody was there to ask" if answer is None else "that is what was answered"
                await self._events.tell("economy_declined", message=f"{why}. It goes on as it is: {said}")
                return modes
        await self._events.tell(
            "economy_on",
            n=act.n,
            parts=new.economy_parts,
            model=new.economy,
            counted_tokens=then.sized.counted_tokens,
            next_request_usd=None if then.input_pico is None or other is None else usd_text(then.input_pico),
            message=message,
        )
        return new

    def _may_economise(self, modes: Modes) -> bool:
        return self._world.economy != "off" and modes.economy_at is None

    def _near_a_limit(self, modes: Modes) -> str | None:
        """The sentence that says which limit is near; a window that is soon full again is none."""
        if not self._may_economise(modes):
            return None
        journal = self._world.journal
        for each in journal.standings(self._all_limits()):
            level = level_of(taken=each.taken, limit=each.limit, warn_percent=journal.warn_percent())
            if level in ("critical", "over"):
                left, most = _amount(each.unit, each.left), _amount(each.unit, each.limit)
                return f"{left} is left of the {most} for {scope_words(each.scope.kind)}"
        target = self._present(modes).target
        window = nearly_used(
            self._world.pace.newest(target),
            seconds_until=self._world.clock.seconds_until,
            longer_than_s=self._world.ceilings.wait_s,
        )
        if window is None:
            return None
        return (
            f"Of the {window.limit:,} {window.kind.replace('_', ' ')} that {target.provider} allows, "
            f"{window.remaining:,} are left until {window.resets_at}"
        )

    def _all_limits(self) -> list[Limit]:
        return limits_of(self._run, self._world)

    def _limits(self) -> list[Limit]:
        return [each for each in self._all_limits() if each.amount.unit == "usd"]

    def _problem(self, way: Way, sized: Sized) -> str | None:
        """Why this way cannot be gone now; None where it can."""
        missing = way.provider.missing_key()
        if missing is not None:
            return missing
        steps = self._world.journal.steps(self._run.run)
        stays = why_it_stays(self._world.local_only, self._run, self._first, steps)
        if stays is not None and not way.provider.is_loopback:
            return f"it is elsewhere, and this run stays on this machine, because {stays}"
        window = known_window(self._world.prices, self._world.journal, self._world.clock, way.target)
        needs = sized.counted_tokens + sized.max_tokens
        if window is not None and needs > window:
            return f"its window takes {window:,} tokens, and the next request needs {needs:,}"
        price = self._price(way)
        if isinstance(price, Unpriced) and self._limits():
            return f"no price is known for {price.model}, and there is a limit. {price.why}"
        return None

    def _price(self, way: Way) -> Price | Unpriced:
        at = self._world.clock.now_utc()
        return self._world.prices.price(provider=way.provider.name, model=way.model, at=at)

    def _next(self, way: Way, steps: Sequence[StepRecord], modes: Modes) -> _Next:
        price = self._price(way)
        sized = size_request(
            self._run,
            self._later(steps, modes),
            way=way,
            counter=self._world.counter,
            journal=self._world.journal,
            price=price,
            limits=self._all_limits(),
            terse=modes.terse_fields,
        )
        counted = sized.counted_tokens
        written = way.provider.wire == "anthropic"
        cost = cost_of(first_sent(counted, written=written, price=price), price)
        return _Next(sized=sized, input_pico=cost.pico if isinstance(cost, Cost) else None)

    def _later(self, steps: Sequence[StepRecord], modes: Modes) -> tuple[Message, ...]:
        act = next_act(
            steps,
            check=self._first.check,
            terse_from=modes.terse_from,
            terse_after=modes.terse_after,
            shapes=shapes_of(self._world.journal.events(run=self._run.run)),
        )
        return act.later if isinstance(act, AskModel) else ()

    def _as_it_is(self, present: Way, then: _Next) -> str:
        """What the same input costs where all but what is new since the last request is read from the cache."""
        rows = self._world.journal.requests(run=self._run.run)
        known = min(rows[-1].usage.input, then.sized.counted_tokens) if rows else 0
        cost = cost_of(Usage(cache_read=known, uncached_input=then.sized.counted_tokens - known), self._price(present))
        return _about(cost.pico if isinstance(cost, Cost) else None)

    def _present(self, modes: Modes) -> Way:
        """Who is asked first. Raises PauseNow where that was in the settings once and is not any more."""
        if modes.asked is None:
            return self._world.chain_for(self._run.model)[0]
        way = self._world.way_to(target_of(modes.asked))
        if way is None:
            what = f"The run has gone on with {modes.asked}, and no provider of that name is in the settings any more"
            raise PauseNow(Paused(reason="provider", detail=f"{what}: add it to 'providers', then resume."))
        return way

    def _check_pause(self, why: str) -> Paused:
        return Paused(
            reason="check",
            detail=f"{why}. Resume asks again; 'bursar accept {self._run.run}' (the lens Accept) takes the task as "
            "done on your word.",
        )


def _about(pico: int | None) -> str:
    return "at an unknown price" if pico is None else f"about {money(pico)}"


def _amount(unit: str, value: int) -> str:
    return f"${usd_text(value)}" if unit == "usd" else f"{value:,} {unit}"
