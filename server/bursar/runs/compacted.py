"""A summary in the place of a run's older turns: what the journal has of it, and the turns that it becomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bursar.domain.conversation import Message, Text

COMPACTED = "context_compacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """Before request ``n`` all answers up to ``up_to``, and what came of them, were replaced.

    ``summary`` is the model's; ``notes`` are ours: what must not depend on what a model remembers.
    """

    n: int
    up_to: int
    summary: str
    notes: str

    def turns(self) -> list[Message]:
        """What stands for those answers, behind the opening."""
        return [
            Message(role="assistant", blocks=(Text(text=self.summary),)),
            Message(role="user", blocks=(Text(text=self.notes),)),
        ]


def compacted_from(data: Mapping[str, Any]) -> Compacted:
    """As the event has it."""
    return Compacted(n=int(data["n"]), up_to=int(data["up_to"]), summary=str(data["summary"]), notes=str(data["notes"]))
