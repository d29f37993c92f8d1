"""The user's files and programs as ports, below one root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


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
