"""What a session is told and what it shows: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bursar.domain.context.losses import LostCache
from bursar.domain.counting import Calibration, Estimate, TextKind, estimate_of
from bursar.domain.instructions import FileKind, InstructionFile
from bursar.domain.instructions.file import PartKind
from bursar.domain.instructions.weight import NOTHING_INCLUDED, Weights
from bursar.domain.moments import Here
from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, WarnPercent
from bursar.domain.money.forecast import Room, TaskForecast
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.money.use_rate import UseRate
from bursar.domain.resuming import Resumable
from bursar.domain.rules.rule import Found
from bursar.domain.runs import RunSummary, TaskEstimate
from bursar.domain.specs import Spec
from bursar.domain.tasks import Skip
from bursar.domain.text.blocks import Change, TextBlocks
from bursar.domain.text.units import PositionEncoding
from bursar.settings import Settings
from bursar.views.annotations import Meter
from bursar.views.placed import NOTHING_PLACED, Placed

ENCODING = "o200k_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTasks:
    """The tasks of one text."""

    blocks: TextBlocks
    spec: Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An open document. ``path`` is its absolute real path, None for what is no file.

    ``workspace`` (a real path) and ``spec`` (the path relative to it, forward slashes, whatever kind of file it is) are
    set for what is annotated; a file that no agent reads is of the kind ``other``.
    """

    uri: str
    path: str | None
    version: int
    blocks: TextBlocks
    kind: FileKind | Literal["other"]
    workspace: str = ""
    spec: str = ""
    read: ReadTasks | None = field(default=None, compare=False, repr=False)
    """The tasks of a tasks file as they were when it was opened."""

    @property
    def text(self) -> str:
        """The whole text, put together at the first look."""
        return self.blocks.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The editor opened a document."""

    uri: str
    path: str | None
    version: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The editor changed a document; ``text`` is the whole of it."""

    uri: str
    version: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The editor changed ranges of a document, one after the other; positions are counted in ``encoding``.

    It is overtaken where a newer change of the document has arrived already: nobody will see this text.
    """

    uri: str
    version: int
    changes: tuple[Change, ...]
    encoding: PositionEncoding
    is_overtaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """The editor changed a document in words that could not be read."""

    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The editor wrote a document to the disk."""

    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The editor closed a document."""

    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChanged:
    """Something changed files on the disk."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The user trusts the workspace, or no longer does."""

    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The user's settings as the editor holds them."""

    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldersChanged:
    """The folders that are open, as absolute real paths."""

    folders: tuple[str, ...]


Event = Opened | Changed | Edited | Unread | Saved | Closed | FilesChanged | Trusted | Configured | FoldersChanged

TaskKey = tuple[str | None, str, int]
"""A task's id and title, and which of those that share both."""
PartKey = tuple[PartKind, int, str, int]
"""A part's kind, level and title, and which of those that share all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What was counted in one version of a document, under keys that outlive an edit elsewhere in it."""

    version: int
    tokens: int
    part_tokens: Mapping[PartKey, int] = field(default_factory=dict)
    estimates: Mapping[TaskKey, TaskEstimate] = field(default_factory=dict)
    window_tokens: int | None = None
    included: Weights = NOTHING_INCLUDED
    price: Price | Unpriced | None = None
    """That of the model that requests would go to; None where nothing was asked for."""
    file: InstructionFile | None = None
    """What the text of this version is made of; None where that has not been looked at."""
    blocks: TextBlocks | None = None
    ends: Mapping[int, int] = field(default_factory=dict)
    """Where what is written on the first line of each part ends: looked for beside the loop, there are thousands."""
    spec: Spec | None = None
    """The tasks of this version; None for what is no tasks file, or has not been looked at."""
    sent_tokens: int = 0
    """Those of what a request carries of it: the whole text, or the prompts inside it."""
    sent_kinds: Mapping[TextKind, int] = field(default_factory=dict)
    """The same by kind of text, under ``kinds_encoding``; empty where nothing was known of how the model counts."""
    kinds_encoding: str = ""

    def estimate(self, calibration: Calibration | None) -> Estimate | None:
        """What the model's vendor probably makes of what is sent, from what is known of it by now."""
        if calibration is None or not self.sent_kinds or calibration.encoding != self.kinds_encoding:
            return None
        return estimate_of(calibration, self.sent_kinds)

    found: tuple[Found, ...] = ()
    """What the rules found in the text of this version."""
    placed: Placed = NOTHING_PLACED
    """What is shown on code and transcripts, at the places of the text that was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecForecast:
    """What the tasks of one document will probably take: each, those that stand for others, and all open ones."""

    tasks: Mapping[TaskKey, TaskForecast] = field(default_factory=dict)
    groups: Mapping[TaskKey, TaskForecast] = field(default_factory=dict)
    total: TaskForecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole session at one moment; what it holds never changes."""

    documents: Mapping[str, Document]
    analyses: Mapping[str, Analysis]
    runs: Mapping[str, tuple[RunSummary, ...]]
    mine: frozenset[str]
    trusted: bool
    settings: Settings
    left_pico: int | None
    meter: Meter | None
    here: Here
    skips: Mapping[str, tuple[Skip, ...]] = field(default_factory=dict)
    resumables: Mapping[str, Resumable] = field(default_factory=dict)
    forecasts: Mapping[str, SpecForecast] = field(default_factory=dict)
    rooms: tuple[Room, ...] = ()
    raised_pico: Mapping[str, int] = field(default_factory=dict)
    warn_percent: WarnPercent = DEFAULT_WARN_PERCENT
    use: Mapping[str, UseRate] = field(default_factory=dict)
    """How often the user asks an agent in a workspace; none for one where nothing was booked of late."""
    losses: Mapping[str, tuple[LostCache, ...]] = field(default_factory=dict)
    """Where runs lost the provider's prompt cache, by their ids."""
    calibration: Calibration | None = None
    """How the model that requests would go to counts; None where nothing is known of it."""
    small_hints: bool = False
    """Whether parts below the threshold say their size, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferEdit:
    """New text for one range of an open document at one version.

    Characters are code points; ``blocks`` is the text that the range is of, for who must count them in other units.
    """

    uri: str
    version: int
    blocks: TextBlocks
    start: tuple[int, int]
    end: tuple[int, int]
    new_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What the editor is told when a run changes."""

    run: str
    state: str
    reason: str | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageUpdate:
    """What a run's window holds and what it has cost so far, in whole pico-dollars; ``size`` is None where unknown."""

    run: str
    used: int
    size: int | None
    cost_pico: int
