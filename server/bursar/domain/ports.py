"""What the middle needs from the world, as protocols; adapters implement them, wiring hands them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bursar.domain.batches import Batches
from bursar.domain.conversation import Block, ModelReply, ModelRequest, OnStream
from bursar.domain.money.budget import Granted, Limit, RefusedByBudget, Scope, Unit, Used, WarnPercent
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.price import Price, Unpriced
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


class Clock(Protocol):
    """The only way to know the time."""

    def now_utc(self) -> str:
        """RFC 3339 UTC with milliseconds and Z: '2026-11-21T08:00:00.000Z'."""

    def local_day(self) -> str:
        """The user's calendar day now, YYYY-MM-DD."""

    def next_local_midnight_utc(self) -> str:
        """When the local day ends, RFC 3339 UTC."""

    def utc_in(self, seconds: float) -> str:
        """The moment ``seconds`` from now, RFC 3339 UTC."""

    def seconds_until(self, moment: str) -> float:
        """Seconds from now to an RFC 3339 moment; negative when it has passed."""

    def monotonic_s(self) -> float:
        """Seconds that only grow, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""


class Ids(Protocol):
    """Fresh identifiers."""

    def new(self, prefix: str) -> str:
        """A short unique id such as 'run-k3v9…'; sorts by time of making."""


class Failpoint(Protocol):
    """A named place where a test may end the process; does nothing otherwise."""

    def __call__(self, name: str, /) -> None: ...


def nowhere(_name: str, /) -> None:
    """The failpoint of whoever has none."""


class TokenCounter(Protocol):
    """Exact counts under a named encoding."""

    def count(self, text: str, /, *, encoding: str = "o200k_base") -> int:
        """Tokens of the text; special-token lookalikes are plain text. Raises ValueError for an unknown encoding."""

    def ready(self, encoding: str) -> bool:
        """Whether the ranks are in memory (counting is then microseconds to milliseconds)."""

    def load(self, encoding: str) -> None:
        """Load the ranks; blocks for about a quarter of a second."""


class PriceBook(Protocol):
    """Prices by model."""

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price of a model at a moment (RFC 3339); Unpriced says why when there is none."""

    def batch_price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price of a model through its provider's batch API; never guessed from the usual one."""

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        """How many tokens a request to this model may have; None where that is not known."""


class ModelProvider(Protocol):
    """One configured provider in one wire format."""

    name: str
    wire: str
    is_loopback: bool
    can_reattach: bool

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical bytes of the request: the same value gives the same bytes, for ever."""

    def prompt_text(self, body: bytes, /) -> str:
        """The parts of a body that the model reads as tokens, for counting."""

    async def send(self, body: bytes, /, *, on_stream: OnStream, keep: Callable[[bytes], None]) -> ModelReply:
        """Send once, no retry. Raises NotAccepted (nothing owed) or AnswerCut (may be owed), see errors.py.

        Every piece of the answer's body goes to ``keep`` as it arrives, after ``Accepted`` and before it is looked at.
        """

    def reply_from(self, data: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer in these kept bytes, without times. Raises AnswerCut or NotAccepted where it is not whole."""

    async def reattach(
        self, kept: bytes, /, *, request_id: str, model: str, on_stream: OnStream, keep: Callable[[bytes], None]
    ) -> ModelReply:
        """The answer that these kept bytes begin; its rest is fetched where ``can_reattach`` and nothing is paid again.

        Raises AnswerCut (gone, or given up; it may be owed) or NotAccepted (given up, nothing owed), and AnswerAway
        where it cannot be fetched now and nothing was learnt. What is fetched goes to ``keep`` as it arrives: with the
        bytes from before it is what a later call is given. ``on_stream`` hears no Accepted.
        """

    async def give_up(self, kept: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer that these kept bytes begin, because nobody wants it any more: ended where ``can_reattach``.

        Its reply where it was whole by then; else raises AnswerCut (with what is owed for it, where that was said) or
        NotAccepted (nothing owed), and AnswerAway where nothing was learnt.
        """

    def kept_from(self, data: bytes, /) -> tuple[Block, ...]:
        """What can be used of an answer that broke off: its text so far, and the calls that are whole for certain."""

    def batches(self) -> Batches | None:
        """The provider's batch API; None where it has none that is known here."""

    def missing_key(self) -> str | None:
        """None when a request could be sent; else the sentence that says which key to set and how."""


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

        Every limit is checked as charged + held + wanted <= limit, where charged is the fold of the ledger for the
        scope (cost, or the bound where the cost is unknown). Refused: nothing was written.
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
    ) -> None: ...

    async def clear_tick_pending(self, run: str) -> None: ...

    async def append_event(self, *, run: str, kind: str, data: dict[str, Any]) -> RunEvent: ...

    async def begin_rewind(self, *, run: str, epoch: int, key: str) -> None:
        """Say durably that the files are about to be brought back to before a step; the run waits for the end of it."""

    async def finish_rewind(self, *, run: str, epoch: int, key: str, detail: str, data: dict[str, Any]) -> RunEvent:
        """Set the step and all after it aside, with the ``rewound`` event, in one transaction; the run is paused."""

    async def request_pause(self, run: str) -> bool:
        """Ask the owner to pause between steps; False when there is no such run that could."""

    async def request_stop(self, run: str) -> bool:
        """Ask the owner to end the run for good between steps; ends it at once when nobody owns it."""

    async def raise_ceiling(self, run: str, ceiling_pico: int | None) -> None: ...

    async def set_model(self, run: str, *, provider: str, model: str) -> None:
        """Ask another model from the run's next request on; what was sent before keeps the name of its own."""

    async def set_budget(self, kind: str, unit: str, value: int) -> None:
        """The user's own limit for a scope kind; replaces the one before."""

    async def unset_budget(self, kind: str) -> bool:
        """Forget the user's own limit for a scope kind, so that the settings hold again; False without one."""

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

    def requests(self, *, workspace: str | None = None, run: str | None = None) -> list[RequestRow]: ...

    def charged_pico(self, scope: Scope) -> int:
        """The fold of the ledger for a scope: costs, and bounds where a cost is unknown."""

    def held_pico(self, scope: Scope) -> int:
        """Money held for requests in flight in a scope."""

    def used(self, scope: Scope, unit: Unit) -> Used:
        """What is used of a budget of this scope, in its unit."""

    def warn_percent(self) -> WarnPercent:
        """At which shares of a budget its level changes."""

    def stored_budgets(self) -> dict[str, tuple[str, int]]:
        """The user's own limits: scope kind -> (unit, value)."""

    def changes(self) -> int:
        """A number that differs when another connection or this one has committed since the last look."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRefused:
    """A tool may not or cannot do this; the model is told the message."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsYes:
    """The path is protected: reading or changing it needs the user's yes."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """A file's text as the agent may see it: secrets masked, bounded in size."""

    path: str
    text: str
    sha256: str
    truncated: bool
    first_line: int
    last_line: int
    total_lines: int
    from_editor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPlan:
    """A change of one file, complete before it is made: from these bytes (None: no such file) to those."""

    path: str
    sha256_before: str | None
    sha256_after: str
    text_after: str
    in_editor: bool


class WorkspaceFiles(Protocol):
    """The user's files below one root; every path is resolved and stays under it, whatever the tool.

    ``allowed`` holds the protected paths (as the tools name them) that the user said yes to.
    """

    root: str

    def list(self, path: str, *, allowed: frozenset[str] = frozenset()) -> str | ToolRefused | NeedsYes: ...

    def read(
        self,
        path: str,
        *,
        first_line: int | None = None,
        last_line: int | None = None,
        allowed: frozenset[str] = frozenset(),
    ) -> FileText | ToolRefused | NeedsYes: ...

    def search(self, pattern: str, *, path: str = ".", allowed: frozenset[str] = frozenset()) -> str | ToolRefused: ...

    def tests_naming(self, requirements: Sequence[str]) -> dict[str, tuple[str, ...]] | ToolRefused:
        """For each requirement the test files that name it, sorted; none for one that no test names. Blocks.

        The saved files count: they are what is run.
        """

    def plan_edit(
        self, path: str, *, old: str, new: str, allowed: frozenset[str] = frozenset()
    ) -> EditPlan | ToolRefused | NeedsYes: ...

    def plan_write(
        self, path: str, *, text: str, allowed: frozenset[str] = frozenset()
    ) -> EditPlan | ToolRefused | NeedsYes: ...

    def apply(self, plan: EditPlan) -> ToolRefused | None:
        """Write the planned bytes atomically (temp file, fsync, rename, fsync of the folder)."""

    def probe(self, plan: EditPlan) -> Literal["before", "after", "conflict"]:
        """What the file holds now, compared with the plan."""

    def withholding(self, why: Callable[[str], str | None]) -> WorkspaceFiles:
        """The same files for somebody who is not shown those that ``why`` gives a reason for, by their real path or by
        the name that was given: they are not read, searched or changed."""

    def has_any(self, holds: Callable[[str], bool]) -> bool:
        """Whether there is a file for whose path this holds, wherever below the root; also where there are too many to
        look at. Blocks."""

    def real_path(self, path: str) -> str:
        """Where a path leads, relative to the root; the path itself where it leads nowhere."""

    def read_bytes(self, path: str) -> bytes | ToolRefused:
        """The raw bytes of a spec file below the root (bounded)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlan:
    """A command that was resolved: argv exactly as it would run, the program's real path, the folder.

    ``program_state`` is another word after the program's file was replaced or written.
    """

    argv: tuple[str, ...]
    program: str
    cwd: str
    runs_workspace_files: bool
    program_state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcome:
    """How a command ended; ``output`` is both streams in order of arrival, bounded, secrets masked."""

    exit_code: int | None
    output: str
    truncated: bool
    timed_out: bool
    duration_ms: int


class CommandRunner(Protocol):
    """Programs without a shell, in their own process group, in a fixed environment without keys."""

    def plan(self, argv: Sequence[str]) -> CommandPlan | ToolRefused: ...

    def state_of_files(self) -> str | None:
        """A word that is another one after any file that a command may run has changed, by whomever; None where that
        cannot be told. Blocks."""

    async def run(self, plan: CommandPlan) -> CommandOutcome: ...

    def kill_all(self) -> None:
        """End every process group that is still alive."""


QuestionKind = Literal["command", "path", "editor", "in_doubt", "rewind", "ticked", "economy", "stronger", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the user is asked. ``summary`` fits in a message box (300 characters, escaped); ``detail`` is the whole."""

    kind: QuestionKind
    run: str
    summary: str
    detail: str
    choices: tuple[str, ...]


class Asker(Protocol):
    """Asks the user; with nobody to ask, or when the question is closed, the answer is None: no."""

    async def ask(self, question: Question) -> str | None: ...


class EditorBuffers(Protocol):
    """The editor's truth: open documents with unsaved changes. Paths are absolute real paths."""

    def unsaved_text(self, path: str) -> str | None:
        """The buffer's text when it is open and differs from the disk, else None."""

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        """Change the buffer by a versioned workspace edit if it still holds ``expected``; False when it was refused."""
