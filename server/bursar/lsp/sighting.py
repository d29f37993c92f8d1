"""Whether a process is there, and which one: numbers are given anew."""

# Loaded with the greeting, before everything else, so it imports next to nothing: no dataclasses, no pathlib.
from __future__ import annotations

import os

_ENDED = ("Z", "X", "x")


class Processes:
    """What the system tells of processes."""

    def signal_nothing(self, process_id: int) -> None:
        """Raises ProcessLookupError where there is none, PermissionError where it is somebody else's."""
        os.kill(process_id, 0)

    def stat(self, process_id: int) -> str | None:
        """The line of ``/proc/ID/stat``; None where there is no such file."""
        try:
            with open(f"/proc/{process_id}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - start-up
                return file.read()
        except OSError:
            return None


class Sighting:
    """A process that is alive; ``started`` tells it from a later one with the same number, where that can be known."""

    __slots__ = ("started",)

    def __init__(self, *, started: str | None) -> None:
        self.started = started

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sighting) and self.started == other.started

    def __hash__(self) -> int:
        return hash(self.started)


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
