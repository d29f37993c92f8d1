"""The answer to one attempt: sent for once, fetched where it broke off and the provider goes on with it."""

from __future__ import annotations

from bursar.domain.conversation import Block, ModelReply
from bursar.domain.errors import AnswerAway, AnswerCut
from bursar.domain.ports import ModelProvider
from bursar.runs.booking import Attempt
from bursar.runs.events import Events
from bursar.runs.listening import Listener
from bursar.runs.waiting import Patience
from bursar.runs.world import World


class Answers:
    """Gets the answers of one run; what arrives of them is in the spool before anybody looks at it."""

    def __init__(self, world: World, run: str, events: Events) -> None:
        self._world = world
        self._run = run
        self._events = events

    async def get(
        self, body: bytes, attempt: Attempt, provider: ModelProvider, listener: Listener, patience: Patience
    ) -> ModelReply:
        """The answer to a request; one that breaks off is fetched where the provider goes on with it."""
        spool = self._world.spool
        try:
            return await provider.send(body, on_stream=listener, keep=spool.keep)
        except AnswerCut:
            kept = spool.read(run=self._run, key=attempt.key, attempt=attempt.number)
            if kept is None or not provider.can_reattach:
                raise
        return await self.rejoin(*kept, attempt=attempt, provider=provider, patience=patience)

    async def rejoin(
        self, request_id: str, kept: bytes, *, attempt: Attempt, provider: ModelProvider, patience: Patience
    ) -> ModelReply:
        """Fetch the answer that these bytes begin. Raises AnswerAway once trying again has not helped either."""
        world, run = self._world, self._run
        async for each in patience.attempts(AnswerAway):
            with each:
                world.spool.go_on(run=run, key=attempt.key, attempt=attempt.number)
                return await provider.reattach(
                    kept,
                    request_id=request_id,
                    model=attempt.target.model,
                    on_stream=Listener(world, run, attempt, self._events),
                    keep=world.spool.keep,
                )
            # What this try has fetched is not fetched by the next one.
            kept = (world.spool.read(run=run, key=attempt.key, attempt=attempt.number) or (request_id, kept))[1]
        raise AssertionError("it is raised by what gives up")

    def usable(self, attempt: Attempt, provider: ModelProvider) -> tuple[Block, ...]:
        """What can be used of an answer that broke off, from what is kept of it."""
        kept = self._world.spool.read(run=self._run, key=attempt.key, attempt=attempt.number)
        return () if kept is None else provider.kept_from(kept[1])
