"""How one request waits: between its attempts, never longer in all than allowed, and never past a wish of the user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from bursar.domain.errors import (
    AnswerAway,
    LimitReached,
    NotAccepted,
    OptionRefused,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    Unreachable,
)
from bursar.domain.money.budget import RefusedByBudget
from bursar.domain.money.scopes import whose_budget
from bursar.domain.pacing import Window, retry_wait_s, short_of
from bursar.domain.routes import Target
from bursar.domain.runs import PauseReason
from bursar.runs.events import Events
from bursar.runs.wishes import LOOK_EVERY_S, StopAsked
from bursar.runs.world import DISTRUSTED, Paused, PauseNow, World

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

PASSES_BY_ITSELF = (LimitReached, Overloaded, Unreachable, OptionRefused)
_GIVES_WAY_S = 0.5
_LONGEST_WAY_S = 8.0


class Patience:
    """The attempts of one request and the waits between them: one bound for their number, one for all waits together.

    This is the only place where anything is sent again: nothing below it retries.
    """

    def __init__(self, world: World, run: str, epoch: int, events: Events, *, sent_before: int = 0) -> None:
        self._world = world
        self._run = run
        self._epoch = epoch
        self._events = events
        self._error: BaseException | None = None
        self._next_s = 0.0
        self._waited_s = 0.0
        self._used_up = False
        self._in_a_row = 0
        self._sent_before = sent_before
        self._gave_way = 0

    @property
    def in_a_row(self) -> int:
        """How many attempts in a row have failed so far at the target that is asked now."""
        return self._in_a_row

    def elsewhere(self) -> None:
        """Another target is asked from now on: it has not failed yet."""
        self._in_a_row = -1

    def attempts(self, *failures: type[Exception]) -> AsyncRetrying:
        """The loop over the attempts that go on after these failures.

        It ends with the last failure: where there were enough of them, or waiting for the next would take too long.
        """
        # Loaded with the first request: a server that starts has none.
        from tenacity import AsyncRetrying, retry_if_exception_type

        return AsyncRetrying(
            retry=retry_if_exception_type(failures),
            stop=self._is_over,
            wait=self._wait_s,
            sleep=self._wait_out,
            reraise=True,
        )

    def paused_by(self, error: ProviderError) -> Paused:
        """How the run pauses after this failure, which nobody else is asked after."""
        if isinstance(error, PASSES_BY_ITSELF):
            return self.given_up(error)
        if isinstance(error, QuotaExhausted):
            return Paused(reason="limit", detail=f"{error}. It was asked for once and is not owed. Resume after that.")
        if isinstance(error, AnswerAway):
            detail = f"{error}. It stays held; resume fetches it, and pays nothing twice."
            return Paused(reason="provider", detail=detail)
        return Paused(reason="provider", detail=str(error))

    def given_up(self, error: NotAccepted) -> Paused:
        """How the run pauses after the last failure; with the moment to go on where the provider named one."""
        asked_s = getattr(error, "retry_after_s", None)
        if asked_s is not None and not self._used_up:
            until = self._world.clock.utc_in(self._next_s)
            how = f"Then an open editor goes on by itself; elsewhere use 'bursar resume {self._run}'."
            return Paused(reason="limit", detail=f"{error}. It resets at {until}. {how}", resume_at=until)
        if isinstance(error, LimitReached):
            return Paused(reason="limit", detail=f"{error}. Resume when the limit has reset.")
        return Paused(reason="provider", detail=f"{error}. Resume tries again.")

    def short(self, target: Target, *, input_tokens: int, cached_tokens: int) -> tuple[Window, float] | None:
        """The limit of this target that the next request would reach, with the seconds to wait for it."""
        world = self._world
        return short_of(
            world.pace.newest(target),
            input_tokens=input_tokens,
            cached_tokens=cached_tokens,
            seconds_until=world.clock.seconds_until,
        )

    async def keep_pace(self, target: Target, window: Window, seconds: float) -> bool:
        """Wait, shortly, for a limit that the next request would reach; whether it was waited.

        A wait that would be long is left to the provider to ask for: what it said of its windows may be out of date.
        Raises PauseNow and StopAsked within a moment of the user's wish.
        """
        ceilings = self._world.ceilings
        if seconds > min(ceilings.pacing_s, ceilings.waiting_s - self._waited_s):
            return False
        message = (
            f"of the {window.limit:,} {window.kind.replace('_', ' ')} that {target.provider} allows, "
            f"{window.remaining:,} are left for now"
        )
        await self._wait(seconds, reason="limit", message=message, window=window)
        return True

    async def give_way(self, refused: RefusedByBudget) -> bool:
        """Wait for what is held for others to come back, where nothing else is in the way; whether to plan anew.

        Raises PauseNow and StopAsked within a moment of the user's wish.
        """
        ceilings = self._world.ceilings
        seconds = min(_GIVES_WAY_S * 2.0 ** min(self._gave_way, 16), _LONGEST_WAY_S)
        # What a run holds itself does not come back while it waits.
        waits_for_others = refused.may_pass and refused.scope.kind != "run"
        if not waits_for_others or self._waited_s + seconds > min(ceilings.pacing_s, ceilings.waiting_s):
            return False
        self._gave_way += 1
        message = (
            f"{whose_budget(refused.scope.kind)} has no room beside what is held for other requests in flight, and "
            "most of that comes back"
        )
        await self._wait(seconds, reason="budget", message=message)
        return True

    async def rest(self, seconds: float, why: str, *, reason: Literal["limit", "provider"]) -> None:
        """Wait until a target may be asked that has to rest. Raises PauseNow where that would be too long."""
        ceilings = self._world.ceilings
        if seconds > ceilings.wait_s or self._waited_s + seconds > ceilings.waiting_s:
            until = self._world.clock.utc_in(seconds)
            detail = f"{why}. It is asked again from {until} on: resume then."
            raise PauseNow(Paused(reason=reason, detail=detail, resume_at=until if reason == "limit" else None))
        await self._wait(seconds, reason=reason, message=why)

    async def _wait(self, seconds: float, *, reason: PauseReason, message: str, window: Window | None = None) -> None:
        """Stand still where everybody can see until when, then go on."""
        until = self._world.clock.utc_in(seconds)
        await self._world.journal.set_state(
            run=self._run,
            epoch=self._epoch,
            state="paused",
            reason=reason,
            detail=f"{message}. It goes on by itself at {until}.",
            resume_at=until,
        )
        if window is None:
            await self._events.tell("waiting", reason=reason, until=until, seconds=round(seconds, 3), message=message)
        else:
            await self._events.tell(
                "pacing",
                window=window.kind,
                remaining=window.remaining,
                limit=window.limit,
                until=until,
                seconds=round(seconds, 3),
                message=message,
            )
        await self._stand_still(seconds, until)
        await self._world.journal.set_state(run=self._run, epoch=self._epoch, state="running")
        await self._events.tell("going_on")

    @property
    def _goes_on_at_once(self) -> bool:
        return isinstance(self._error, OptionRefused) or self._in_a_row == 0

    def _wait_s(self, state: RetryCallState) -> float:
        self._error = state.outcome.exception() if state.outcome else None
        self._in_a_row += 1
        if self._goes_on_at_once:
            # Nothing has to pass: the next attempt is another request.
            self._next_s = 0.0
            return self._next_s
        self._next_s = retry_wait_s(
            failures=max(1, self._in_a_row),
            asked_s=getattr(self._error, "retry_after_s", None),
            share=self._world.jitter.share(),
        )
        return self._next_s

    def _is_over(self, state: RetryCallState) -> bool:
        ceilings, seconds = self._world.ceilings, state.upcoming_sleep
        self._used_up = self._sent_before + state.attempt_number >= ceilings.attempts
        return self._used_up or seconds > ceilings.wait_s or self._waited_s + seconds > ceilings.waiting_s

    async def _wait_out(self, seconds: float) -> None:
        if self._goes_on_at_once:
            return
        reason: PauseReason = "limit" if isinstance(self._error, LimitReached) else "provider"
        await self._wait(seconds, reason=reason, message=str(self._error))

    async def _stand_still(self, seconds: float, until: str) -> None:
        world, clock = self._world, self._world.clock
        began_s = clock.monotonic_s()
        told_s = math.ceil(seconds)
        try:
            while (left_s := began_s + seconds - clock.monotonic_s()) > 0:
                if math.ceil(left_s) < told_s:
                    told_s = math.ceil(left_s)
                    self._events.pass_on("still_waiting", until=until, seconds=told_s)
                await clock.sleep(min(left_s, LOOK_EVERY_S))
                if not world.trusted():
                    raise PauseNow(DISTRUSTED)
                record = world.journal.run(self._run)
                if record is None or record.stop_requested:
                    raise StopAsked
                if record.pause_requested:
                    raise PauseNow(Paused(reason="asked", detail="Paused as asked, while waiting for the provider."))
        finally:
            self._waited_s += clock.monotonic_s() - began_s
