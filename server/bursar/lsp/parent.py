"""The end of the client's process, which a pipe that something else holds open would hide."""

from __future__ import annotations

import os

from bursar.domain.ports import Clock
from bursar.lsp.desk import Desk

_EVERY_S = 2.0


async def watch_parent(desk: Desk, clock: Clock, process_id: int | None) -> None:
    """End with the process that the client named; a number that is nobody's here is that of another machine."""
    if process_id is None or not _is_alive(process_id):
        return
    while _is_alive(process_id):
        await clock.sleep(_EVERY_S)
    if not desk.ended.done():
        desk.ended.set_result(1)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
