"""Hears the stream of one attempt as it arrives."""

from __future__ import annotations

from bursar.domain.conversation import Accepted, StreamEvent
from bursar.runs.booking import Attempt
from bursar.runs.events import Events
from bursar.runs.world import World


class Listener:
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
            self._world.pace.heard(self._attempt.target, event.windows)
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
