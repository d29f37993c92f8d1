"""Work of the session beside the editor's messages; what it meets is told to the user."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from bursar.domain.errors import BursarError
from bursar.session.faults import tell_faults
from bursar.session.ports import Editor


class Beside:
    """Holds the jobs until they are over."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._jobs: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this soon."""
        job = asyncio.create_task(self._told(work))
        tell_faults(job, self._editor, "Work beside the editor")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        # A job that is cancelled before its first step has not begun with the work.
        job.add_done_callback(lambda _: work.close())

    def close(self) -> None:
        """Cancel what is not over."""
        for each in self._jobs:
            each.cancel()

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BursarError as error:
            self._editor.say("error", str(error))
