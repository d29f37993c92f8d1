"""The rules for texts that stand inside other files: literal prompts of programs, messages of transcripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.domain.rules.hidden import hidden_finding, hidden_runs
from bursar.domain.rules.leaks import SECRET_IN_PROMPT, redaction, secrets_in, what_leaks
from bursar.domain.rules.rule import Found
from bursar.domain.rules.volatile import LEAST_TOKENS_BEHIND, VOLATILE_PREFIX
from bursar.domain.text import split_lines

MOST_CHARACTERS = 1_000_000
"""A larger file is a log or data: what was sent in it was sent long ago."""
_MOST_FOUND = 100
_MADE_AT_RUN_TIME = re.compile(
    r"(?i)(?:\b(?:today(?:'s date)?(?: is|:)|(?:today's|the current|current|local) (?:date|time|date and time)(?: is|:)"
    r"|(?:session|request|run|trace|conversation)[ _-]?id(?: is|:|=))|(?:^|[\n.!?>]\s*)(?:date|time ?stamp|now)[:=])"
    r"\s*[\"'`(\[<]?\Z"
)

_Place: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A text as a model gets it, and the place that it was written at, which may be written otherwise (escapes, JSON).

    Between two of ``pieces`` stands a value that only the running program knows. Lines are 0-based with LSP's line
    ends, characters count code points, the end is exclusive.
    """

    where: Literal["prompt", "message"]
    role: str
    pieces: tuple[str, ...]
    line: int
    character: int
    end_line: int
    end_character: int


def findings_in_sent(
    path: str,
    text: str,
    sent: Sequence[Sent],
    tokens: Callable[[str], int],
    *,
    silenced: Collection[str] = frozenset(),
) -> tuple[Found, ...]:
    """What the rules find in these texts of a file, by place; several calls may send the same one."""
    if not sent or len(text) > MOST_CHARACTERS:
        return ()
    lines = split_lines(text)
    found: dict[tuple[str, _Place], Found] = {}
    for each in sent:
        every = (*_secrets(path, lines, each), *_hidden(path, lines, each), *_volatile(lines, each, tokens))
        for one in every:
            if one.code not in silenced:
                found.setdefault((one.code, (one.line, one.character, one.end_line, one.end_character)), one)
        if len(found) >= _MOST_FOUND:
            break
    return tuple(sorted(found.values(), key=lambda each: (each.line, each.character, each.code))[:_MOST_FOUND])


def _secrets(path: str, lines: Sequence[str], sent: Sent) -> Iterator[Found]:
    after = (sent.line, sent.character)
    for piece in sent.pieces:
        for start, end, kind in secrets_in(piece):
            place = _find(lines, sent, piece[start:end], after)
            if place is not None:
                after = (place[2], place[3])
            line, character, end_line, end_character = place or _whole(sent)
            yield Found(
                line=line,
                character=character,
                end_line=end_line,
                end_character=end_character,
                code=SECRET_IN_PROMPT.code,
                message=f"{what_leaks(kind)} stands in this {sent.where}{_FATE[sent.where]}",
                fixes=() if place is None else (redaction(path, place),),
            )


_FATE = {
    "prompt": (
        ", and it is sent to the provider with each call: remove it, have a new one made, and give it to the program "
        "that needs it, not to the model"
    ),
    "message": (
        ": whoever gets this transcript has it, and so has the provider that it was sent to. Replace it here, and have "
        "a new one made"
    ),
}


def _hidden(path: str, lines: Sequence[str], sent: Sent) -> Iterator[Found]:
    for at in range(sent.line, sent.end_line + 1):
        line = lines[at]
        if line.isascii():
            continue
        first = sent.character if at == sent.line else 0
        last = sent.end_character if at == sent.end_line else len(line)
        for start, end in hidden_runs(line, at_start=at == 0):
            if first <= start and end <= last:
                yield hidden_finding(path, at, line, start, end)


def _volatile(lines: Sequence[str], sent: Sent, tokens: Callable[[str], int]) -> Iterator[Found]:
    """The first value in a system prompt that its own words call a date, a time or an id, with much text behind it."""
    if sent.role not in ("system", "developer"):
        return
    for at, piece in enumerate(sent.pieces[:-1]):
        label = _MADE_AT_RUN_TIME.search(piece)
        if label is None:
            continue
        behind = sum(map(tokens, sent.pieces[at + 1 :]))
        if behind < LEAST_TOKENS_BEHIND:
            return
        written = label[0].lstrip(".!?> \n\r\t").rstrip()
        words = " ".join(written.split())
        line, character, end_line, end_character = _find(lines, sent, written) or _whole(sent)
        yield Found(
            line=line,
            character=character,
            end_line=end_line,
            end_character=end_character,
            code=VOLATILE_PREFIX.code,
            message=(
                f'The value behind "{words}" changes from call to call or from day to day, and each time the '
                f"{behind:,} literal tokens behind it are no longer found in the prompt cache, nor what follows the "
                "prompt: put the value at the end of it, or into the last message"
            ),
        )
        return


def _whole(sent: Sent) -> _Place:
    return sent.line, sent.character, sent.end_line, sent.end_character


def _find(lines: Sequence[str], sent: Sent, value: str, after: tuple[int, int] = (0, 0)) -> _Place | None:
    """Where the value is written in one line of the text's place, as it is; None where it is written otherwise."""
    for at in range(max(sent.line, after[0]), sent.end_line + 1):
        first = max(sent.character if at == sent.line else 0, after[1] if at == after[0] else 0)
        last = sent.end_character if at == sent.end_line else len(lines[at])
        start = lines[at].find(value, first, last)
        if start >= 0:
            return at, start, at, start + len(value)
    return None
