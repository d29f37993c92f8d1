"""When an answer last used what a part of the prompt showed: it named something from it, or repeated a line of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bursar.domain.context.retention import ATOM, is_atom

_SHORTEST_LINE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A part of the prompt, and the first request that carried it."""

    item: str
    request: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the answer to a request says: its texts and the texts in the arguments of its calls."""

    request: int
    texts: tuple[str, ...]


def last_uses(shown: Sequence[Shown], said: Sequence[Said]) -> dict[str, int]:
    """The newest request whose answer used each part; parts that none did are left out.

    A use is an identifier or a path that says which thing is meant (see ``retention.is_atom``), or a whole line of 20
    characters or more. It counts for the newest part that had it in view of that request.
    """
    newest: dict[str, str] = {}
    found: dict[str, int] = {}
    arriving = sorted(shown, key=lambda each: each.request)
    at = 0
    for answer in sorted(said, key=lambda each: each.request):
        while at < len(arriving) and arriving[at].request <= answer.request:
            newest.update(dict.fromkeys(_marks([arriving[at].text]), arriving[at].item))
            at += 1
        for mark in _marks(answer.texts):
            if mark in newest:
                found[newest[mark]] = answer.request
    return found


def _marks(texts: Iterable[str]) -> set[str]:
    marks: set[str] = set()
    for text in texts:
        marks.update(each for each in ATOM.findall(text) if is_atom(each))
        marks.update(line for each in text.split("\n") if len(line := each.strip()) >= _SHORTEST_LINE)
    return marks
