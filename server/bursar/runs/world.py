"""Everything a run needs from outside, handed in; and how a drive ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bursar.domain.money.budget import Amount, BudgetKind, RefusedByBudget
from bursar.domain.ports import (
    Asker,
    Clock,
    CommandRunner,
    EditorBuffers,
    Failpoint,
    Journal,
    ModelProvider,
    PriceBook,
    TokenCounter,
    WorkspaceFiles,
)
from bursar.domain.responses import ResponseLimits
from bursar.domain.routes import LocalOnly, Route, Target
from bursar.domain.runs import PauseReason
from bursar.domain.snapshots import Snapshots
from bursar.runs.circuits import Circuits
from bursar.runs.learnt import Learnt
from bursar.runs.pace import Pace


class Spool(Protocol):
    """Keeps the bytes of an answer as they arrive, so that a killed process loses none that it has read."""

    def start(self, *, run: str, key: str, attempt: int, request_id: str) -> None: ...

    def go_on(self, *, run: str, key: str, attempt: int) -> None:
        """Keep more of an answer that was begun, behind what is kept of it."""

    def keep(self, data: bytes) -> None: ...

    def read(self, *, run: str, key: str, attempt: int) -> tuple[str, bytes] | None:
        """The provider's request id and the bytes that were kept; None when no answer had begun."""

    def drop(self, *, run: str, key: str, attempt: int) -> None: ...


class Jitter(Protocol):
    """The only source of chance in a run: what waits are spread with."""

    def share(self) -> float:
        """A number from 0 up to, but not, 1."""


class OnEvent(Protocol):
    """Told of everything that happens in a run; ``seq`` is None for what is not kept in the journal."""

    def __call__(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What one drive may take before it pauses and says so. Money is the budgets' matter.

    ``wait_s`` is the longest single wait that is sat out, ``waiting_s`` all waits of one request together; what would
    take longer pauses the run. ``pacing_s`` is the longest wait for a limit that is not reached yet. ``attempts`` is
    how often one request is sent, to whomever; where another target could be asked at once, no wait is longer than
    ``elsewhere_s``. ``checks`` is how often the task's check may fail.
    """

    requests: int = 60
    wall_s: float = 1_800.0
    identical_calls: int = 3
    checks: int = 3
    wait_s: float = 300.0
    waiting_s: float = 300.0
    pacing_s: float = 60.0
    attempts: int = 4
    elsewhere_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A target that can be asked: the provider that leads there, and the model."""

    provider: ModelProvider
    model: str

    @property
    def target(self) -> Target:
        """The target as the settings name it."""
        return Target(provider=self.provider.name, model=self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """A route with the way to each of its targets; ``stronger`` and ``economy`` where the route names them."""

    route: Route
    chain: tuple[Way, ...]
    stronger: Way | None = None
    economy: Way | None = None

    @staticmethod
    def only(provider: ModelProvider, model: str) -> Ways:
        """The one way of a chosen model."""
        own = Way(provider=provider, model=model)
        return Ways(route=Route(chain=(own.target,)), chain=(own,))

    def missing_key(self) -> str | None:
        """None when one target of the chain could be asked; else what the first one says of the key it needs."""
        missing = [each.provider.missing_key() for each in self.chain]
        return missing[0] if all(missing) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports of one workspace, and the rules that hold in it.

    ``trusted`` is asked before every act: where it says no, nothing more is sent, run or written. ``ways`` is whom the
    run may ask; without it only ``provider`` with the run's own model. ``provider_named`` finds the provider of an
    attempt that was made before the settings were as they are now; None where there is none by that name any more.
    ``budgets`` are the user's limits as they are now.
    """

    journal: Journal
    spool: Spool
    provider: ModelProvider
    prices: PriceBook
    counter: TokenCounter
    files: WorkspaceFiles
    snapshots: Snapshots
    commands: CommandRunner
    asker: Asker
    buffers: EditorBuffers
    clock: Clock
    jitter: Jitter
    failpoint: Failpoint
    on_event: OnEvent
    budgets: Callable[[], Mapping[BudgetKind, Amount]]
    allowed_commands: frozenset[tuple[str, ...]] = frozenset()
    ceilings: Ceilings = field(default_factory=Ceilings)
    in_doubt: Literal["ask", "rerun", "skip"] = "ask"
    economy: Literal["ask", "on", "off"] = "ask"
    test_command: tuple[str, ...] = ()
    trusted: Callable[[], bool] = field(default=lambda: True)
    pace: Pace = field(default_factory=Pace)
    circuits: Circuits = field(default_factory=Circuits)
    learnt: Learnt = field(default_factory=Learnt)
    ways: Ways | None = None
    responses: ResponseLimits = field(default_factory=ResponseLimits)
    provider_named: Callable[[str], ModelProvider | None] = field(default=lambda _: None)
    local_only: LocalOnly = field(default_factory=LocalOnly)
    keep_warm: Literal["ask", "on", "off"] = "off"
    """Whether a prompt is kept in the provider's cache while its run waits for the user."""
    trims: bool = True
    """Whether results are cut where that saves more than it loses; what was cut before stays so."""
    compacts: bool = True
    """Whether a summary may replace older turns where nothing more can be cut and the window is exceeded."""

    def chain_for(self, model: str) -> tuple[Way, ...]:
        """The ways that a run of this model may go, in the route's order."""
        return self.ways.chain if self.ways is not None else (Way(provider=self.provider, model=model),)

    def way_to(self, target: Target) -> Way | None:
        """The way to a target that was asked before; None where its provider is in no setting any more."""
        provider = self.provider if target.provider == self.provider.name else self.provider_named(target.provider)
        return None if provider is None else Way(provider=provider, model=target.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The task is done; ``ticked`` is false while the mark waits for the editor to save the file."""

    summary: str
    ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong:
    """A target has refused a request as longer than its window; ``ratio``: how many of its tokens one of ours is."""

    target: Target
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The run stands still and can go on; ``detail`` says what happened and what to do.

    ``refused`` is the budget that had no room, ``too_long`` whose window, where that was it.
    """

    reason: PauseReason
    detail: str
    resume_at: str | None = None
    refused: RefusedByBudget | None = None
    too_long: TooLong | None = None


DISTRUSTED = Paused(
    reason="asked",
    detail="The workspace is no longer trusted: nothing more is sent, run or written. Trust it again, then resume.",
)


class PauseNow(Exception):
    """Unwinds to the step's edge, where its value is returned."""

    def __init__(self, paused: Paused) -> None:
        super().__init__(paused.detail)
        self.paused = paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The user ended the run for good."""

    detail: str


Outcome = Finished | Paused | Stopped
