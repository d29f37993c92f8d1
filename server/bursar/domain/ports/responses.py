"""The store of answers that are used again, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bursar.domain.responses import FoundResponse, Reused


class ResponseStore(Protocol):
    """Answers of finished operations in one workspace; ``Journal.set_state`` keeps one with the end of its operation.

    Of answers that were not used for longest the oldest go first where there are too many bytes of them.
    """

    def find(self, keys: Sequence[str], *, workspace: str, not_before: str) -> FoundResponse | None:
        """The answer under the first of these keys that has one which is not older."""

    async def used(self, found: FoundResponse, *, workspace: str) -> None:
        """It was used again: it is kept for longer than others."""

    def take_turn(self, key: str) -> str | None:
        """None where nobody else is asking for it now, over all processes; else who may be, in words."""

    def end_turn(self, key: str) -> None:
        """The next one may; harmless where it is not ours."""

    def reused(self, *, since: str | None = None) -> Reused:
        """How often answers were used again, from this local day on."""
