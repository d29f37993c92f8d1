"""Who drives a run: a file lock that proves that the owner lives, and an epoch that fences a late one."""

from __future__ import annotations

import os
import socket

import apsw

from bursar.domain.errors import OwnedElsewhere
from bursar.domain.ports import Clock, Failpoint, HeldElsewhere
from bursar.domain.runs import KeptSteps, NewRun
from bursar.storage import runs
from bursar.storage.locks import RunLocks
from bursar.storage.witness import Witness
from bursar.storage.writer import Writer

_LOOKS = 10
_PAUSE_S = 0.005


class Owning:
    """The runs that this process owns. The lock is always taken before the row says so, and freed after it says no."""

    def __init__(
        self,
        *,
        locks: RunLocks,
        writer: Writer,
        witness: Witness,
        clock: Clock,
        failpoint: Failpoint,
        name: str | None = None,
    ) -> None:
        self.name = name or f"process {os.getpid()} on {socket.gethostname()}"
        self._locks = locks
        self._writer = writer
        self._witness = witness
        self._clock = clock
        self._failpoint = failpoint
        self._epochs: dict[str, int] = {}
        # Recorded here, and not taken up yet by what will drive them.
        self._begun: set[str] = set()

    async def begin(self, run: NewRun, *, only_one: bool, kept: KeptSteps | None) -> None:
        """Record a run and own it, in one transaction. Raises OwnedElsewhere where the task has another one."""
        name = run.run
        holder = self._locks.take(name, self.name)
        if holder is not None:
            raise OwnedElsewhere(f"{name} is there already, and {holder} has it")
        at = self._clock.now_utc()

        def create(db: apsw.Connection) -> int:
            epoch = runs.create(db, run, self.name, at, only_one=only_one, kept=kept)
            self._witness.claimed(name, epoch)
            return epoch

        self._failpoint("before_create")
        try:
            epoch = await self._writer.write(create)
        except BaseException:
            self._locks.drop(name, forget=True)
            raise
        self._epochs[name] = epoch
        self._begun.add(name)
        self._failpoint("after_create")

    async def take(self, run: str) -> int | HeldElsewhere:
        """Own a run that is there; the epoch. One that was recorded here is owned already."""
        if run in self._begun:
            self._begun.discard(run)
            return self._epochs[run]
        # Whoever looks whether the owner lives holds the lock for a moment: look again before believing it.
        for _ in range(_LOOKS):
            holder = self._locks.take(run, self.name)
            if holder is None or self._locks.mine(run):
                break
            await self._clock.sleep(_PAUSE_S)
        if holder is not None:
            return HeldElsewhere(owner=holder)
        self._failpoint("after_lock")
        at = self._clock.now_utc()

        def take_over(db: apsw.Connection) -> int:
            epoch = runs.take_over(db, run, self.name, at)
            self._witness.claimed(run, epoch)
            return epoch

        try:
            epoch = await self._writer.write(take_over)
        except BaseException:
            self._locks.drop(run)
            raise
        self._epochs[run] = epoch
        self._failpoint("after_claim")
        return epoch

    async def give_back(self, run: str) -> None:
        """No longer own a run; harmless when it is not ours."""
        epoch = self._epochs.pop(run, None)
        self._begun.discard(run)
        try:
            if epoch is not None:
                self._failpoint("before_release")
                await self._writer.write(lambda db: runs.give_back(db, run, epoch))
                self._failpoint("after_release")
        finally:
            self._locks.drop(run)
