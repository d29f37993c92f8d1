"""When the prompt of a waiting run is kept warm: beside a question, or after a pause, if the user has said so once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bursar.domain.context.warming import BEFORE_END_S, LATEST_S, LEAST_TOKENS
from bursar.domain.errors import BursarError
from bursar.domain.money.figures import money
from bursar.domain.runs import RunRecord
from bursar.domain.safety.show import KEEP_WARM_CHOICES, question_for_keep_warm
from bursar.runs.events import Events
from bursar.runs.warming import WAITS_FOR_USER, Due, due, keep_warm
from bursar.runs.wishes import StopAsked
from bursar.runs.world import World

_LAST_WAIT_S = 5.0


def is_wanted(world: World) -> bool:
    """Whether the user wants it: by the setting, or by the answer to the one question."""
    return world.keep_warm == "on" or (world.keep_warm == "ask" and bool(world.journal.keep_warm()))


class KeepWarm:
    """The silences of one run under one drive."""

    def __init__(self, world: World, run: RunRecord, events: Events) -> None:
        self._world = world
        self._run = run
        self._events = events
        self._sending: set[asyncio.Task[None]] = set()
        self._looked_at = 0
        self._asked = False

    @asynccontextmanager
    async def while_waiting(self) -> AsyncIterator[None]:
        """Keep the prompt warm as long as the user is waited for; what is being sent then is let come to its end."""
        if not is_wanted(self._world):
            yield
            return
        job = asyncio.create_task(self._once_due(), name=f"keep warm {self._run.run}")
        try:
            yield
        finally:
            if job not in self._sending:
                job.cancel()
                await asyncio.wait({job})

    async def ask_once(self) -> None:
        """Ask whether prompts are to be kept warm, once and for all runs, when the first one is worth it.

        A question that is closed is no answer: another run asks again.
        """
        world = self._world
        if world.keep_warm != "ask" or self._asked or world.journal.keep_warm() is not None:
            return
        rows = world.journal.requests(run=self._run.run)
        if not rows or len(rows) == self._looked_at or rows[-1].usage.input < LEAST_TOKENS:
            return
        self._looked_at = len(rows)
        found = await asyncio.to_thread(due, world, self._run)
        if isinstance(found, str):
            return
        self._asked = True
        answer = await self._events.ask(question_for_keep_warm(self._run.run, _words(found)))
        if answer in KEEP_WARM_CHOICES:
            await world.journal.choose_keep_warm(on=answer == KEEP_WARM_CHOICES[0])

    async def close(self) -> None:
        """Wait a little for what is on its way; what is not answered by then is settled when the run goes on."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=_LAST_WAIT_S)
        for job in [*self._sending]:
            job.cancel()
        if self._sending:
            await asyncio.wait({*self._sending})

    async def after_pause(self) -> None:
        """The same for a run that nobody drives any more, as long as it waits for its user."""
        if is_wanted(self._world) and self._waits():
            await self._once_due(self._waits)

    def _waits(self) -> bool:
        now = self._world.journal.run(self._run.run)
        return (
            now is not None
            and now.state in ("paused", "in_doubt")
            and now.reason in WAITS_FOR_USER
            and now.owner is None
            and not now.stop_requested
        )

    async def _once_due(self, still_waits: Callable[[], bool] = lambda: True) -> None:
        # It is a convenience: where it cannot be had the run waits without it.
        with suppress(BursarError, StopAsked):
            found = await asyncio.to_thread(due, self._world, self._run)
            if isinstance(found, str):
                return
            if found.in_s > 0:
                await self._world.clock.sleep(found.in_s)
            # A machine that slept wakes up too late, and the run may have gone on elsewhere.
            found = await asyncio.to_thread(due, self._world, self._run)
            if isinstance(found, str) or found.in_s < LATEST_S - BEFORE_END_S:
                return
            if not still_waits():
                return
            await self._send(found)

    async def _send(self, found: Due) -> None:
        own = {job for job in (asyncio.current_task(),) if job is not None}
        self._sending |= own
        try:
            await keep_warm(self._world, self._run, found, self._events)
        finally:
            self._sending -= own


def _words(found: Due) -> str:
    return (
        f"While a run waits for you, Bursar can send its last request once more, asking for one token, just before the "
        f"provider forgets the prompt: now about {money(found.read_pico)} for {found.prompt_tokens:,} tokens, and "
        f"{money(found.saved_pico)} less if you are back in time. Do so from now on, once in each silence?"
    )
