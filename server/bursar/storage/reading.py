"""The reading half of the journal: on the calling thread, through a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from bursar.domain.counting import CountedRequest
from bursar.domain.money.binding import ProviderWindow
from bursar.domain.money.budget import Limit, Scope, Standing, Unit, Used, WarnPercent
from bursar.domain.money.history import RunFigures
from bursar.domain.money.imported import ImportedSpend
from bursar.domain.money.past import EndedRun
from bursar.domain.money.reconcile import Booked
from bursar.domain.money.spending import Spending, SpendKey
from bursar.domain.money.use_rate import DayRequests
from bursar.domain.runs import RequestRow, RunEvent, RunRecord, RunSummary, StepOutline, StepRecord
from bursar.storage import budgets, reads, rewinds, standing
from bursar.storage.connect import open_reader
from bursar.storage.counted import counted_requests
from bursar.storage.errors import Damaged, translated
from bursar.storage.history import prompt_documents, run_figures
from bursar.storage.imports import spent_on
from bursar.storage.ledger import broken_row
from bursar.storage.locks import RunLocks
from bursar.storage.past import ended_runs
from bursar.storage.spending import booked, request_days, spending
from bursar.storage.texts import read_text
from bursar.storage.windows import context_window, kept_windows


class JournalReads:
    """Sees what was committed, by this process or another; each method one state of the file."""

    def __init__(self, path: Path, locks: RunLocks) -> None:
        self.path = path
        self._locks = locks
        self._reader = open_reader(path)
        self._reading = threading.Lock()

    def run(self, run: str) -> RunRecord | None:
        """The run with its first request (empty when that was erased)."""
        with self._read() as db:
            return reads.one_run(db, run, self._locks.alive)

    def runs(self, workspace: str | None = None) -> list[RunRecord]:
        """The runs of tasks, oldest first; their first requests are left out."""
        with self._read() as db:
            return reads.all_runs(db, workspace, self._locks.alive)

    def steps(self, run: str) -> list[StepRecord]:
        """The steps of a run in their order."""
        with self._read() as db:
            return reads.steps(db, run)

    def set_aside(self, run: str) -> list[tuple[int, StepRecord]]:
        """The steps that rewinds took out of a run, each with the number of its rewind."""
        with self._read() as db:
            return rewinds.set_aside(db, run)

    def outlines(self, runs: Sequence[str]) -> dict[str, list[StepOutline]]:
        """What each step of these runs is about, in their order."""
        with self._read() as db:
            return rewinds.outlines(db, tuple(runs))

    def events(self, *, run: str | None = None, after_seq: int = 0) -> list[RunEvent]:
        """The events after a sequence number, in their order."""
        with self._read() as db:
            return reads.events(db, run, after_seq)

    def summary(self, run: str) -> RunSummary | None:
        """A run with its figures."""
        with self._read() as db:
            record = reads.one_run(db, run, self._locks.alive)
            return None if record is None else reads.summaries(db, [record], workspace=None, run=run)[0]

    def summaries(self, workspace: str | None = None) -> list[RunSummary]:
        """The runs of tasks with their figures, oldest first; their first requests are left out."""
        with self._read() as db:
            records = reads.all_runs(db, workspace, self._locks.alive)
            return reads.summaries(db, records, workspace=workspace, run=None)

    def operations(self, workspace: str | None = None) -> list[RunSummary]:
        """The operations with their figures, oldest first; their first requests are left out."""
        with self._read() as db:
            records = reads.all_runs(db, workspace, self._locks.alive, operations=True)
            return reads.summaries(db, records, workspace=workspace, run=None)

    def requests(
        self,
        *,
        workspace: str | None = None,
        run: str | None = None,
        since: str | None = None,
        newest: int | None = None,
    ) -> list[RequestRow]:
        """The ledger's entries, oldest first; ``since`` is the first day, ``newest`` the most of them."""
        with self._read() as db:
            return reads.requests(db, workspace, run, since=since, newest=newest)

    def spending(
        self, by: SpendKey, *, since: str | None = None, agent: str | None = None, most: int | None = None
    ) -> Spending:
        """The kept sums under each key; ``since`` is the first day, ``most`` gives the dearest (or newest days)."""
        with self._read() as db:
            return spending(db, by, since=since, agent=agent, most=most)

    def request_days(self, *, first: str) -> list[DayRequests]:
        """How many requests were booked on each local day from this one on, in each folder; imported ones, too."""
        with self._read() as db:
            return request_days(db, first=first)

    def booked(self, *, first: str, last: str, utc: bool, by_request: bool, all_agents: bool = False) -> list[Booked]:
        """What is in the books from one day to another, by day and model or by request."""
        with self._read() as db:
            return booked(db, first=first, last=last, utc=utc, by_request=by_request, all_agents=all_agents)

    def ended_runs(self, newest: int) -> list[EndedRun]:
        """The runs of tasks that ended last, of all workspaces, with what they took; at most that many."""
        with self._read() as db:
            return ended_runs(db, newest)

    def counted_requests(self, newest: int) -> list[CountedRequest]:
        """Of the requests that were billed last, at most that many, those that we counted; the newest first."""
        with self._read() as db:
            return counted_requests(db, newest)

    def run_figures(self, newest: int) -> list[RunFigures]:
        """The runs of tasks that ended last, oldest first, with what they took; at most that many."""
        with self._read() as db:
            return run_figures(db, newest)

    def prompt_documents(self, version: str) -> tuple[tuple[str, str], ...]:
        """Path and hash of each text that makes this version of the user's texts."""
        with self._read() as db:
            return prompt_documents(db, version)

    def body(self, body_sha256: str) -> bytes | None:
        """The bytes of a request as they were sent; None when they were erased."""
        with self._read() as db:
            return read_text(db, body_sha256)

    def charged_pico(self, scope: Scope) -> int:
        """The fold of the ledger for a scope."""
        with self._read() as db:
            return standing.used(db, scope, "usd").charged

    def held_pico(self, scope: Scope) -> int:
        """Money held for requests in flight in a scope."""
        with self._read() as db:
            return standing.used(db, scope, "usd").held

    def used(self, scope: Scope, unit: Unit) -> Used:
        """What is used of a budget of this scope, in its unit."""
        with self._read() as db:
            return standing.used(db, scope, unit)

    def standings(self, limits: Sequence[Limit]) -> list[Standing]:
        """How these limits stand, all at one moment."""
        with self._read() as db:
            return standing.standings(db, limits)

    def budget_day(self, local_day: str) -> str:
        """The local day that budgets are in: this one, or a later one that something was reserved on already."""
        with self._read() as db:
            return standing.budget_day(db, local_day)

    def windows(self) -> list[ProviderWindow]:
        """What the providers said last of their own limits."""
        with self._read() as db:
            return kept_windows(db)

    def context_window(self, *, provider: str, model: str) -> tuple[int, str] | None:
        """How many tokens a model takes, as its provider taught it, and when; None where it did not."""
        with self._read() as db:
            return context_window(db, provider=provider, model=model)

    def raised_runs(self) -> dict[str, int]:
        """By how much the user has raised the ceilings of runs, each for that run alone, in pico-dollars."""
        with self._read() as db:
            return budgets.raised_runs(db)

    def warned(self, scope: Scope, unit: Unit, limit: int) -> int:
        """The highest share of this limit, in percent, that was told of; 0 for none."""
        with self._read() as db:
            return budgets.warned(db, scope, unit, limit)

    def keep_warm(self) -> bool | None:
        """What the user has answered to whether prompts are kept warm; None before that."""
        with self._read() as db:
            return budgets.keep_warm(db)

    def warn_percent(self) -> WarnPercent:
        """At which shares of a budget its level changes."""
        with self._read() as db:
            return budgets.warn_percent(db)

    def stored_budgets(self) -> dict[str, tuple[str, int]]:
        """The user's own limits."""
        with self._read() as db:
            return budgets.limits(db)

    def imported_on(self, local_day: str) -> ImportedSpend | None:
        """What other agents spent on a day, as far as it was imported; None before the first import."""
        with self._read() as db:
            return spent_on(db, local_day)

    def verify_chain(self) -> int | None:
        """The number of the first ledger row that is not what was written, None when all are."""
        with self._read() as db:
            return broken_row(db)

    def changes(self) -> int:
        """Differs after any commit to the file; reads go through a connection of their own, which sees ours too."""
        with self._reading, translated(self.path):
            return int(self._reader.execute("PRAGMA data_version").get)

    def _close_reader(self) -> None:
        with self._reading:
            self._reader.close()

    def _damage_found(self, what: str) -> None:
        """SQLite says that the file is damaged."""

    @contextmanager
    def _read(self) -> Iterator[apsw.Connection]:
        """One state of the file for all statements of the block."""
        try:
            with self._reading, translated(self.path):
                self._reader.execute("BEGIN")
                try:
                    yield self._reader
                finally:
                    self._reader.execute("COMMIT")
        except Damaged as damage:
            self._damage_found(damage.what)
            raise
