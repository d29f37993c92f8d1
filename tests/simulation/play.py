"""Plays one seed: windows open and die, the user presses and edits, the provider fails; then all is brought to an end.

Every draw comes from the seed, so the same seed plays the same world, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bursar.domain.runs import RunRecord

from .brain import FILES
from .image import Image
from .loop import Stuck, run
from .oracle import Oracle
from .scene import PICO, Mutation, Scene
from .seeded import Chance

_ROUNDS = 14
_OPEN = ("running", "paused", "in_doubt")
_HARMLESS = Mutation()
_SORE = (
    "after files.apply",
    "before journal.finish_step",
    "after journal.begin_step",
    "in a program",
    "after its effect",
    "after journal.begin_request",
    "after the socket",
    "before a piece",
    "after spool.keep",
    "before journal.settle_request",
    "after journal.settle_request",
    "before spool.drop",
    "before a question",
    "before the listener",
)
"""Where a death hurts most: between an act and the word about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a seed did: its log, what was wrong, and how often what struck."""

    seed: int
    log: str
    digest: str
    problems: tuple[str, ...]
    deaths: Counter[str]
    faults: Counter[str]
    did: Counter[str] = field(default_factory=Counter)


def play(seed: int, mutation: Mutation = _HARMLESS) -> Played:
    """Play one seed in a folder of its own, which is gone afterwards."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="bursar-sim-", dir=shm if shm.is_dir() else None) as folder:
        return run(_Play(Path(folder), seed, mutation).go())


class _Play:
    """The hand that moves one world."""

    def __init__(self, folder: Path, seed: int, mutation: Mutation) -> None:
        self._seed = seed
        self._folder = folder
        self._mutation = mutation
        self._chance = Chance(f"bursar {seed}")
        self._windows: list[Image] = []
        self._opened = 0
        self._did: Counter[str] = Counter()
        self._calm = False

    async def go(self) -> Played:
        self._scene = scene = Scene(self._folder, self._chance.of("scene"), self._mutation)
        self._oracle = Oracle(scene)
        chance = self._chance.of("hand")
        try:
            self._open()
            for _ in range(chance.randint(8, 30)):
                await asyncio.sleep(chance.expovariate(1 / chance.choice((0.1, 2.0, 20.0, 90.0))))
                self._act(chance)
                self._oracle.look()
                if scene.problems:
                    break
            else:
                await self._to_the_end()
        except Stuck as stuck:  # pragma: no cover - a fault of the product
            scene.problem(f"deadlock: {stuck}")
        finally:
            self._record()
            for each in self._windows:
                if not each.fate.dead:
                    each.die("the end")
            await asyncio.sleep(0)
            scene.close()
        return Played(
            seed=self._seed,
            log=scene.log.text(),
            digest=scene.log.digest(),
            problems=tuple(scene.problems),
            deaths=scene.deaths,
            faults=scene.vendor.faults,
            did=self._did,
        )

    def _open(self) -> Image:
        self._opened += 1
        image = Image(self._scene, f"window-{self._opened}", self._chance.of(f"window {self._opened}"))
        self._windows.append(image)
        chance = self._chance.of(f"doom {self._opened}")
        if not self._calm and chance.happens(0.6):
            self._doom_one(image, chance)
        return image

    def _living(self) -> list[Image]:
        self._windows = [each for each in self._windows if not each.fate.dead]
        return self._windows or [self._open()]

    def _act(self, chance: Chance) -> None:
        """One thing that happens in the world."""
        acts: dict[str, tuple[int, Callable[[Chance], None]]] = {
            "start": (8, self._start),
            "resume": (10, self._resume),
            "doom": (7, self._doom),
            "kill": (2, self._kill),
            "second window": (2, self._second),
            "pause": (3, self._pause),
            "stop": (1, self._stop),
            "raise": (2, self._raise),
            "edit": (4, self._edit),
            "retry": (2, self._retry),
            "rewind": (2, self._rewind),
            "clock": (1, self._jump),
            "tick": (1, self._tick),
            "nothing": (4, lambda _: None),
        }
        name = chance.choices(list(acts), [weight for weight, _ in acts.values()])[0]
        if chance.happens(0.6) and not any(each.busy for each in self._living()):
            name = chance.choice(("start", "resume"))
        self._did[name] += 1
        self._scene.log.add("act", name=name)
        acts[name][1](chance)

    def _start(self, chance: Chance) -> None:
        ceiling = chance.choice((None, PICO // 20, PICO // 5, PICO, 5 * PICO))
        text = self._scene.tasks.read_text("utf-8")
        tasks = self._scene.task_ids
        task = chance.choice([each for each in tasks if f"- [ ] {each}. " in text] or tasks)
        image = chance.choice(self._living())
        image.begin(f"start {task}", image.start(task, ceiling))

    def _resume(self, chance: Chance) -> None:
        image = chance.choice(self._living())
        found = self._runs(*_OPEN)
        if found:
            run = chance.choice(found).run
            image.begin(f"resume {run}", image.drive(run), run=run)

    def _doom(self, chance: Chance) -> None:
        living = self._living()
        self._doom_one(chance.choice([each for each in living if each.busy] or living), chance)

    def _doom_one(self, image: Image, chance: Chance) -> None:
        fate = image.fate
        if chance.happens(0.5):
            fate.doom(chance.choice((3, 20, 60, 200)) + chance.randint(0, 40))
        else:
            some = [each for each in self._scene.points if each.startswith("at ")] if chance.happens(0.3) else []
            fate.doom(1, where=chance.choice(some or _SORE))

    def _kill(self, chance: Chance) -> None:
        chance.choice(self._living()).die("killed")

    def _second(self, chance: Chance) -> None:
        if len(self._living()) < 2:
            self._open()

    def _pause(self, chance: Chance) -> None:
        image = chance.choice(self._living())
        found = self._runs(*_OPEN)
        if found:
            run = chance.choice(found).run
            image.begin(f"pause {run}", self._press(image.journal.request_pause, run), run=run)

    def _stop(self, chance: Chance) -> None:
        image = chance.choice(self._living())
        found = self._runs(*_OPEN)
        if found:
            run = chance.choice(found).run
            image.begin(f"stop {run}", self._press(image.journal.request_stop, run), run=run)

    async def _press(self, wish: Callable[[str], object], run: str) -> None:
        await wish(run)  # type: ignore[misc]

    def _raise(self, chance: Chance) -> None:
        image = chance.choice(self._living())
        found = [each for each in self._runs(*_OPEN) if each.ceiling_pico is not None]
        if found:
            chosen = chance.choice(found)
            image.begin(f"raise {chosen.run}", self._raise_to(image, chosen.run, 3 * PICO), run=chosen.run)

    async def _raise_to(self, image: Image, run: str, pico: int) -> None:
        highest = self._scene.highest(run)
        if highest is not None:
            self._scene.ceiling(run, max(pico, highest))
            await image.journal.raise_ceiling(run, max(pico, highest))

    def _edit(self, chance: Chance) -> None:
        """The user writes a line at the top of a file, whatever the agent is about."""
        scene = self._scene
        path = scene.root / chance.choice(FILES)
        scene.user_lines += 1
        ran = "SELECT DISTINCT run FROM step WHERE kind = 'command' AND status = 'intent' ORDER BY run"
        scene.mingled[f"user-{scene.user_lines}"] = [run for (run,) in scene.sql(ran)]
        path.write_bytes(f"user-{scene.user_lines}\n".encode() + (path.read_bytes() if path.exists() else b""))
        scene.log.add("user edit", path=str(path.relative_to(scene.root)), line=scene.user_lines)

    def _retry(self, chance: Chance) -> None:
        image = chance.choice(self._living())
        found = [each for each in self._newest() if each.state != "finished"]
        if found:
            record = chance.choice(found)
            image.begin(f"retry {record.run}", image.retry(record, chance.choice((None, PICO))), run=record.run)

    def _rewind(self, chance: Chance) -> None:
        scene = self._scene
        image = chance.choice(self._living())
        found = [each for each in self._newest() if not each.owner_alive]
        if not found:
            return
        record = chance.choice(found)
        steps = [row[0] for row in scene.sql("SELECT key FROM step WHERE run = ? AND n > 0 ORDER BY n", record.run)]
        if steps:
            if record.state == "finished":
                scene.unticked.add(record.task_address)
            step = record.rewinding or chance.choice(steps)
            image.begin(f"rewind {record.run} {step}", image.rewind(record.run, step), run=record.run)

    def _jump(self, chance: Chance) -> None:
        self._scene.clock.moved += timedelta(days=chance.choice((-1, 1)))

    def _tick(self, chance: Chance) -> None:
        """The user ticks a task by hand."""
        scene = self._scene
        if chance.happens(0.5):
            task = chance.choice(scene.task_ids)
            text = scene.tasks.read_text("utf-8")
            if f"- [ ] {task}. " in text:
                scene.hand_ticked.add(task)
                scene.tasks.write_text(text.replace(f"- [ ] {task}. ", f"- [x] {task}. "), "utf-8")

    def _runs(self, *states: str) -> list[RunRecord]:
        return [each for each in self._living()[0].store.runs() if each.state in states]

    def _newest(self) -> list[RunRecord]:
        return list({each.task_address: each for each in self._living()[0].store.runs()}.values())

    async def _to_the_end(self) -> None:
        """Nothing fails any more, everything is allowed: every run must come to its end."""
        scene = self._scene
        scene.vendor.faulty = 0.0
        scene.person.kind = True
        scene.log.add("calm")
        self._calm = True
        for each in self._living():
            each.fate.spare()
        scene.day_limit = None
        scene.day_limits.append(None)
        chance = self._chance.of("end")
        for _ in range(_ROUNDS):
            await self._until_idle()
            left = [each for each in self._runs(*_OPEN)]
            waits = [each for each in self._living()[0].store.runs() if each.tick_pending]
            if not left and not waits:
                break
            image = self._living()[0]
            for record in left:
                if record.rewinding is not None:
                    image.begin(f"rewind {record.run}", image.rewind(record.run, record.rewinding), run=record.run)
                    continue
                await self._raise_to(image, record.run, 50 * PICO)
                where = chance.choice(self._living())
                where.begin(f"resume {record.run}", where.drive(record.run), run=record.run)
            for record in waits:
                image.begin(f"tick {record.run}", image.settle(record), run=record.run)
            await asyncio.sleep(0)
        await self._until_idle()
        self._oracle.at_the_end()
        for each in self._living():
            each.close()
            each.fate.dead = True
        self._windows = [self._open()]
        self._oracle.look()
        if self._windows[0].store.verify_chain() is not None:
            scene.problem("the chain of the ledger is broken")

    async def _until_idle(self) -> None:
        while any(each.busy for each in self._living()):
            await asyncio.sleep(1.0)
            self._oracle.look()
            if self._scene.problems:
                return

    def _record(self) -> None:
        """What the journal has at the end, row by row, is part of the log."""
        with contextlib.suppress(Exception):
            for row in self._scene.sql("SELECT seq, at, run, kind, data FROM event ORDER BY seq"):
                self._scene.log.add("event", row=list(row))
            for row in self._scene.sql("SELECT n, request_id, at, run, step, attempt, cost_pico FROM ledger"):
                self._scene.log.add("ledger", row=list(row))
            statement = "SELECT run, key, status, attempt, result FROM step ORDER BY run, n"
            for row in self._scene.sql(statement):
                self._scene.log.add("step", row=list(row))
