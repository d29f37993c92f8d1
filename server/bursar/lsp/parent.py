"""The end of the client's process, which a pipe that something else holds open would hide."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bursar.domain.ports import Clock
from bursar.lsp.desk import Desk

_EVERY_S = 2.0
_ENDED = ("Z", "X", "x")


class Processes:
    """What the system tells of processes."""

    def signal_nothing(self, process_id: int) -> None:
        """Raises ProcessLookupError where there is none, PermissionError where it is somebody else's."""
        os.kill(process_id, 0)

    def stat(self, process_id: int) -> str | None:
        """The line of ``/proc/ID/stat``; None where there is no such file."""
        try:
            return (Path("/proc") / str(process_id) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A process that is alive; ``started`` tells it from a later one with the same number, where that can be known."""

    started: str | None


def watch_parent(
    desk: Desk, clock: Clock, process_id: int | None, processes: Processes | None = None
) -> Coroutine[Any, Any, None]:
    """End with the process that the client named; a number that is nobody's here is that of another machine.

    It is looked for at once, and not when the loop has time: by then the client may be gone.
    """
    system = processes or Processes()
    first = look(process_id, system) if process_id is not None else None

    async def watch() -> None:
        if process_id is None or first is None:
            return
        while (now := look(process_id, system)) is not None and is_same(first, now):
            await clock.sleep(_EVERY_S)
        if not desk.ended.done():
            desk.ended.set_result(1)

    return watch()


def look(process_id: int, system: Processes) -> Sighting | None:
    """The process, None once it has ended: also when nobody has collected it yet."""
    # Zero and less would ask for groups of processes, and for all.
    if process_id <= 0:
        return None
    try:
        system.signal_nothing(process_id)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # somebody else's, and alive
    # The program's name stands in parentheses and may hold anything.
    _, found, rest = (system.stat(process_id) or "").rpartition(")")
    fields = rest.split()
    if not found or len(fields) < 20:
        return Sighting(started=None)
    return None if fields[0] in _ENDED else Sighting(started=fields[19])


def is_same(first: Sighting, now: Sighting) -> bool:
    """Whether it is the process that was seen first; where that cannot be known, its number says so."""
    return first.started is None or now.started is None or first.started == now.started
