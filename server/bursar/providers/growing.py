"""An answer while it comes in: what the readers of all formats keep of it, and the blocks it is by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bursar.domain.conversation import Block
from bursar.providers.sse import SseEvent
from bursar.providers.wire import CUT_BY_LIMIT, NOT_UTF8, call_block, text_block


class GrowingAnswer:
    """What every reader keeps: ``chars`` of content so far, whether the end mark came, what the answer calls itself."""

    def __init__(self, *, most_input_tokens: int, most_output_tokens: int) -> None:
        self._most_input_tokens = most_input_tokens
        self._most_output_tokens = most_output_tokens
        self.chars = 0
        self.ended = False
        self.request_id: str | None = None
        self._model: str | None = None
        self._tier: str | None = None
        self._thoughts: list[str] = []
        self._usage_fell: tuple[str, ...] = ()
        self._damaged = False

    def _note_damage(self, event: SseEvent) -> None:
        """Remember that some of its bytes were no text: what came in them cannot be trusted."""
        self._damaged = self._damaged or event.damaged

    def _hear(self, where: list[str], text: str) -> None:
        """Put a piece of content to the others."""
        where.append(text)
        self.chars += len(text)

    def _think(self, text: str) -> None:
        # Thoughts are billed as output and show that the model is at work; they are not part of the answer.
        self._hear(self._thoughts, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """A tool call as it came; ``raw`` is the text of its arguments."""

    call_id: str
    name: str
    raw: str


def blocks_of(text: list[str], calls: Sequence[RawCall], *, stop_reason: str, damaged: bool) -> list[Block]:
    """The blocks of an answer in a format whose calls follow its one text; the last call may be cut by the limit."""
    spoken = text_block(text)
    blocks: list[Block] = [] if spoken is None else [spoken]
    for number, call in enumerate(calls):
        damage = None
        if damaged:
            damage = NOT_UTF8
        elif stop_reason == "max_tokens" and number == len(calls) - 1:
            damage = CUT_BY_LIMIT
        call_id = call.call_id or f"call_{number}"
        blocks.append(call_block(call_id=call_id, name=call.name, raw=call.raw, damage=damage))
    return blocks


def text_in(value: Any) -> str:
    """A value of an answer where a text is expected; empty for anything else."""
    return value if isinstance(value, str) else ""


def object_in(value: Any) -> dict[str, Any]:
    """A value of an answer where an object is expected; empty for anything else."""
    return value if isinstance(value, dict) else {}


def code_in(error: dict[str, Any]) -> str:
    """The code of an error, which some servers send as a number."""
    code = error.get("code")
    return str(code) if code is not None else ""
