"""What the user's files held at a moment, and the port that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

FileMode = Literal["file", "executable", "link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What stands at a path: the SHA-256 of a plain file's bytes (of a link's words), None where there is nothing.

    ``mode`` is None where it is not known. A ``sha256`` with a colon in it stands for bytes that are not kept.
    """

    sha256: str | None
    mode: FileMode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A path that is not what it was."""

    path: str
    before: FileState
    after: FileState


class Snapshots(Protocol):
    """Keeps what the user's files held before they were changed, so that a run can be rewound. Everything blocks.

    What is kept belongs to a run and goes when the run's texts are erased or expire.
    """

    def keep(self, run: str, data: bytes) -> str | None:
        """Keep these bytes by their SHA-256; a sentence where they are too many. Raises StorageError."""

    def keep_file(self, run: str, path: str, sha256: str) -> str | None:
        """Keep a file's bytes if they still are those; a sentence where it is too large. Raises StorageError."""

    def content(self, run: str, sha256: str) -> bytes | None:
        """The bytes that were kept; None when they are not there."""

    def take(self, run: str) -> dict[str, Any]:
        """Remember what the whole workspace holds; the word for the journal says how, or why it is not covered."""

    def changes(self, run: str, word: dict[str, Any]) -> tuple[FileChange, ...] | str:
        """What differs from that moment now, its earlier bytes kept; a sentence where that cannot be told."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file; None where it cannot be read, or is too large."""

    def now(self, path: str) -> FileState | str:
        """What a path holds; a sentence where it cannot be looked at."""

    def restore(self, run: str, path: str, *, expected: FileState, target: FileState) -> str | None:
        """Bring a path back to kept bytes, or remove it, if it still is as expected; a sentence where it was not."""
