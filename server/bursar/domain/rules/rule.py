"""What a rule is and what it finds: plain values that pages, editors and commands are made from.

Lines are 0-based with LF, CRLF and CR as line ends; characters count code points in the line; ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.codes import Severity

Scope: TypeAlias = Literal["file", "workspace"]
FixKind: TypeAlias = Literal["quickfix", "refactor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Something elsewhere that belongs to a finding; ``path`` is relative to the workspace."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """New text for one range of a file."""

    path: str
    line: int
    character: int
    end_line: int
    end_character: int
    new_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that a fix makes; it is not there yet."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One way to put something right: edits that belong together, in no order, none over another."""

    title: str
    kind: FixKind = "quickfix"
    edits: tuple[Edit, ...] = ()
    creates: tuple[NewFile, ...] = ()
    preferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding of a rule; ``path`` is None where it is in the file that was looked at."""

    line: int
    character: int
    end_line: int
    end_character: int
    code: str
    message: str
    path: str | None = None
    fixes: tuple[Fix, ...] = ()
    related: tuple[Place, ...] = ()
    unnecessary: bool = False
    """Whether the text could go without a loss: editors show it faded."""


def _no_files() -> tuple[InstructionFile, ...]:
    return ()


def _nothing_there(path: str) -> bool:
    return False


def _nothing_read(path: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a rule may ask about the world of a file.

    ``files`` are the other instruction files of the workspace, documents of its spec among them; a rule that has no use
    for them does not call it. ``exists`` and ``read`` take paths relative to the workspace; ``read`` is None for what
    is no text file of the workspace, or too large. ``tokens`` counts a text under the usual encoding.
    """

    tokens: Callable[[str], int]
    files: Callable[[], tuple[InstructionFile, ...]] = field(default=_no_files)
    exists: Callable[[str], bool] = field(default=_nothing_there)
    read: Callable[[str], str | None] = field(default=_nothing_read)


Check: TypeAlias = Callable[[InstructionFile, Surroundings], Iterable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Files of a workspace; the first is the one that is looked at. ``situation`` says what else is the case."""

    files: tuple[tuple[str, str], ...]
    situation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How many findings on real files were read, how many of them were right, when, and what that says."""

    read: int
    right: int
    on: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule, whole: what it finds, why that costs, what to do, and how often it was right.

    ``check`` is None where the finding is made from what runs cost and what budgets leave, not from the text.
    """

    code: str
    title: str
    severity: Severity
    scope: Scope
    finds: str
    why: str
    remedy: str
    bad: Example
    good: Example
    reading: Reading
    check: Check | None = None
