"""What an editor is to show for one document, in no editor's words.

Lines are 0-based with LF, CRLF and CR as line ends; characters count code points in the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

_WHOLE_LINE = 10**9
Severity = Literal["error", "warning", "information", "hint"]
Tag = Literal["unnecessary", "deprecated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A line of text above a line of the document; ``command`` is None when it only tells.

    ``tooltip`` says where its figures come from, to editors that show it.
    """

    line: int
    title: str
    command: str | None = None
    arguments: tuple[dict[str, Any], ...] = ()
    tooltip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A short text behind a character."""

    line: int
    character: int
    label: str
    tooltip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Where something that belongs to a finding happened; ``path`` is relative to the workspace."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New text for some characters of a file; ``path`` is relative to the workspace, None for the document itself."""

    line: int
    character: int
    end_line: int
    end_character: int
    new_text: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that is to be made; ``path`` is relative to the workspace, where nothing may lie yet."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What can be done about a finding, or with a part of a document: changes, new files, or a command."""

    title: str
    kind: Literal["quickfix", "refactor"] = "quickfix"
    changes: tuple[Change, ...] = ()
    new_files: tuple[NewFile, ...] = ()
    command: str | None = None
    arguments: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something happened or is wrong on these characters, from ``line`` to ``end_line`` (None: the same line).

    ``href`` is the address of the page that explains the code, empty where there is none.
    """

    line: int
    character: int
    end_character: int
    severity: Severity
    code: str
    message: str
    related: tuple[Related, ...] = ()
    end_line: int | None = None
    href: str = ""
    tags: tuple[Tag, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def last_line(self) -> int:
        """The line in which it ends."""
        return self.line if self.end_line is None else self.end_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is told about some lines, or about some characters of one line, when the user points at them.

    ``end_line`` is exclusive; ``character`` and ``end_character`` are None where whole lines are meant. Of several that
    hold a place the smallest is shown.
    """

    line: int
    end_line: int
    markdown: str
    character: int | None = None
    end_character: int | None = None

    def holds(self, line: int, character: int) -> bool:
        """Whether it tells about this place."""
        if not self.line <= line < self.end_line:
            return False
        if self.character is None or self.end_character is None:
            return True
        return self.character <= character < self.end_character

    @property
    def size(self) -> tuple[int, int]:
        """How much it is about, for comparison."""
        lines = self.end_line - self.line
        if self.character is None or self.end_character is None:
            return lines, _WHOLE_LINE
        return lines, self.end_character - self.character


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """Everything for one document that is shown without being asked for."""

    lenses: tuple[Lens, ...] = ()
    hints: tuple[Hint, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """The status bar's text, ready to show, and the figures behind it."""

    text: str
    tooltip: str
    level: str
    spent_usd: str
    limit_usd: str | None
    resets_at: str | None
    running: tuple[str, ...]
