"""Bugs in work beside the loop: nobody awaits it, so each is logged and said in one sentence."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from bursar.session.ports import Editor

_log = logging.getLogger("bursar")


def tell_faults(job: asyncio.Task[Any], editor: Editor, what: str) -> None:
    """When the job ends with a bug, log it and say that ``what`` was ended by it."""

    def look(done: asyncio.Task[Any]) -> None:
        if done.cancelled() or (error := done.exception()) is None:
            return
        _log.error("%s was ended by a fault", what, exc_info=error)
        editor.say("error", f"{what} was ended by a fault in Bursar: its log says more.")

    job.add_done_callback(look)
