"""What a `tasks.md` says: tasks, headings, and what is odd about them, as frozen values.

Lines are zero-based and end at LF, CRLF or a lone CR. Offsets inside a line count characters (not bytes, not UTF-16
units); a byte order mark is a character of line 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.domain.specs.grammar import Priority, TaskCheck

SpecFormat: TypeAlias = Literal["kiro", "speckit"]
TaskState: TypeAlias = Literal["todo", "queued", "in_progress", "done", "other"]
LineEnd: TypeAlias = Literal["lf", "crlf", "cr"]

OPEN_STATES: frozenset[TaskState] = frozenset({"todo", "queued", "in_progress"})
"""The states of a task still to be done; `other`, a mark that a user made up, mostly means deferred or skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecTask:
    """One task: a list item that begins with a checkbox."""

    index: int
    """Its place in `Spec.tasks`."""
    id: str | None
    """As written, without the dot or colon after it; None where the text does not begin with one."""
    title: str
    """The text of the task's first line after the id and the markers; inline Markdown is kept, ends are trimmed."""
    mark: str
    """The one character between the brackets."""
    state: TaskState
    optional: bool
    parallel: bool
    """Marked `[P]` or `(P)`."""
    story: str | None
    """The user story of a spec-kit task, such as `US1`."""
    section: str | None
    """The title of the nearest heading above."""
    depth: int
    """The number of tasks whose list items enclose it."""
    parent: int | None
    """Index of the parent: by dotted id where that finds one, else by indentation."""
    parent_by_id: int | None
    """Index of the nearest earlier task whose id is this id without its last part."""
    parent_by_indent: int | None
    """Index of the innermost task whose list item encloses this one."""
    line: int
    end_line: int
    """Exclusive: the task line and its details, without child tasks, what follows them, and blank lines at the end."""
    mark_start: int
    """Character offset of the mark in its line."""
    mark_end: int
    """Exclusive character offset of the mark in its line."""
    refs: tuple[str, ...]
    """Ids of requirements named by the task's `_Requirements: ..._` lines; ranges as written."""
    refs_raw: tuple[str, ...]
    """The whole value of each such line."""
    refs_free_text: bool
    """Whether such a line says more than ids."""
    validates: tuple[str, ...]
    """Ids of requirements named by the task's `**Validates: ...**` lines."""
    validates_raw: tuple[str, ...]
    """The whole value of each such line."""
    priority: Priority | None = None
    """From its `_Priority: ..._` line; None where it has none, then that of a task above it holds."""
    check: TaskCheck | None = None
    """What says whether the task is done, from its `_Check: ..._` line."""

    @property
    def is_open(self) -> bool:
        """Whether the task is still to be done."""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading outside lists."""

    line: int
    level: int
    title: str
    end_line: int
    """Exclusive end of its section: the next heading of the same or a higher level, or the end of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecProblem:
    """Something odd about a spec: where, a code in kebab case, and a sentence on what to do."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A parsed `tasks.md`."""

    format: SpecFormat
    tasks: tuple[SpecTask, ...]
    headings: tuple[Heading, ...]
    problems: tuple[SpecProblem, ...]
    line_count: int
    line_end: LineEnd
    """The most frequent line end; `lf` where there is none."""
    has_bom: bool
    has_final_newline: bool
    done_mark: Literal["x", "X"]
    """The mark for done that the file uses more often; `x` where it uses none or both alike."""
    waves: tuple[tuple[str, ...], ...] = ()
    """The ids of each wave of the file's own Task Dependency Graph; empty where it has none."""


class SpecUnreadable(ValueError):
    """The bytes are not a text in UTF-8; the message says why and where."""


class SpecEditRefused(ValueError):
    """A mark cannot be set: the text has changed below the task, or its format has no such state."""
