"""Tells everybody what happens in a run, and asks the user: the journal keeps both, listeners see them at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from bursar.domain.ports import Question
from bursar.runs.wishes import unless_stopped
from bursar.runs.world import DISTRUSTED, PauseNow, World


class Events:
    """The voice of one run."""

    def __init__(self, world: World, run: str) -> None:
        self._world = world
        self._run = run
        self.while_asking: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        """What goes on beside a question."""

    async def tell(self, kind: str, **data: Any) -> None:
        """Keep the event in the journal, then pass it on."""
        event = await self._world.journal.append_event(run=self._run, kind=kind, data=data)
        self._world.on_event(run=self._run, kind=kind, at=event.at, seq=event.seq, data=data)

    def pass_on(self, kind: str, **data: Any) -> None:
        """Pass a sign of life on without keeping it."""
        self._world.on_event(run=self._run, kind=kind, at=self._world.clock.now_utc(), seq=None, data=data)

    async def ask(self, question: Question) -> str | None:
        """The user's answer, with the question and the answer as events.

        Raises PauseNow where trust was withdrawn, and StopAsked where the user's stop took the question back.
        """
        await self.tell("approval_asked", question=question.kind, summary=question.summary)
        async with self.while_asking():
            answer = await unless_stopped(self._world, self._run, self._world.asker.ask(question))
        if not self._world.trusted():
            # Whatever was answered, or nothing: it is not the user's word about this.
            raise PauseNow(DISTRUSTED)
        await self.tell("approval_answered", question=question.kind, answer=answer or "No")
        return answer
