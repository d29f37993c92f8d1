"""The journal as a port: what happened, and who owns the run that it happens to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bursar.domain.context.pins import Pin
    from bursar.domain.counting.calibrate import CountedRequest
    from bursar.domain.money.binding import ProviderWindow
    from bursar.domain.money.budget import (
        Granted,
        Limit,
        RefusedByBudget,
        Scope,
        Standing,
        Unit,
        Used,
        WarnPercent,
    )
    from bursar.domain.money.history import RunFigures
    from bursar.domain.money.imported import ImportedSpend
    from bursar.domain.money.ledger import LedgerEntry
    from bursar.domain.money.past import EndedRun
    from bursar.domain.money.reconcile import Booked
    from bursar.domain.money.spending import Spending, SpendKey
    from bursar.domain.money.use_rate import DayRequests
    from bursar.domain.pacing import Window
    from bursar.domain.ports.responses import ResponseStore
    from bursar.domain.responses import KeptResponse
    from bursar.domain.runs import (
        KeptSteps,
        NewRun,
        RequestRow,
        RunEvent,
        RunRecord,
        RunState,
        RunSummary,
        StepKind,
        StepOutline,
        StepRecord,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """This process owns the run under this fencing epoch."""

    run: RunRecord
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldElsewhere:
    """Another living process owns the run."""

    owner: str


class Journal(Protocol):
    """What happened, durable before anybody acts on it. Writes are one transaction each and are fenced by epoch.

    Every write with an ``epoch`` raises Fenced when the run has a newer one. StorageError says that nothing was
    written. Reads see committed data only.
    """

    @property
    def session(self) -> str:
        """The name under which this process spends: a window from its start to its end, or a command."""

    @property
    def responses(self) -> ResponseStore:
        """Bursar's own response cache."""

    async def create_run(self, run: NewRun, *, only_one: bool = False, kept: KeptSteps | None = None) -> RunRecord:
        """Record a run that this process owns from then on: the first ``claim`` here takes it up, or ``release`` gives
        it back.

        With ``only_one`` raises OwnedElsewhere where the task has another that could go on. ``kept`` are copied in the
        same transaction, each with ``from_run`` in its intent.
        """

    async def claim(self, run: str) -> Claimed | HeldElsewhere:
        """Take ownership: a living owner's lock refuses, else the epoch grows by one. Clears the pause flag.

        A run that this process has just recorded is its own already, and stays under its first epoch.
        """

    async def release(self, run: str) -> None:
        """Give the ownership (and its lock) back; harmless when not owned."""

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
        """Reserve and record the intent in one durable transaction, before anything is sent.

        Every limit of the chain is checked as charged + held + wanted <= limit, where charged is the fold of the
        ledger for the scope (cost, or the bound where the cost is unknown). ``day`` is the local day of the clock; it
        is booked on a later one that was seen before, and periods are those of that. What the user has set by command
        in another window meanwhile holds. Refused: nothing was written.
        """

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
        """The ledger entry, the release of the hold and the step's result (None: the attempt failed, the step stays
        to be done; ``kept`` is then what arrived of its answer) in one durable transaction. Idempotent by the entry's
        request id."""

    async def release_request(self, *, run: str, epoch: int, key: str, attempt: int, why: str) -> None:
        """The provider did not take it: the hold goes back, the step stays to be done."""

    async def begin_step(
        self, *, run: str, epoch: int, key: str, n: int, kind: StepKind, intent: dict[str, Any]
    ) -> None:
        """Record durably what is about to be done."""

    async def finish_step(self, *, run: str, epoch: int, key: str, result: dict[str, Any], seconds_run: float) -> None:
        """Record durably what came of it."""

    async def doubt_step(self, *, run: str, epoch: int, key: str) -> None:
        """Mark a step whose outcome cannot be known: the user decides."""

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
        """Record where the run stands, and with it the answer that it paid for, in one transaction."""

    async def clear_tick_pending(self, run: str) -> None: ...

    async def append_event(self, *, run: str, kind: str, data: dict[str, Any]) -> RunEvent: ...

    async def begin_rewind(self, *, run: str, epoch: int, key: str) -> None:
        """Say durably that the files are about to be brought back to before a step; the run waits for the end of it."""

    async def finish_rewind(self, *, run: str, epoch: int, key: str, detail: str, data: dict[str, Any]) -> RunEvent:
        """Set the step and all after it aside, with the ``rewound`` event, in one transaction; the run is paused."""

    async def request_pause(self, run: str) -> bool:
        """Ask the owner to pause between steps; False when there is no such run that could."""

    async def request_stop(self, run: str) -> bool:
        """Ask the owner to end the run for good at once, within a step, too; ends it here when nobody owns it."""

    async def raise_ceiling(self, run: str, ceiling_pico: int | None) -> None: ...

    async def set_model(self, run: str, *, provider: str, model: str) -> None:
        """Ask another model from the run's next request on; what was sent before keeps the name of its own."""

    async def set_budget(self, kind: str, unit: str, value: int) -> None:
        """The user's own limit for a scope kind; replaces the one before."""

    async def unset_budget(self, kind: str) -> bool:
        """Forget the user's own limit for a scope kind, so that the settings hold again; False without one."""

    async def raise_once(self, run: str, scope: Scope, unit: Unit, value: int) -> None:
        """Raise a limit for this scope and period alone; kept with the run that asked for it."""

    async def warn_once(self, scope: Scope, unit: Unit, limit: int, percent: int) -> bool:
        """Keep that this share of a limit was told of; False where it was already."""

    async def alert_once(self, day: str) -> bool:
        """Keep that this day's alerts were told, here or in another process; False where they were already."""

    async def keep_windows(self, *, provider: str, model: str, windows: Sequence[Window]) -> None:
        """Keep what a provider said last of its own limits; of its quota only while nothing else was said."""

    async def keep_context_window(self, *, provider: str, model: str, tokens: int) -> None:
        """Keep how many tokens a model takes, as its provider's refusal taught it."""

    async def put_pin(self, workspace: str, pin: Pin) -> None:
        """Keep what the user pinned in a workspace; one on the same lines is replaced."""

    async def remove_pin(self, workspace: str, pin: Pin) -> None:
        """Forget a pin; harmless when it is not there."""

    async def set_budget_day(self, day: str) -> None:
        """Take this local day for the present one, whatever was reserved on a later one."""

    async def choose_keep_warm(self, *, on: bool) -> None:
        """Keep the user's answer to whether prompts are kept warm while runs wait; it is asked once."""

    async def set_warn_percent(self, percent: WarnPercent) -> None:
        """At which shares of a budget its level changes."""

    async def erase(self, *, run: str | None = None, workspace: str | None = None, everything: bool = False) -> int:
        """Remove prompt text, replies and results for good (overwritten in the file), keep sums; how many runs."""

    def run(self, run: str) -> RunRecord | None: ...

    def runs(self, workspace: str | None = None) -> list[RunRecord]:
        """The runs of tasks, oldest first; operations are not among them."""

    def steps(self, run: str) -> list[StepRecord]: ...

    def set_aside(self, run: str) -> list[tuple[int, StepRecord]]:
        """The steps that rewinds took out of a run, each with the number of its rewind."""

    def outlines(self, runs: Sequence[str]) -> dict[str, list[StepOutline]]:
        """What each step of these runs is about, in their order, without its texts."""

    def events(self, *, run: str | None = None, after_seq: int = 0) -> list[RunEvent]: ...

    def summary(self, run: str) -> RunSummary | None: ...

    def summaries(self, workspace: str | None = None) -> list[RunSummary]:
        """The same with their figures."""

    def operations(self, workspace: str | None = None) -> list[RunSummary]:
        """The operations (single requests beside the runs), oldest first, with their figures."""

    def requests(
        self,
        *,
        workspace: str | None = None,
        run: str | None = None,
        since: str | None = None,
        newest: int | None = None,
    ) -> list[RequestRow]:
        """The ledger's entries, oldest first; ``since`` is the first day, ``newest`` the most of them."""

    def spending(
        self, by: SpendKey, *, since: str | None = None, agent: str | None = None, most: int | None = None
    ) -> Spending:
        """The kept sums under each key; ``since`` is the first day, ``agent`` gives that one's rows only, and ``most``
        the dearest of them (of days, the newest)."""

    def request_days(self, *, first: str) -> list[DayRequests]:
        """How many requests were booked on each local day from this one on, in each folder; imported ones, too."""

    def ended_runs(self, newest: int) -> list[EndedRun]:
        """The runs of tasks that ended last, of all workspaces, with what they took; at most that many."""

    def counted_requests(self, newest: int) -> list[CountedRequest]:
        """Of the requests that were billed last, at most that many, those that we counted; the newest first."""

    def run_figures(self, newest: int) -> list[RunFigures]:
        """The runs of tasks that ended last, of all workspaces, oldest first; at most that many."""

    def prompt_documents(self, version: str) -> tuple[tuple[str, str], ...]:
        """Path and hash of each text that makes this version of the user's texts; none where it is not known."""

    def pins(self, workspace: str) -> list[Pin]:
        """What the user has pinned in a workspace, the oldest first."""

    def body(self, body_sha256: str) -> bytes | None:
        """The bytes of a request as they were sent; None when they were erased."""

    def booked(self, *, first: str, last: str, utc: bool, by_request: bool, all_agents: bool = False) -> list[Booked]:
        """What is in the books from one day to another, by day and model or by request; ``utc`` takes the days as
        those of UTC, ``all_agents`` has what was imported of others among them."""

    def charged_pico(self, scope: Scope) -> int:
        """The fold of the ledger for a scope: costs, and bounds where a cost is unknown."""

    def held_pico(self, scope: Scope) -> int:
        """Money held for requests in flight in a scope."""

    def imported_on(self, local_day: str) -> ImportedSpend | None:
        """What other agents spent on a day, as far as it was imported; None before the first import."""

    def used(self, scope: Scope, unit: Unit) -> Used:
        """What is used of a budget of this scope, in its unit."""

    def standings(self, limits: Sequence[Limit]) -> list[Standing]:
        """How these limits stand, all at one moment, with what they were raised by."""

    def budget_day(self, local_day: str) -> str:
        """The local day that budgets are in: this one, or a later one that something was reserved on already."""

    def windows(self) -> list[ProviderWindow]:
        """What the providers said last of their own limits, whether they have been reset since or not."""

    def context_window(self, *, provider: str, model: str) -> tuple[int, str] | None:
        """How many tokens a model takes, as its provider taught it, and when that was; None where it did not."""

    def raised_runs(self) -> dict[str, int]:
        """By how much the user has raised the ceilings of runs, each for that run alone, in pico-dollars."""

    def warned(self, scope: Scope, unit: Unit, limit: int) -> int:
        """The highest share of this limit, in percent, that was told of; 0 for none."""

    def keep_warm(self) -> bool | None:
        """That answer; None before it."""

    def warn_percent(self) -> WarnPercent:
        """At which shares of a budget its level changes."""

    def stored_budgets(self) -> dict[str, tuple[str, int]]:
        """The user's own limits: scope kind -> (unit, value)."""

    def changes(self) -> int:
        """A number that differs when another connection or this one has committed since the last look."""

    def close(self) -> None: ...
