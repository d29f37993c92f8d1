"""What the handlers work with: the server, the session, the editor, and what the client said of itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bursar.domain.errors import BursarError
from bursar.lsp.editor import LspEditor
from bursar.lsp.from_lsp import ClientFacts
from bursar.lsp.protocol import RequestFailed, Server, failed
from bursar.session.session import Session


@dataclass(slots=True)
class Desk:
    """One for each process; ``ended`` holds the exit code once the client said ``exit``.

    ``changes_waiting`` says how many changes of each document have arrived and are not handled yet.
    """

    server: Server
    session: Session
    editor: LspEditor
    ended: asyncio.Future[int]
    facts: ClientFacts = field(default_factory=ClientFacts)
    keys_taken: asyncio.Event = field(default_factory=asyncio.Event)
    changes_waiting: Counter[str] = field(default_factory=Counter)
    _jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside the loop's other work."""
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def refuse(self, error: BursarError) -> RequestFailed:
        """Show the sentence to the user; the same is the answer to the request."""
        self.editor.say("error", str(error))
        return failed(error)
