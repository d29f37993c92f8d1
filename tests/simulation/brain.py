"""What the simulated model wants to do: a plan for each task, and the next answer to a conversation.

It knows a conversation and nothing else: the same one gets the same answer, but for the number of the answer in the
ids of its calls, so that what is done twice from one answer can be told from what two answers asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .seeded import Chance

FILES = ("src/ant.txt", "src/bee.txt", "src/cat.txt")
END = "# end"
_TASK = re.compile(r"Current task: \[([^\]]+)\]")
_OP = re.compile(r"^(t[\w]+-o\w+)-r\d+$")
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that was made before, or is made now."""

    id: str
    name: str
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the model reads it, whatever its format."""

    texts: tuple[str, ...]
    calls: tuple[Call, ...]
    results: dict[str, tuple[str, bool]]
    turns: int
    ended_with_calls: bool


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    text: str
    calls: tuple[Call, ...] = field(default=())


class Brain:
    """Plans from the seed."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def task_of(self, asked: Asked) -> str:
        """The task that a request is about."""
        return next((found[1] for each in asked.texts if (found := _TASK.search(each))), "0")

    def answer(self, asked: Asked, number: int) -> Said:
        """What the model says to this; ``number`` is that of the answer over all."""
        task = self.task_of(asked)
        chance = self._chance.of(f"answer {task} {asked.turns}")
        text = "".join(
            chance.choice(("let me see ", "é", "so ", "— ", "then ", "\n")) for _ in range(chance.randint(1, 40))
        )
        if asked.ended_with_calls and chance.happens(0.06):
            return Said(text)
        todo = [op for op in self._plan(task) if not _is_done(op, asked)]
        failed = sum(1 for each in asked.calls if each.name == "finish" and asked.results.get(each.id, ("", False))[1])
        todo += [op for n in range(failed) if not _is_done(op := _edit(task, f"fix{n}", FILES[n % len(FILES)]), asked)]
        if not todo:
            return Said(text, (Call(f"t{_plain(task)}-ofinish-r{number}", "finish", {"summary": f"Task {task}."}),))
        some = todo[: chance.randint(1, 3)]
        return Said(text, tuple(_call(each, number) for each in some))

    def _plan(self, task: str) -> list[dict[str, Any]]:
        chance = self._chance.of(f"plan {task}")
        return [self._op(task, n, chance) for n in range(chance.randint(2, 8))]

    def _op(self, task: str, n: int, chance: Chance) -> dict[str, Any]:
        kind = chance.choice(("edit", "edit", "edit", "write", "tally", "tally", "read", "list", "search", "miss"))
        path = chance.choice(FILES)
        op = {"op": f"t{_plain(task)}-o{n}"}
        match kind:
            case "edit":
                return _edit(task, str(n), path)
            case "write":
                made = f"src/made-{_plain(task)}-{n}.txt"
                return {**op, "name": "write_file", "given": {"path": made, "content": f"UID\n{END}\n"}}
            case "tally":
                return {**op, "name": "run_command", "given": {"argv": ["tally", "UID"]}}
            case "read":
                return {**op, "name": "read_file", "given": {"path": path}}
            case "list":
                return {**op, "name": "list_files", "given": {"path": "src"}}
            case "search":
                return {**op, "name": "search", "given": {"pattern": END}}
            case _:
                given = {"path": path, "old": f"nowhere {n}", "new": "UID"}
                return {**op, "name": "edit_file", "given": given}


def _edit(task: str, n: str, path: str) -> dict[str, Any]:
    return {
        "op": f"t{_plain(task)}-o{n}",
        "name": "edit_file",
        "given": {"path": path, "old": END, "new": f"UID\n{END}"},
    }


def _call(op: dict[str, Any], number: int) -> Call:
    uid = f"{op['op']}-r{number}"

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        return value.replace("UID", uid) if isinstance(value, str) else value

    return Call(uid, op["name"], {key: named(value) for key, value in op["given"].items()})


def _is_done(op: dict[str, Any], asked: Asked) -> bool:
    tries = [each for each in asked.calls if (found := _OP.match(each.id)) and found[1] == op["op"]]
    ended = [asked.results.get(each.id, ("", True)) for each in tries]
    return any(not failed for _, failed in ended) or len(tries) >= _TRIES


def _plain(task: str) -> str:
    return re.sub(r"\W", "", task)
