"""The user as ports: who is asked, and the documents that are open and not saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

QuestionKind = Literal[
    "command", "path", "editor", "in_doubt", "rewind", "ticked", "economy", "stronger", "split", "budget", "keep_warm"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the user is asked. ``summary`` fits in a message box (300 characters, escaped); ``detail`` is the whole."""

    kind: QuestionKind
    run: str
    summary: str
    detail: str
    choices: tuple[str, ...]


class Asker(Protocol):
    """Asks the user; with nobody to ask, or when the question is closed, the answer is None: no."""

    async def ask(self, question: Question) -> str | None: ...


class EditorBuffers(Protocol):
    """The editor's truth: open documents with unsaved changes. Paths are absolute real paths."""

    def unsaved_text(self, path: str) -> str | None:
        """The buffer's text when it is open and differs from the disk, else None."""

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        """Change the buffer by a versioned workspace edit if it still holds ``expected``; False when it was refused."""
