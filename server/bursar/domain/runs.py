"""An attempt at a task: its record, its steps, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bursar.domain.money.ledger import open_pico
from bursar.domain.money.usage import Usage
from bursar.domain.prompts import NO_PROMPT, Prompt
from bursar.domain.specs.traits import TaskTraits

RunKind = Literal["task", "split", "review", "keep_warm", "compact"]
"""A run of a task by the agent; or one request beside the runs that belongs to a task or to a run: an operation."""
KEEP_WARM: RunKind = "keep_warm"
COMPACT: RunKind = "compact"
"""One request that only keeps the prompt of a run in its provider's cache while the run waits for its user."""
RunState = Literal["running", "paused", "in_doubt", "finished", "failed"]
StepKind = Literal["model", "edit", "command", "look", "tick"]
StepStatus = Literal["intent", "done", "failed", "in_doubt"]
PauseReason = Literal[
    "limit",
    "limit_again",
    "budget",
    "approval",
    "asked",
    "ceiling",
    "repeat",
    "cut",
    "provider",
    "local_only",
    "in_doubt",
    "owner_gone",
    "storage",
    "deferred",
    "batch",
    "check",
    "window",
]


MODEL_CHOSEN = "model_chosen"
"""The kind of the event that says that the user has chosen a model for a run that was begun."""

ANSWER_TOKENS = 8_192
"""The bound of each answer in a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that is to be recorded. ``first_request`` is everything that its first body is built from, as JSON.

    ``about`` is the run that an operation belongs to, where it belongs to one. ``traits`` and ``first_pico`` (what the
    counted tokens cost uncached) are what a forecast compares tasks by.
    """

    run: str
    workspace: str
    spec: str
    task_id: str | None
    task_address: str
    task_title: str
    task_title_sha256: str
    task_line: int
    provider: str
    model: str
    ceiling_pico: int | None
    first_request: str
    counted_tokens: int
    kind: RunKind = "task"
    about: str | None = None
    prompt: Prompt = NO_PROMPT
    traits: TaskTraits | None = None
    first_pico: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSteps:
    """The steps of another run that a new one begins with: what they brought is there, nothing is paid again."""

    run: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as the journal has it now.

    ``spec`` is the path of the tasks file relative to ``workspace`` (a real path). ``owner`` is None when nobody drives
    it; ``owner_alive`` is false when a recorded owner no longer holds its lock. ``resume_at`` is RFC 3339 UTC.
    ``tick_pending`` is true from the finish until the saved tasks file has the mark. ``rewinding`` is the step that a
    rewind was interrupted on its way to; ``erased_at`` says when the texts went.
    """

    run: str
    workspace: str
    spec: str
    task_id: str | None
    task_address: str
    task_title: str
    task_title_sha256: str
    task_line: int
    provider: str
    model: str
    ceiling_pico: int | None
    first_request: str
    counted_tokens: int
    state: RunState
    reason: str | None
    detail: str | None
    resume_at: str | None
    pause_requested: bool
    stop_requested: bool
    tick_pending: bool
    owner: str | None
    owner_alive: bool
    epoch: int
    created_at: str
    updated_at: str
    seconds_run: float
    rewinding: str | None = None
    erased_at: str | None = None
    kind: RunKind = "task"
    about: str | None = None
    prompt_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One planned act: what was intended before it and what came of it; ``intent`` and ``result`` are JSON objects."""

    run: str
    key: str
    n: int
    kind: StepKind
    status: StepStatus
    attempt: int
    epoch: int
    request_id: str | None
    body_sha256: str | None
    hold_pico: int
    intent: dict[str, Any]
    result: dict[str, Any] | None
    started_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline:
    """What a step is about, without its texts: the tool's name and its path, pattern or arguments (a JSON list).

    ``attempts`` are the first and the last number of its attempts in the ledger.
    """

    key: str
    kind: StepKind
    status: StepStatus
    tool: str | None
    about: str | None
    at: str
    attempts: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One line of a run's history; ``seq`` ascends over the whole journal."""

    seq: int
    at: str
    run: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One ledger entry as the usage report and the diagnostics show it."""

    request_id: str
    at: str
    run: str
    step: str
    attempt: int
    task: str
    workspace: str
    spec: str
    file: str | None
    line: int | None
    model: str
    usage: Usage
    cost_pico: int | None
    at_most_pico: int
    unpriced: bool
    certainty: str
    ttft_ms: int | None
    duration_ms: int | None
    at_most_tokens: int = 0
    body_sha256: str = ""
    unit_prices: str | None = None
    """The five rates that it was priced with, as the ledger keeps them; None without a price."""
    operation: str = ""
    """The kind of its run; empty in entries older than it is."""

    @property
    def open_pico(self) -> int:
        """What it may have cost on top of what is known."""
        return open_pico(
            cost_pico=self.cost_pico,
            at_most_pico=self.at_most_pico,
            at_most_tokens=self.at_most_tokens,
            certainty=self.certainty,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run with its figures: steps done, what it cost, what is held or unknown, its requests oldest first."""

    record: RunRecord
    steps_done: int
    cost_pico: int
    held_pico: int
    unpriced_requests: int
    requests: tuple[RequestRow, ...]
    in_doubt: tuple[StepRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEstimate:
    """What is known of a task before it runs: its first request's exact count under our encoding, what that input
    costs uncached, and the ceiling of the run.

    ``first_request_pico`` is None for a model without a price; ``bound_tokens`` is the most the provider can count.
    ``least_hold_pico`` is what must be left of every budget for the first request to be sent at all. No total is
    guessed: what such tasks took is told by a forecast, which compares them by ``traits`` and ``model``.
    """

    address: str
    title: str
    line: int
    counted_tokens: int
    bound_tokens: int
    first_request_pico: int | None
    ceiling_pico: int | None
    least_hold_pico: int | None = None
    traits: TaskTraits | None = None
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFigures:
    """What is known of a single request before it is sent: its exact count under our encoding, what that input costs,
    and the most that it can cost with its answer; None for a model without a price."""

    counted_tokens: int
    first_request_pico: int | None
    at_most_pico: int | None
