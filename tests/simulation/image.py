"""One process of the product over the world's store: it may die at any call, and then only its files are left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import apsw

from bursar.domain.errors import BursarError, StorageError
from bursar.domain.money.price import Price, Rates, Unpriced
from bursar.domain.ports import Claimed, HeldElsewhere, ModelProvider
from bursar.domain.routes import Route
from bursar.domain.runs import RunRecord
from bursar.domain.specs import decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.providers import make_provider
from bursar.runs.circuits import Circuits
from bursar.runs.driver import drive, settle_tick
from bursar.runs.events import Events
from bursar.runs.gather import gather_documents
from bursar.runs.pace import Pace
from bursar.runs.prepare import estimate_task, new_run
from bursar.runs.retrying import retry
from bursar.runs.rewinding import plan_rewind, rewind
from bursar.runs.world import Way, Ways, World
from bursar.storage import SqliteJournal
from bursar.storage.opening import open_store
from bursar.storage.spool import FileSpool
from bursar.workspace import LocalSnapshots

from .fate import Crash, Fate, Mortal
from .network import DRIVE, RUN, Network
from .people import Asking
from .scene import PROVIDER, SECOND, SPEC, Scene
from .seeded import Chance, SeededJitter
from .vendor import MODEL, OTHER

_RATES = {
    model: Rates(
        input=Decimal(each[0]),
        output=Decimal(each[1]),
        cache_read=Decimal(each[2]),
        cache_write_5m=Decimal(each[3]),
        cache_write_1h=Decimal(each[4]),
    )
    for model, each in {MODEL: ("3", "15", "0.3", "3.75", "6"), OTHER: ("1", "4", "0.1", "1.25", "2")}.items()
}


class Image:
    """A process: opened over the store, driven from outside, ended by ``die`` or by its fate."""

    def __init__(self, scene: Scene, name: str, chance: Chance) -> None:
        self.scene = scene
        self.name = name
        self.fate = Fate(chance.of("fate"), died=self._died, seen=scene.points)
        self._chance = chance
        self._spools: list[FileSpool] = []
        self._jobs: dict[asyncio.Task[None], None] = {}
        self._drives = 0
        self._pace = Pace()
        self._failpoint = lambda point, /: self.fate.point(f"at {point}")
        self.store = scene.mutation.journal(
            scene.home,
            open_store(scene.home, scene.clock),
            clock=scene.clock,
            ids=scene.ids,
            failpoint=self._failpoint,
            owner=name,
            on_caller=True,
        )
        self.store.expire_texts()
        if self.store.notices:
            scene.problem(f"a start found the store damaged: {self.store.notices}")
        self.journal: Any = Mortal(Watched(self.store, self), self.fate, "journal")
        other = "openai-chat" if scene.wire == "anthropic" else "anthropic"
        self.providers = {PROVIDER: self._provider(PROVIDER, scene.wire), SECOND: self._provider(SECOND, other)}
        self.provider = self.providers[PROVIDER]
        self._circuits = Circuits()
        scene.log.add("process", name=name)

    def _provider(self, name: str, wire: str) -> ModelProvider:
        scene = self.scene
        chance = self._chance.of(f"network {name}")
        return make_provider(
            name=name,
            wire=wire,
            base_url="http://127.0.0.1:9",
            key=lambda: None,
            key_name=None,
            clock=scene.clock,
            ids=scene.ids,
            transport=lambda: Network(scene.vendor, self.fate, chance, scene.clock, scene.generation),
        )

    def _ways(self) -> Ways:
        first = Way(provider=self.provider, model=MODEL)
        second = Way(provider=self.providers[SECOND], model=OTHER)
        chain = (first,) if self.scene.route == "alone" else (first, second)
        helper = second if self.scene.helpers else None
        route = Route(
            chain=tuple(each.target for each in chain),
            balance=self.scene.route == "balance",
            stronger=helper and helper.target,
            economy=helper and helper.target,
        )
        return Ways(route=route, chain=chain, stronger=helper, economy=helper)

    def begin(self, what: str, job: Coroutine[Any, Any, None], *, run: str = "") -> None:
        """Do something in this process, beside all else."""

        async def guarded() -> None:
            self._drives += 1
            RUN.set(run)
            DRIVE.set(f"{self.name} {self._drives}")
            try:
                await job
            except (Crash, asyncio.CancelledError):
                self.scene.log.add("cut off", by=self.name, job=what)
            except StorageError as error:
                if not self.fate.dead:
                    self.scene.problem(f"{what} of {self.name} could not be written: {error}", error)
            except BursarError as error:
                self.scene.log.add("refused", by=self.name, job=what, error=type(error).__name__, said=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault that this seed has found
                if self.fate.dead:
                    return
                self.scene.problem(f"{what} of {self.name} raised {type(error).__name__}: {error}", error)

        def over(task: asyncio.Task[None]) -> None:
            self._jobs.pop(task, None)
            # Cancelled before its first step, it has never looked at what it was given.
            job.close()

        task = asyncio.get_running_loop().create_task(guarded())
        self._jobs[task] = None
        task.add_done_callback(over)

    @property
    def busy(self) -> bool:
        """Whether anything is under way here."""
        return bool(self._jobs)

    async def start(self, task: str, ceiling_pico: int | None) -> None:
        """Run a task, as 'bursar run --task' does."""
        scene = self.scene
        world = self.world()
        text = decode_spec(scene.tasks.read_bytes())
        spec = parse_spec(text, path_hint=SPEC)
        found = find_task(spec, task)
        if not isinstance(found, SpecTask) or found.state == "done":
            return
        estimate = estimate_task(
            spec=spec,
            text=text,
            task=found,
            documents=gather_documents(world.files, world.buffers, SPEC),
            provider=self.provider,
            model=MODEL,
            price=world.prices.price(provider=PROVIDER, model=MODEL, at=scene.clock.now_utc()),
            counter=world.counter,
            ceiling_pico=ceiling_pico,
        )
        planned = new_run(
            run=scene.ids.new("run"),
            workspace=str(scene.root),
            spec_path=SPEC,
            task=found,
            estimate=estimate,
            provider=PROVIDER,
            model=MODEL,
        )
        scene.ceiling(planned.run, ceiling_pico)
        record = await self.journal.create_run(planned, only_one=True)
        await self.drive(record.run)

    async def drive(self, run: str) -> None:
        """Go on with a run, as 'bursar resume RUN' does."""
        RUN.set(run)
        outcome = await drive(self.world(), run)
        self.scene.log.add("outcome", by=self.name, run=run, outcome=type(outcome).__name__)

    async def retry(self, record: RunRecord, ceiling_pico: int | None) -> None:
        """Try a task again, as 'bursar retry TASK' does."""
        spec = parse_spec(decode_spec(self.scene.tasks.read_bytes()), path_hint=SPEC)
        found = find_task(spec, record.task_address)
        if not isinstance(found, SpecTask) or found.state == "done":
            return
        run = self.scene.ids.new("run")
        self.scene.ceiling(run, ceiling_pico)
        RUN.set(record.run)
        await retry(self.world(), record, found, run=run, ceiling_pico=ceiling_pico)
        await self.drive(run)

    async def rewind(self, run: str, step: str) -> None:
        """Rewind a run, as 'bursar rewind RUN STEP' in a terminal does."""
        world = self.world()
        plan = await plan_rewind(world, run, step)
        with self.scene.rewinding(plan):
            done = await rewind(world, plan, can_ask=True)
        self.scene.log.add("rewound", run=run, step=step, done=done.done, files=list(done.files), left=list(done.left))

    async def settle(self, record: RunRecord) -> None:
        """Set the mark that waits, as 'bursar resume RUN' does for a finished run."""
        world = self.world()
        await settle_tick(world, record, Events(world, record.run))

    def die(self, where: str) -> None:
        """Kill it from outside, wherever it is."""
        self.fate.die(where)

    def close(self) -> None:
        """End it in order."""
        self.store.close()

    def world(self) -> World:
        """Its ports, each of which may be the last that it calls."""
        scene = self.scene
        spool = FileSpool(scene.home)
        self._spools.append(spool)
        snapshots = LocalSnapshots(scene.root, home=scene.home, env={"PATH": "/nonexistent"}, failpoint=self._failpoint)
        ports: dict[str, Any] = {
            "spool": Counted(spool, scene),
            "files": scene.mutation.files(scene.root, buffers=None, failpoint=self._failpoint, off_limits=scene.home),
            "snapshots": snapshots,
        }
        return World(
            journal=self.journal,
            **{name: Mortal(port, self.fate, name) for name, port in ports.items()},
            provider=self.provider,
            prices=Prices(),
            counter=FourBytes(),
            commands=scene.machine.programs(self.fate),
            asker=Asking(scene.person, self.fate, scene.doubtful),
            buffers=NoBuffers(),
            clock=scene.clock,
            jitter=SeededJitter(self._chance.of("jitter")),
            failpoint=self._failpoint,
            on_event=self._told,
            budgets=lambda: {} if scene.day_limit is None else {"day": scene.day_limit},
            ceilings=scene.ceilings,
            pace=self._pace,
            circuits=self._circuits,
            ways=self._ways(),
            provider_named=self.providers.get,
        )

    def _told(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
        self.fate.point("before the listener")
        self.scene.log.add("told", by=self.name, run=run, kind=kind, at=at, seq=seq, data=data)

    def _died(self, where: str) -> None:
        self.scene.log.add("died", name=self.name, where=where)
        self.scene.deaths[where] += 1
        self.scene.released_by(self)
        for each in list(self._jobs):
            each.cancel()
        # The call in which it died has its files open: they are given back once that has unwound.
        asyncio.get_running_loop().call_soon(self._give_back)

    def _give_back(self) -> None:
        for spool in self._spools:
            spool.stop()
        abandon(self.store)


class Watched:
    """The journal of one process; the scene is told who drives what."""

    def __init__(self, store: SqliteJournal, image: Image) -> None:
        self._store = store
        self._image = image

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, run: str) -> Claimed | HeldElsewhere:
        claimed = await self._store.claim(run)
        if isinstance(claimed, Claimed):
            self._image.scene.claimed(run, self._image)
        return claimed

    async def release(self, run: str) -> None:
        self._image.scene.released(run, self._image)
        await self._store.release(run)


class Counted:
    """A spool that tells the provider's books what was kept."""

    def __init__(self, spool: FileSpool, scene: Scene) -> None:
        self._spool = spool
        self._scene = scene
        self._request_id = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spool, name)

    def start(self, *, run: str, key: str, attempt: int, request_id: str) -> None:
        self._request_id = request_id
        self._scene.vendor.called(DRIVE.get(), request_id)
        self._spool.start(run=run, key=key, attempt=attempt, request_id=request_id)

    def keep(self, data: bytes) -> None:
        self._spool.keep(data)
        self._scene.vendor.kept(self._request_id, data)


class Prices:
    """One card for both models."""

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        if model in _RATES:
            return Price(model=model, rates=_RATES[model], rate_card="simulated")
        return Unpriced(model=model, why="no card knows it")

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        return 200_000


class FourBytes:
    """Four bytes are a token, rounded up."""

    def count(self, text: str, /, *, encoding: str = "o200k_base") -> int:
        return -(-len(text.encode("utf-8", "replace")) // 4)

    def ready(self, encoding: str) -> bool:
        return True

    def load(self, encoding: str) -> None:
        return None


class NoBuffers:
    """No document is open."""

    def unsaved_text(self, path: str) -> str | None:
        return None

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        return False


def abandon(store: SqliteJournal) -> None:
    """What the kernel does at the end of a process: files and locks are given back, nothing is finished."""
    care = store._care
    opened = care._opened
    care.writer._closed = True
    for connection in (opened.connection, store._reader):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()
    store._locks.close()
    opened.witness.close()
    opened.presence.close()
    opened.gate.close()
