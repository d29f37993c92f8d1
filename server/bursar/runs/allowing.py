"""What the user allowed a run to do without asking, for as long as there is the run: in the journal with it."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.runs import RunEvent
from bursar.runs.events import Events
from bursar.runs.world import World

Command = tuple[str, ...]
_KIND = "commands_allowed"


def allowed_in(events: Iterable[RunEvent]) -> frozenset[Command]:
    """The commands that these events of a run allow, each exactly as it is."""
    told = [each.data["commands"] for each in events if each.kind == _KIND]
    return frozenset(tuple(argv) for commands in told for argv in commands)


def commands_allowed(world: World, run: str) -> frozenset[Command]:
    """What holds now: what was allowed with the run or a resume of it before, and what this world allows."""
    return world.allowed_commands | allowed_in(world.journal.events(run=run))


async def keep_allowed(world: World, run: str, events: Events) -> None:
    """Write down what is allowed from now on, so that a resume need not be told again."""
    new = world.allowed_commands - allowed_in(world.journal.events(run=run))
    if new:
        await events.tell("commands_allowed", commands=[list(each) for each in sorted(new)])
