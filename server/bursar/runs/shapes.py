"""How the parts of a run's conversation stand in its next request: what its events say, folded. Pure.

The policy's trims and the user's words have one order, that of the journal, and the last word about an item holds; what
the user has pinned is in full until the user says otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bursar.domain.runs import RunEvent
from bursar.runs.compacted import COMPACTED, Compacted, compacted_from

TRIMMED, PINNED, UNPINNED = "context_trimmed", "context_pinned", "context_unpinned"
DROPPED, RECALLED = "context_dropped", "context_recalled"
"""The kinds of the events. The first is the policy's, with ``n``, the request that it was decided before, and in
``items`` a shape by item; the others are the user's, with a list of items."""
_USERS = frozenset({PINNED, UNPINNED, DROPPED, RECALLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Lines ``first`` to ``end`` (exclusive) of a result, which the item shows from its line ``at`` on.

    ``at`` is None where the item is an answer, in whose call they stand; ``of`` says what the item is.
    """

    first: int
    end: int
    item: str
    at: int | None
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Whole lines of a result, verbatim: ranges of line numbers (0-based, end exclusive), in order.

    Nothing kept is a stub. ``pointers`` are lines that were left out because another item shows them.
    """

    kept: tuple[tuple[int, int], ...] = ()
    pointers: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The first and the last characters of a result whose lines are too long to be kept whole."""

    head: int
    tail: int


Shape: TypeAlias = Lines | Ends
"""What is left of a result. One that has no shape stands in full."""
STUB = Lines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """How items stand in the next request. An item that is not in ``cut`` is in full."""

    cut: Mapping[str, Shape] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()
    compacted: Compacted | None = None
    """The newest summary, which stands for all answers up to its own."""

    def is_gone(self, item: str) -> bool:
        """Whether a summary stands in the place of the item."""
        place = place_of(item)
        return self.compacted is not None and place is not None and place[0] <= self.compacted.up_to

    def text(self, item: str, content: str) -> str:
        """What the model is shown of a result's content, with a marker that it can follow for what is left out."""
        shape = self.cut.get(item)
        if shape is None:
            return content
        if isinstance(shape, Ends):
            return _ends(item, content, shape)
        return self._lines(item, content.split("\n"), shape)

    def of_sent(self, n: int) -> str:
        """A digest of the shapes of all that request ``n`` carries; empty where all of it is in full."""
        sent = {
            item: shape_to_json(shape)
            for item, shape in self.cut.items()
            if (place := place_of(item)) is None or place < (n, -1)
        }
        if self.compacted is not None and self.compacted.n <= n:
            sent["summary"] = {"n": self.compacted.n}
        if not sent:
            return ""
        return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()[:16]

    def shows(self, item: str, line: int) -> bool:
        """Whether the line stands in the prompt where the item does."""
        shape = self.cut.get(item)
        if self.is_gone(item):
            return False
        if shape is None:
            return True
        return isinstance(shape, Lines) and any(first <= line < end for first, end in shape.kept)

    def _lines(self, item: str, lines: Sequence[str], shape: Lines) -> str:
        if not any(first < end for first, end in shape.kept) and not self._pointed(shape, 0, len(lines)):
            count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
            return f'[result {item}, {count}, left out; recall {{"item": "{item}"}}]'
        parts: list[str] = []
        at = 0
        for first, end in (*shape.kept, (len(lines), len(lines))):
            parts += self._gap(item, shape, at, first)
            parts += lines[first:end]
            at = end
        return "\n".join(parts)

    def _gap(self, item: str, shape: Lines, first: int, end: int) -> list[str]:
        """The markers for lines that are left out: those that stand elsewhere, and those that do not."""
        markers: list[str] = []
        at = first
        for pointer in self._pointed(shape, first, end):
            if pointer.first > at:
                markers.append(_left_out(item, at, pointer.first))
            markers.append(_points(pointer))
            at = pointer.end
        if at < end:
            markers.append(_left_out(item, at, end))
        return markers

    def _pointed(self, shape: Lines, first: int, end: int) -> list[Pointer]:
        """The pointers in a gap whose lines are still shown where they point to: a marker never points at nothing."""
        return [
            each
            for each in sorted(shape.pointers, key=lambda each: each.first)
            if first <= each.first and each.end <= end and self._stands(each)
        ]

    def _stands(self, pointer: Pointer) -> bool:
        if self.is_gone(pointer.item):
            return False
        if pointer.at is None:
            return pointer.item not in self.cut
        length = pointer.end - pointer.first
        return all(self.shows(pointer.item, each) for each in range(pointer.at, pointer.at + length))


FULL = Shapes()
"""Everything as it was sent first."""


def left_out(shapes: Shapes, item: str, lines: int) -> list[tuple[int, int]]:
    """Which lines of an item of so many do not stand in the prompt at their own place (0-based, end exclusive)."""
    shape = shapes.cut.get(item)
    if shapes.is_gone(item) or isinstance(shape, Ends):
        return [(0, lines)]
    if shape is None:
        return []
    gaps: list[tuple[int, int]] = []
    at = 0
    for first, end in (*shape.kept, (lines, lines)):
        if first > at:
            gaps.append((at, first))
        at = max(at, end)
    return gaps


class ShapeFold:
    """Takes the events of one run as they come; nothing is read twice."""

    def __init__(self) -> None:
        self._words: list[_Word] = []
        self._cut: dict[str, Shape] = {}
        self._pinned: set[str] = set()
        self._compacted: list[Compacted] = []
        self.last_seq = 0

    def add(self, events: Iterable[RunEvent]) -> None:
        """Further events, in their order."""
        for event in events:
            self.last_seq = event.seq
            new = list(_words(event))
            for each in new:
                self._hear(each)
            self._words += new
            # An erased run has the event, and nothing in it.
            if event.kind == COMPACTED and "up_to" in event.data:
                self._compacted.append(compacted_from(event.data))
            if event.kind == "rewound" and "step" in event.data:
                self._go_back(str(event.data["step"]))

    @property
    def shapes(self) -> Shapes:
        """How everything stands now."""
        newest = self._compacted[-1] if self._compacted else None
        return Shapes(cut=dict(self._cut), pinned=frozenset(self._pinned), compacted=newest)

    def _hear(self, word: _Word) -> None:
        item = word.item
        if word.kind == TRIMMED and item in self._pinned:
            return
        if word.kind == PINNED:
            self._pinned.add(item)
        elif word.kind in (UNPINNED, DROPPED):
            self._pinned.discard(item)
        if word.kind in (TRIMMED, DROPPED) and word.shape is not None:
            self._cut[item] = word.shape
        elif word.kind != UNPINNED:
            self._cut.pop(item, None)

    def _go_back(self, step: str) -> None:
        """Forget what was said of items that are set aside, and what was decided before requests that are."""
        to = place_of(step) or (0, 0)
        self._compacted = [each for each in self._compacted if each.n <= to[0]]
        words = [each for each in self._words if _is_before(each, to)]
        self._words, self._cut, self._pinned = words, {}, set()
        for each in words:
            self._hear(each)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    kind: str
    item: str
    n: int | None = None
    shape: Shape | None = None


def shapes_of(events: Iterable[RunEvent]) -> Shapes:
    """How the items of one run stand after these events."""
    fold = ShapeFold()
    fold.add(events)
    return fold.shapes


def shape_events(events: Sequence[RunEvent], *, kept: frozenset[str], before: int) -> list[tuple[str, dict[str, Any]]]:
    """The events that a run which takes over these steps takes over with them, so that it builds the same bytes.

    ``before`` is the first request of its own. Other items are left out of them.
    """
    living: list[tuple[RunEvent, _Word]] = []
    summaries: list[RunEvent] = []
    for event in events:
        if event.kind == COMPACTED and "up_to" in event.data and int(event.data["n"]) <= before:
            summaries.append(event)
        living += [(event, each) for each in _words(event)]
        if event.kind == "rewound" and "step" in event.data:
            to = place_of(str(event.data["step"])) or (0, 0)
            living = [each for each in living if _is_before(each[1], to)]
            summaries = [each for each in summaries if int(each.data["n"]) <= to[0]]
    items: dict[int, set[str]] = {}
    for event, word in living:
        if (word.item in kept or place_of(word.item) is None) and (word.n is None or word.n <= before):
            items.setdefault(event.seq, set()).add(word.item)
    found: list[tuple[str, dict[str, Any]]] = []
    for event in events:
        if event in summaries:
            found.append((event.kind, dict(event.data)))
        if event.seq in items:
            had, mine = event.data["items"], items[event.seq]
            left: Any = (
                {item: each for item, each in had.items() if item in mine}
                if isinstance(had, dict)
                else [each for each in had if each in mine]
            )
            found.append((event.kind, {**event.data, "items": left}))
    return found


def place_of(item: str) -> tuple[int, int] | None:
    """Where an answer or a result stands among the steps; None for what belongs to the first request."""
    n, _, index = item[1:].partition(".")
    if item[:1] == "m" and n.isdecimal() and not index:
        return int(n), -1
    if item[:1] == "t" and n.isdecimal() and index.isdecimal():
        return int(n), int(index)
    return None


def shape_to_json(shape: Shape) -> dict[str, Any]:
    """As the event has it."""
    if isinstance(shape, Ends):
        return {"shape": "ends", "head": shape.head, "tail": shape.tail}
    if not shape.kept and not shape.pointers:
        return {"shape": "stub"}
    data: dict[str, Any] = {"shape": "excerpt", "kept": [list(each) for each in shape.kept]}
    if shape.pointers:
        data["pointers"] = [
            {"first": each.first, "end": each.end, "item": each.item, "at": each.at, "of": each.of}
            for each in shape.pointers
        ]
    return data


def shape_from_json(data: Mapping[str, Any]) -> Shape | None:
    """The shape that was written; None for "full", and for one that this version does not know."""
    match data.get("shape"):
        case "stub":
            return STUB
        case "ends":
            return Ends(head=int(data["head"]), tail=int(data["tail"]))
        case "excerpt":
            return Lines(
                kept=tuple((int(first), int(end)) for first, end in data["kept"]),
                pointers=tuple(
                    Pointer(
                        first=int(each["first"]),
                        end=int(each["end"]),
                        item=str(each["item"]),
                        at=None if each["at"] is None else int(each["at"]),
                        of=str(each.get("of", "")),
                    )
                    for each in data.get("pointers", ())
                ),
            )
        case _:
            return None


def _words(event: RunEvent) -> Iterable[_Word]:
    items = event.data.get("items")
    if event.kind == TRIMMED and isinstance(items, dict):
        n = int(event.data.get("n", 0))
        for item, data in items.items():
            yield _Word(kind=TRIMMED, item=str(item), n=n, shape=shape_from_json(data))
    elif event.kind in _USERS and isinstance(items, list):
        for item in items:
            yield _Word(kind=event.kind, item=str(item), shape=STUB if event.kind == DROPPED else None)


def _is_before(word: _Word, to: tuple[int, int]) -> bool:
    place = place_of(word.item)
    return (word.n is None or word.n <= to[0]) and (place is None or place < to)


def _ends(item: str, content: str, shape: Ends) -> str:
    first, last = shape.head, len(content) - shape.tail
    if first >= last:
        return content
    then = min(last, first + _CHARACTERS_AT_ONCE)
    marker = (
        f"[characters {first + 1}-{last} of {len(content)} left out; "
        f'recall {{"item": "{item}", "characters": "{first + 1}-{then}"}}]'
    )
    return "\n".join(each for each in (content[:first], marker, content[last:]) if each)


_CHARACTERS_AT_ONCE = 10_000


def _left_out(item: str, first: int, end: int) -> str:
    asked = _numbers(first, end)
    which = f"line {asked}" if end - first == 1 else f"lines {asked}"
    return f'[{which} left out; recall {{"item": "{item}", "lines": "{asked}"}}]'


def _points(pointer: Pointer) -> str:
    length = pointer.end - pointer.first
    which = f"line{'s' if length > 1 else ''} {_numbers(pointer.first, pointer.end)}"
    about = f" ({pointer.of})" if pointer.of else ""
    if pointer.at is None:
        return f"[{which}: as in your own call in answer {pointer.item} above{about}]"
    there = f"line{'s' if length > 1 else ''} {_numbers(pointer.at, pointer.at + length)}"
    return f"[{which}: as {there} of result {pointer.item} above{about}]"


def _numbers(first: int, end: int) -> str:
    """As people and tools count lines: from 1, both ends in it."""
    return str(end) if end - first == 1 else f"{first + 1}-{end}"
