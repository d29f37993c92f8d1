"""A user who is away and an editor that is not there."""

from __future__ import annotations


class NobodyToAsk:
    """Answers every question with no: there is nobody to ask."""

    async def ask(self, question: object) -> str | None:
        """No."""
        return None


class NoEditor:
    """No document is open."""

    def unsaved_text(self, path: str) -> str | None:
        """None: the disk is the truth."""
        return None

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        """Refused: there is no buffer."""
        return False
