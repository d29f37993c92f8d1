"""A file that an agent reads, as frozen values.

Lines are 0-based and end at LF, CRLF or a lone CR; characters count code points in their line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.domain.instructions.kinds import FileKind

PartKind: TypeAlias = Literal["heading", "block", "task", "frontmatter", "message", "call"]
Residency: TypeAlias = Literal["always", "matched", "manual", "none"]
"""Which requests of an agent carry the file: all; those about files that it is for; those that ask for it; none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the file with a size of its own."""

    kind: PartKind
    title: str
    level: int
    line: int
    end_line: int
    """Exclusive. A heading's part is its whole section, deeper headings included."""
    sent: str | None = None
    """What is sent of it where that is not the text of its lines, such as a prompt inside JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another file whose text the agent takes in where this one is read."""

    line: int
    character: int
    end_character: int
    """Exclusive."""
    written: str
    """The path as it stands in the text."""
    path: str | None
    """Relative to the workspace, forward slashes; None where it leads out of the workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionFile:
    """One file that an agent reads; ``path`` is relative to the workspace, with forward slashes."""

    path: str
    kind: FileKind
    text: str
    parts: tuple[Part, ...]
    references: tuple[Reference, ...]
    residency: Residency
