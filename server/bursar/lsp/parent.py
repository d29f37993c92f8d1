"""The end of the client's process, which a pipe that something else holds open would hide."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from bursar.domain.ports import Clock
from bursar.lsp.desk import Desk
from bursar.lsp.sighting import Processes, Sighting, is_same, look

_EVERY_S = 2.0


def watch_parent(
    desk: Desk,
    clock: Clock,
    process_id: int | None,
    processes: Processes | None = None,
    seen: Sighting | None = None,
) -> Coroutine[Any, Any, None]:
    """End with the process that the client named; a number that is nobody's here is that of another machine.

    It is looked for at once, and not when the loop has time: by then the client may be gone. Where it was ``seen``
    before, it is that process, and may be gone by now.
    """
    system = processes or Processes()
    first = seen
    if first is None and process_id is not None:
        first = look(process_id, system)

    async def watch() -> None:
        if process_id is None or first is None:
            return
        while (now := look(process_id, system)) is not None and is_same(first, now):
            await clock.sleep(_EVERY_S)
        if not desk.ended.done():
            desk.ended.set_result(1)

    return watch()
