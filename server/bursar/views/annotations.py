"""What an editor is to show for one document, in no editor's words.

Lines are 0-based with LF, CRLF and CR as line ends; characters count code points in the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "information", "hint"]


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
class Finding:
    """Something happened or is wrong on these characters of a line."""

    line: int
    character: int
    end_character: int
    severity: Severity
    code: str
    message: str
    related: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """Everything for one document."""

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
