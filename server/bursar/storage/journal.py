"""The Journal port on SQLite: every write is durable when it returns, every read sees what was committed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import apsw

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import Granted, Limit, RefusedByBudget, Scope
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.ports import Claimed, Clock, Failpoint, HeldElsewhere, Ids
from bursar.domain.responses import KeptResponse
from bursar.domain.runs import KeptSteps, NewRun, RunEvent, RunRecord, RunState, StepKind
from bursar.storage import erasure, requests, rewinds, runs
from bursar.storage.budget_writes import BudgetWrites
from bursar.storage.care import Care
from bursar.storage.home import secure_folder, secure_inside
from bursar.storage.imports import SqliteImports
from bursar.storage.keeping_texts import KeepingTexts
from bursar.storage.locks import RunLocks
from bursar.storage.opening import Opened, open_store
from bursar.storage.owning import Owning
from bursar.storage.pinning import Pinning
from bursar.storage.responses import SqliteResponses, keep_response
from bursar.storage.rows import json_text
from bursar.storage.spool import FileSpool
from bursar.storage.stopping import stop_now

T = TypeVar("T")
KEEP_TEXT_DAYS = 30


def open_journal(home: Path, *, clock: Clock, ids: Ids, failpoint: Failpoint) -> SqliteJournal:
    """The journal below one state folder, made, migrated or mended where that is needed.

    A damaged file is set aside and the store goes on from a backup and its copy of the ledger: ``notices`` says so.
    Texts that are older than their keeping time are removed. Raises Refused for a folder that is not this user's own,
    and StorageError when the store cannot be used; what is there is then left as it is.
    """
    secure_folder(home)
    secure_inside(home)
    journal = SqliteJournal(home, open_store(home, clock, failpoint), clock=clock, ids=ids, failpoint=failpoint)
    try:
        journal.reap_at_start()
        journal.expire_texts()
        journal.begin_upkeep()
    except BaseException:
        journal.close()
        raise
    return journal


class SqliteJournal(BudgetWrites, Pinning):
    """See the port for what each method promises."""

    def __init__(
        self,
        home: Path,
        opened: Opened,
        *,
        clock: Clock,
        ids: Ids,
        failpoint: Failpoint,
        owner: str | None = None,
        on_caller: bool = False,
    ) -> None:
        """``owner`` is who drives runs here, in words; ``on_caller`` writes on the calling thread instead of one of
        its own, which a test needs whose order of events nothing but its seed decides."""
        super().__init__(opened.path, RunLocks(home / "locks"))
        self._home = home
        self._clock = clock
        self._ids = ids
        self._failpoint = failpoint
        self.backup_looks = 100
        self._keeping = KeepingTexts(home, self.path, alive=self._locks.alive, clock=clock)
        self._care = Care(home, opened, clock, failpoint, on_caller=on_caller)
        self._writer = self._care.writer
        self.imports = SqliteImports(home, self._writer, self._read, clock)
        self.responses = SqliteResponses(home, self._writer, self._read, clock)
        self._owning = Owning(
            locks=self._locks,
            writer=self._writer,
            witness=opened.witness,
            clock=clock,
            failpoint=failpoint,
            name=owner,
        )

    @cached_property
    def session(self) -> str:
        """The name under which this process spends: a window from its start to its end, or a command."""
        return self._ids.new("session")

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user must be told about the store itself, oldest first."""
        return self._care.notices

    async def create_run(self, run: NewRun, *, only_one: bool = False, kept: KeptSteps | None = None) -> RunRecord:
        """Record a run and own it in one transaction, its lock taken before: nobody ever sees it without an owner.

        Whether the task has another run is looked up in the same transaction: of two windows that begin a task at the
        same moment, one is told no.
        """
        self._care.check_usable()
        await self._owning.begin(run, only_one=only_one, kept=kept)
        return self._recorded(run.run)

    async def claim(self, run: str) -> Claimed | HeldElsewhere:
        """Take ownership. Raises BadInput for a run that is not there and Refused for one whose text was erased."""
        if self._recorded(run).resume_at is not None:
            self._failpoint("at_wake")
        got = await self._owning.take(run)
        if isinstance(got, HeldElsewhere):
            return got
        return Claimed(run=self._recorded(run), epoch=got)

    async def release(self, run: str) -> None:
        """Give ownership and lock back."""
        await self._owning.give_back(run)

    async def begin_request(
        self,
        *,
        run: str,
        epoch: int,
        key: str,
        n: int,
        attempt: int,
        intent: dict[str, Any],
        body: bytes,
        body_sha256: str,
        prompt_sha256: str,
        hold_pico: int,
        limits: Sequence[Limit],
        day: Scope,
    ) -> Granted | RefusedByBudget:
        """Hold the money and record the intent; StorageError also for a step that has its answer."""
        self._care.check_usable()
        wanted = requests.Wanted(
            run=run,
            epoch=epoch,
            key=key,
            n=n,
            attempt=attempt,
            intent=intent,
            body=body,
            body_sha256=body_sha256,
            prompt_sha256=prompt_sha256,
            hold=self._ids.new("hold"),
            session=self.session,
            hold_pico=hold_pico,
            local_day=day.key,
            at=self._clock.now_utc(),
        )
        self._failpoint("before_intent")
        decision = await self._writer.write(lambda db: requests.begin(db, wanted, limits))
        if isinstance(decision, Granted):
            self._failpoint("after_intent")
        return decision

    async def settle_request(
        self,
        *,
        run: str,
        epoch: int,
        key: str,
        attempt: int,
        entry: LedgerEntry,
        result: dict[str, Any] | None,
        seconds_run: float,
        kept: dict[str, Any] | None = None,
    ) -> None:
        """Book the entry, give the hold back, record the result."""
        at = self._clock.now_utc()
        self._failpoint("before_result")
        await self._writer.write(
            lambda db: requests.settle(
                db,
                run=run,
                epoch=epoch,
                key=key,
                attempt=attempt,
                entry=entry,
                result=result,
                kept=kept,
                seconds_run=seconds_run,
                at=at,
            )
        )
        self._failpoint("after_result")

    async def release_request(self, *, run: str, epoch: int, key: str, attempt: int, why: str) -> None:
        """Give the hold back."""
        at = self._clock.now_utc()
        self._failpoint("before_refund")
        await self._writer.write(
            lambda db: requests.release(db, run=run, epoch=epoch, key=key, attempt=attempt, why=why, at=at)
        )
        self._failpoint("after_refund")

    async def begin_step(
        self, *, run: str, epoch: int, key: str, n: int, kind: StepKind, intent: dict[str, Any]
    ) -> None:
        """Record an intent."""
        at = self._clock.now_utc()
        self._failpoint("before_tool_intent")
        await self._writer.write(
            lambda db: runs.begin_step(db, run=run, epoch=epoch, key=key, n=n, kind=kind, intent=intent, at=at)
        )
        self._failpoint("after_tool_intent")

    async def finish_step(self, *, run: str, epoch: int, key: str, result: dict[str, Any], seconds_run: float) -> None:
        """Record a result."""
        at = self._clock.now_utc()
        self._failpoint("before_tool_result")
        await self._writer.write(
            lambda db: runs.finish_step(
                db, run=run, epoch=epoch, key=key, result=result, seconds_run=seconds_run, at=at
            )
        )
        self._failpoint("after_tool_result")

    async def doubt_step(self, *, run: str, epoch: int, key: str) -> None:
        """Mark a step in doubt."""
        await self._writer.write(lambda db: runs.doubt_step(db, run=run, epoch=epoch, key=key))

    async def set_state(
        self,
        *,
        run: str,
        epoch: int,
        state: RunState,
        reason: str | None = None,
        detail: str | None = None,
        resume_at: str | None = None,
        tick_pending: bool | None = None,
        seconds_run: float | None = None,
        keep: KeptResponse | None = None,
    ) -> None:
        """Record where the run stands; a reason, detail or moment that is not given is cleared."""
        at = self._clock.now_utc()
        self._failpoint("before_state" if resume_at is None else "before_park")

        def write(db: apsw.Connection) -> None:
            runs.set_state(
                db,
                run=run,
                epoch=epoch,
                state=state,
                reason=reason,
                detail=detail,
                resume_at=resume_at,
                tick_pending=tick_pending,
                seconds_run=seconds_run,
                at=at,
            )
            if keep is not None:
                keep_response(db, keep, at)

        await self._writer.write(write)
        self._failpoint("after_state" if resume_at is None else "after_park")

    async def clear_tick_pending(self, run: str) -> None:
        """The saved file has the mark."""
        await self._change(run, "tick_pending = 0")

    async def append_event(self, *, run: str, kind: str, data: dict[str, Any]) -> RunEvent:
        """Add a line to the run's history."""
        at, text = self._clock.now_utc(), json_text(data)

        def add(db: apsw.Connection) -> int:
            db.execute("INSERT INTO event (at, run, kind, data) VALUES (?, ?, ?, ?)", (at, run, kind, text))
            return db.last_insert_rowid()

        return RunEvent(seq=await self._writer.write(add), at=at, run=run, kind=kind, data=data)

    async def begin_rewind(self, *, run: str, epoch: int, key: str) -> None:
        """Say that the files are about to be brought back."""
        at = self._clock.now_utc()
        await self._writer.write(lambda db: rewinds.begin(db, run=run, epoch=epoch, key=key, at=at))
        self._failpoint("rewind_begun")

    async def finish_rewind(self, *, run: str, epoch: int, key: str, detail: str, data: dict[str, Any]) -> RunEvent:
        """Set the steps aside and keep the event."""
        at = self._clock.now_utc()
        seq = await self._writer.write(
            lambda db: rewinds.finish(db, run=run, epoch=epoch, key=key, detail=detail, data=data, at=at)
        )
        self._failpoint("rewind_done")
        return next(each for each in self.events(run=run, after_seq=seq - 1))

    async def request_pause(self, run: str) -> bool:
        """Leave the wish for the living owner; False when nobody drives the run."""
        record = self.run(run)
        if record is None or not record.owner_alive:
            return False
        await self._change(run, "pause_requested = 1")
        return True

    async def request_stop(self, run: str) -> bool:
        """Leave the wish for the living owner, or end the run here and now; False when it has ended.

        What a dead owner had in flight is booked as "at most" what was held for it.
        """
        record = self.run(run)
        if record is None or record.state in ("finished", "failed"):
            return False
        if self._locks.take(run, self._owning.name) is not None:
            await self._change(run, "stop_requested = 1")
            return True
        try:
            at = self._clock.now_utc()
            spool = FileSpool(self._home)
            await self._writer.write(lambda db: stop_now(db, run=run, spool=spool, at=at))
        finally:
            self._locks.drop(run)
        return True

    async def raise_ceiling(self, run: str, ceiling_pico: int | None) -> None:
        """Give the run another ceiling, or none."""
        await self._change(run, "ceiling_pico = ?", ceiling_pico)

    async def set_model(self, run: str, *, provider: str, model: str) -> None:
        """Ask another model from the run's next request on; what was sent before keeps the name of its own."""
        await self._change(run, "provider = ?, model = ?", provider, model)

    async def erase(self, *, run: str | None = None, workspace: str | None = None, everything: bool = False) -> int:
        """Remove texts for good; Refused while one of the runs is driven, BadInput unless one thing is named."""
        if [run is not None, workspace is not None, everything].count(True) != 1:
            raise BadInput("say what to erase: one run, one workspace, or all")
        number = await self._writer.write(
            self._keeping.erasing(run=run, workspace=workspace, everything=everything, looks=self.backup_looks),
            alone=True,
        )
        self._care.tell_of_asides()
        return number

    def expire_texts(self, older_than_days: int = KEEP_TEXT_DAYS) -> int:
        """Remove the texts of runs that nobody has touched for so long; how many runs. Blocks; cheap when none is."""
        moment = self._clock.utc_in(-86_400.0 * older_than_days)
        with self._read() as db:
            if not erasure.older_than(db, moment):
                return 0
        return self._writer.submit(self._keeping.expiring(older_than_days, moment), alone=True).result()

    def begin_upkeep(self) -> None:
        """Look at the whole file and make a backup, each when it is due, on a thread of its own."""
        self._care.begin()

    def close(self) -> None:
        """Finish what was handed in, then give files and locks back; the last one says that all ended in order."""
        self._care.end_upkeep()
        self._close_reader()
        self._writer.close()
        self._locks.close()
        self.responses.close()
        self._care.end()

    async def _change(self, run: str, assignments: str, *values: Any) -> None:
        at = self._clock.now_utc()
        await self._writer.write(lambda db: runs.change(db, run, assignments, values, at))

    def _recorded(self, run: str) -> RunRecord:
        record = self.run(run)
        if record is None:
            raise runs.no_such_run(run)
        return record

    def _damage_found(self, what: str) -> None:
        self._care.damage_found(what)
