"""The user of a simulated world and the programs on the machine: they outlive every process."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bursar.domain.ports import CommandOutcome, CommandPlan, Question, ToolRefused

from .fate import Fate
from .log import Log
from .seeded import Chance

TALLY = "out/tally.txt"


class Machine:
    """What programs have done, counted where no crash reaches."""

    def __init__(self, root: Path, log: Log, chance: Chance) -> None:
        self.root = root
        self.did: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self._log = log
        self._chance = chance

    def programs(self, fate: Fate) -> Programs:
        """The machine as one process sees it."""
        return Programs(self, fate, self._log, self._chance)

    def tally(self, uid: str) -> None:
        """The effect of ``tally UID``: a line that another one follows if it is run again."""
        self.did[uid] += 1
        path = self.root / TALLY
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(f"{uid}\n".encode())

    def state(self) -> str:
        """A word for what every file of the workspace holds."""
        digest = hashlib.sha256()
        for path in sorted(each for each in self.root.rglob("*") if each.is_file()):
            digest.update(f"{path.relative_to(self.root)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


class Programs:
    """The CommandRunner port: ``tally UID`` has an effect, ``verify NAME`` fails a few times before it passes."""

    def __init__(self, machine: Machine, fate: Fate, log: Log, chance: Chance) -> None:
        self._machine = machine
        self._fate = fate
        self._log = log
        self._chance = chance

    def plan(self, argv: Sequence[str]) -> CommandPlan | ToolRefused:
        if argv[0] not in ("tally", "verify"):
            return ToolRefused(message=f"The command was not run: there is no program '{argv[0]}'.")
        runs_files = argv[0] == "verify"
        return CommandPlan(argv=tuple(argv), program=f"/bin/{argv[0]}", cwd="/w", runs_workspace_files=runs_files)

    def state_of_files(self) -> str | None:
        return self._machine.state()

    async def run(self, plan: CommandPlan) -> CommandOutcome:
        self._fate.point("before a program")
        await asyncio.sleep(self._chance.choice((0.0, 0.05, 3.0)))
        self._fate.point("in a program")
        code = self._effect(plan.argv)
        self._fate.point("after its effect")
        await asyncio.sleep(self._chance.choice((0.0, 0.05, 3.0)))
        return CommandOutcome(
            exit_code=code, output=f"{plan.argv[0]} done\n", truncated=False, timed_out=False, duration_ms=50
        )

    def kill_all(self) -> None:
        return None

    def _effect(self, argv: tuple[str, ...]) -> int:
        self._log.add("program", argv=list(argv))
        if argv[0] == "tally":
            self._machine.tally(argv[1])
            return 0
        self._machine.checks[argv[1]] += 1
        return 0 if self._machine.checks[argv[1]] % 3 == 0 else 1


class Person:
    """Answers after a while, sometimes with nothing; remembers which effects were ordered a second time."""

    def __init__(self, log: Log, chance: Chance) -> None:
        self.again: Counter[str] = Counter()
        self.kind = False
        """Whether everything is allowed from now on."""
        self._log = log
        self._chance = chance

    async def answer(self, question: Question, doubtful: Sequence[str]) -> str | None:
        """What the user says; ``doubtful`` are the ids of the calls that the journal has in doubt for this run."""
        await asyncio.sleep(self._chance.choice((0.1, 2.0, 30.0)))
        said = self._choice(question)
        if question.kind == "in_doubt" and said == "Run again":
            self.again.update(doubtful)
        self._log.add("answered", kind=question.kind, said=said)
        return said

    def _choice(self, question: Question) -> str | None:
        if question.kind == "in_doubt":
            some = ["Run again", "Treat as done"] if self.kind else ["Run again", "Treat as done", "Stop", None]
            return self._chance.choice(some)
        if question.kind == "command":
            some = (
                ["Once", "For this run"] if self.kind else ["Once", "Once", "For this run", "For this run", "No", None]
            )
            return self._chance.choice(some)
        if question.kind == "rewind":
            return self._chance.choice(question.choices)
        return self._chance.choice(question.choices)


class Asking:
    """The Asker port of one process."""

    def __init__(self, person: Person, fate: Fate, doubtful: Any) -> None:
        self._person = person
        self._fate = fate
        self._doubtful = doubtful

    async def ask(self, question: Question) -> str | None:
        self._fate.point("before a question")
        answer = await self._person.answer(question, self._doubtful(question.run))
        self._fate.point("after a question")
        return answer


UID = re.compile(r"t\w+-o\w+-r\d+")
