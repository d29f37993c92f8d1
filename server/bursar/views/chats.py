"""Transcripts of chats: a lens with who said how much, a hint behind each message."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.text import split_lines
from bursar.domain.transcripts import LARGEST_CHARS, ChatEntry, totals
from bursar.views.annotations import Annotations, Hint, Lens
from bursar.views.figures import count, plural
from bursar.views.placed import Placed, SizeHint

TOO_LARGE = Annotations(
    lenses=(
        Lens(
            line=0,
            title=f"Messages are counted in transcripts of up to {count(LARGEST_CHARS)} characters: split this file",
            tooltip="Reading all messages of a larger file would hold up everything else.",
        ),
    )
)


def place_chat(text: str, counted: Sequence[tuple[ChatEntry, Sequence[int]]], *, encoding: str) -> Placed:
    """Everything that is shown on a transcript, from the tokens of all that each entry says."""
    if not counted:
        return Placed()
    lines = split_lines(text)
    by_role = totals(counted)
    messages = sum(entry.messages for entry, _ in counted)
    words = [plural(messages, "message"), plural(sum(by_role.values()), "token")]
    if messages != len(counted):
        words.insert(0, plural(len(counted), "example"))
    lens = Lens(
        line=0,
        title=f"{' · '.join(words)}: {_by_role(by_role)}",
        tooltip=f"Texts of messages, tool calls and results, counted under {encoding}; no pictures, no JSON around it",
    )
    return Placed(lenses=(lens,), hints=tuple(_hint(*each, lines, encoding) for each in counted))


def _hint(entry: ChatEntry, tokens: Sequence[int], lines: Sequence[str], encoding: str) -> SizeHint:
    total = sum(tokens)
    hint = Hint(
        line=entry.line,
        character=len(lines[entry.line].rstrip()),
        label=plural(total, "token"),
        tooltip=f"{_by_role(totals([(entry, tokens)]))}, counted under {encoding}",
    )
    return SizeHint(tokens=total, hint=hint)


def _by_role(tokens: dict[str, int]) -> str:
    return ", ".join(f"{role} {count(each)}" for role, each in sorted(tokens.items(), key=lambda each: -each[1]))
