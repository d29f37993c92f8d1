"""The order that a spec's own Task Dependency Graph asks for: waves of task ids in a JSON block below that heading."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bursar.domain.specs.model import SpecTask

_HEADING = re.compile(r"#{1,6}[ \t]+Task Dependency Graph[ \t#]*", re.IGNORECASE)
_ANY_HEADING = re.compile(r"#{1,6}[ \t]")
_OPENS = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*json[ \t]*", re.IGNORECASE)

Waves = tuple[tuple[str, ...], ...]


def read_waves(lines: Sequence[str]) -> Waves:
    """The waves in the order of the graph; none where there is no graph, or one that cannot be read as such."""
    start = next((at for at, line in enumerate(lines) if _HEADING.fullmatch(line.rstrip())), None)
    if start is None:
        return ()
    block: list[str] | None = None
    fence = ""
    for line in lines[start + 1 :]:
        stripped = line.strip()
        if block is None:
            if opens := _OPENS.fullmatch(stripped):
                block, fence = [], opens["fence"]
            elif _ANY_HEADING.match(line):
                return ()
        elif stripped == fence:
            return _waves("\n".join(block))
        else:
            block.append(line)
    return ()


def ranks(tasks: Sequence[SpecTask], waves: Waves) -> list[int]:
    """For each task the wave whose turn it has, by its id or by that of a task above it.

    A task that the graph does not name (a checkpoint, say) comes after everything that stands before it in the file
    and below it.
    """
    if not waves:
        return [0] * len(tasks)
    wave_of = {name: number for number, names in enumerate(waves) for name in names}
    named: list[int | None] = []
    for task in tasks:
        own = wave_of.get(task.id) if task.id is not None else None
        above = named[task.parent] if task.parent is not None and task.parent < len(named) else None
        named.append(own if own is not None else above)
    last_below: dict[int, int] = {}
    for task in reversed(tasks):
        last = max(named[task.index] or 0, last_below.get(task.index, 0))
        if task.parent is not None:
            last_below[task.parent] = max(last_below.get(task.parent, 0), last)
    found = []
    latest = 0
    for task in tasks:
        rank = named[task.index]
        if rank is None:
            rank = max(latest, last_below.get(task.index, 0))
        else:
            latest = max(latest, rank)
        found.append(rank)
    return found


def _waves(text: str) -> Waves:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    waves = data.get("waves") if isinstance(data, dict) else None
    if not isinstance(waves, list):
        return ()
    named = [each.get("tasks") if isinstance(each, dict) else None for each in waves]
    return tuple(tuple(name for name in names if isinstance(name, str)) for names in named if isinstance(names, list))
