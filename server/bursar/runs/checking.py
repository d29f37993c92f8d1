"""The command that a task's check stands for."""

from __future__ import annotations

import asyncio

from bursar.domain.ports import ToolRefused
from bursar.domain.specs import TaskCheck
from bursar.runs.world import Paused, World

FILES = "{files}"
"""Stands, as an argument of its own, for the test files in a command that runs them; else they come last."""


async def check_command(world: World, check: TaskCheck) -> tuple[str, ...] | Paused:
    """The arguments to run; a value says why the run must pause, because there is nothing to run."""
    if not check.requirements:
        return check.command
    command = check.command or world.test_command
    if not command:
        return check_not_run(
            f"It is the tests of {_named(check.requirements)}, and no command is known that runs tests: say it in the "
            'setting "test_command", for example "pytest -q".'
        )
    found = await asyncio.to_thread(world.files.tests_naming, check.requirements)
    if isinstance(found, ToolRefused):
        return check_not_run(found.message)
    without = tuple(each for each in check.requirements if not found[each])
    if without:
        return check_not_run(
            f"No test names {_named(without)}: a line such as 'Requirement {without[0]}' in a test file does. "
            "Write or mark one."
        )
    # A name that begins with a dash is no option.
    paths = sorted({f"./{path}" if path.startswith("-") else path for each in found.values() for path in each})
    if FILES not in command:
        return (*command, *paths)
    at = command.index(FILES)
    return (*command[:at], *paths, *command[at + 1 :])


def check_not_run(why: str) -> Paused:
    """The run waits: without its check it is not known whether the task is done."""
    return Paused(
        reason="check",
        detail=f"The task's check was not run, so it is not known whether the task is done. {why} "
        "Resume asks again; 'bursar accept' (the lens Accept) takes the task as done on your word.",
    )


def _named(requirements: tuple[str, ...]) -> str:
    return f"requirement{'s' if len(requirements) > 1 else ''} {', '.join(requirements)}"
