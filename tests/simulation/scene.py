"""What outlives every process of a simulated world: the disk, the user, the provider, and what must be remembered."""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from bursar.domain.money.budget import Amount
from bursar.runs.rewinding import RewindPlan
from bursar.runs.world import Ceilings
from bursar.storage import SqliteJournal
from bursar.workspace import LocalFiles

from .brain import END, FILES
from .log import Log
from .people import UID, Machine, Person
from .seeded import Chance, SeededClock, SeededIds
from .vendor import Vendor

if TYPE_CHECKING:
    from .image import Image

SPEC = ".kiro/specs/sim/tasks.md"
PROVIDER, SECOND = "acme", "bolt"
PICO = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fault that is put into a world, for a control that must find it; the usual world has none."""

    name: str = "none"
    journal: type[SqliteJournal] = SqliteJournal
    files: type[LocalFiles] = LocalFiles
    clock: type[SeededClock] = SeededClock
    ids: type[SeededIds] = SeededIds
    first_seed: int = 1
    """From where on seeds are tried; later for a fault that few worlds have the occasion for."""


class Scene:
    """One world; ``problems`` is what was found to be wrong in it."""

    def __init__(self, folder: Path, chance: Chance, mutation: Mutation) -> None:
        self.mutation = mutation
        self.home = folder / "home"
        self.root = folder / "work"
        self.home.mkdir(mode=0o700)
        self.log = Log({str(folder): "WORLD"})
        self.clock = mutation.clock()
        self.ids = mutation.ids(chance.of("ids"))
        self.wire = chance.choice(("anthropic", "anthropic", "openai-chat"))
        self.route = chance.choice(("alone", "alone", "chain", "chain", "balance"))
        self.helpers = chance.happens(0.5)
        """Whether there are a stronger and an economical model."""
        self.vendor = Vendor(chance, self.log, faulty=chance.choice((0.0, 0.15, 0.35, 0.6)))
        self.machine = Machine(self.root, self.log, chance.of("machine"))
        self.person = Person(self.log, chance.of("person"))
        self.ceilings = Ceilings(requests=chance.choice((4, 60)))
        self.day_limit = (
            Amount(unit="usd", value=PICO * chance.choice((2, 5, 20)) // 10) if chance.happens(0.4) else None
        )
        self.day_limits = [self.day_limit]
        self.tasks = self.root / SPEC
        self.problems: list[str] = []
        self.deaths: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        """How often each place was passed where a process may die."""
        self.generation: Counter[str] = Counter()
        self.user_lines = 0
        self.hand_ticked: set[str] = set()
        self.unticked: set[str] = set()
        """Tasks whose mark the user may have taken back with a rewind."""
        self.mingled: dict[str, list[str]] = {}
        """For each line of the user the runs whose command ran when it was written: nobody can tell whose it is."""
        self.gone: Counter[str] = Counter()
        """Lines that a rewind may have taken although others wrote them: the user has said so."""
        self._highest: dict[str, int | None] = {}
        self._owners: dict[str, Image] = {}
        self._reader: apsw.Connection | None = None
        self.task_ids = self._furnish(chance.of("files"))

    def _furnish(self, chance: Chance) -> list[str]:
        ids = [str(n) for n in range(1, chance.randint(1, 4) + 1)]
        lines = ["# Plan", ""]
        for each in ids:
            lines.append(f"- [ ] {each}. Task {each}")
            if chance.happens(0.3):
                lines.append(f"  - _Check: `verify {each}`_")
        self.write(SPEC, "\n".join([*lines, ""]))
        self.write(".kiro/specs/sim/requirements.md", "What is wanted.\n" * chance.randint(1, 60))
        for each in FILES:
            self.write(each, f"first\n{END}\n")
        return ids

    def write(self, path: str, text: str) -> None:
        """A file of the workspace."""
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode())

    def problem(self, what: str, error: BaseException | None = None) -> None:
        """Something is wrong: the seed has found it."""
        if what not in self.problems:
            self.problems.append(what)
            self.log.add("PROBLEM", said=what)
            if error is not None:
                self.problems.append("".join(traceback.format_exception(error)[-6:]))

    def ceiling(self, run: str, pico: int | None) -> None:
        """A run may take so much from now on; it never becomes less here."""
        self._highest[run] = pico

    def highest(self, run: str) -> int | None:
        """What a run may take."""
        return self._highest.get(run)

    def claimed(self, run: str, image: Image) -> None:
        """A process believes that it owns a run."""
        other = self._owners.get(run)
        if other is not None and other is not image:
            self.problem(f"{run} is owned by {image.name} while {other.name} drives it")
        self._owners[run] = image

    def released(self, run: str, image: Image) -> None:
        """It does not any more."""
        if self._owners.get(run) is image:
            del self._owners[run]

    def released_by(self, image: Image) -> None:
        """A process is dead."""
        for run in [run for run, owner in self._owners.items() if owner is image]:
            del self._owners[run]

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database file itself, past the product."""
        if self._reader is None:
            self._reader = apsw.Connection(str(self.home / "bursar.db"), flags=apsw.SQLITE_OPEN_READWRITE)
            self._reader.set_busy_timeout(1_000)
            self._reader.pragma("query_only", 1)
        return list(self._reader.execute(statement, values))

    def doubtful(self, run: str) -> list[str]:
        """The calls of a run that were begun and have no result."""
        begun = "status IN ('intent', 'in_doubt') AND kind IN ('edit', 'command')"
        rows = self.sql(f"SELECT intent FROM step WHERE run = ? AND {begun}", run)
        return [uid for (intent,) in rows for uid in sorted(set(UID.findall(intent)))]

    def lines(self) -> Counter[str]:
        """Every line of the files that runs, programs and the user write, with how often it is there."""
        found: Counter[str] = Counter()
        for path in sorted(self.root.rglob("*.txt")):
            for line in path.read_text("utf-8").splitlines():
                found[f"{path.relative_to(self.root)}: {line}"] += 1
        return found

    @contextlib.contextmanager
    def rewinding(self, plan: RewindPlan) -> Iterator[None]:
        """Whatever is lost meanwhile must be what the run has written in the steps that go, or what the user gave up.

        What was left in the files is written again by an answer that stays, and a command of it is run again.
        """
        self.generation[plan.run.run] += 1
        before, marks = self.lines(), self.tasks.read_text("utf-8").count("[x]")
        conflicts = any(each.conflict for each in plan.files)
        own = {uid for step in plan.set_aside for uid in UID.findall(str(step.intent))}
        try:
            yield
        finally:
            after = self.lines()
            if self.tasks.read_text("utf-8").count("[x]") < marks and conflicts:
                self.unticked.update(self.task_ids)
            for line, count in (before - after).items():
                found = UID.search(line)
                if conflicts or (
                    found is None and "user-" in line and plan.run.run in self.mingled[line.split(": ")[1]]
                ):
                    self.gone[line] += count
                elif "user-" in line or (found and found[0] not in own):
                    self.problem(f"the rewind of {plan.run.run} has lost {line}")
            for uid in own:
                left = sum(count for line, count in after.items() if line.endswith(f": {uid}"))
                self.person.again[uid] += max(left, self.machine.did[uid])

    def close(self) -> None:
        """Give the reader back."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
