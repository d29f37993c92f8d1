"""The files of a workspace that agents read, as a port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class InstructionTexts(Protocol):
    """Texts below one root, for looking only: bounded, kept while the files are not written. All of it blocks."""

    def paths(self, wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The paths below the root for which ``wanted`` holds, sorted; of very many the ones near the root."""

    def text(self, path: str) -> str | None:
        """The text of a file as it was saved; None for what is none, may hold keys, or is too large."""

    def included(self, path: str) -> str | None:
        """The same of a file that another one takes in: of agents' own folders prose under any name, too."""

    def exists(self, path: str) -> bool:
        """Whether there is something at a path, or may be."""
