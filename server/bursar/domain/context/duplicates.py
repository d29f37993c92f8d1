"""Lines that a prompt shows already: where a new result repeats them, so that it can point there instead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

IsVisible: TypeAlias = Callable[[int, int], bool]
"""Whether a line (by its number) of a turn (by its number) stands in the prompt now."""

_LINE_NUMBER = re.compile(r"^\s*\d+[\t:→|]")
_OCCURRENCES_TRIED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Lines ``first`` to ``end`` (exclusive) of a text, as they stand in ``turn`` from its line ``copy_first`` on."""

    first: int
    end: int
    turn: int
    copy_first: int


class ShownLines:
    """The lines of all turns so far, found by what they say without a line number before and blanks behind."""

    def __init__(self) -> None:
        self._lines: dict[int, list[str | None]] = {}
        self._places: dict[str, list[tuple[int, int]]] = {}

    def add_result(self, turn: int, text: str) -> None:
        """A result, with all its lines; which of them are visible is asked when it matters."""
        self._add(turn, [plain(each) for each in text.split("\n")])

    def add_call(self, turn: int, arguments: str) -> None:
        """A call: the lines of its strings, where they stand in the prompt letter by letter but for their tabs."""
        try:
            decoded = json.loads(arguments)
        except ValueError:
            return
        lines: list[str | None] = []
        for text in _strings(decoded):
            lines += [plain(each) if _as_is(each) else None for each in text.split("\n")]
            lines.append(None)
        self._add(turn, lines)

    def repeated(self, text: str, is_visible: IsVisible) -> Iterator[Run]:
        """Runs of a text's lines that an earlier turn shows in the same order, each the longest from its first."""
        lines = [plain(each) for each in text.split("\n")]
        at = 0
        while at < len(lines):
            found = self._longest(lines, at, is_visible)
            if found is None:
                at += 1
            else:
                yield found
                at = found.end

    def _longest(self, lines: list[str], at: int, is_visible: IsVisible) -> Run | None:
        best: Run | None = None
        for turn, place in reversed(self._places.get(lines[at], ())[-_OCCURRENCES_TRIED:]):
            length, other = 0, self._lines[turn]
            while (
                at + length < len(lines)
                and place + length < len(other)
                and lines[at + length] == other[place + length]
                and is_visible(turn, place + length)
            ):
                length += 1
            if length and (best is None or length > best.end - best.first):
                best = Run(first=at, end=at + length, turn=turn, copy_first=place)
        return best

    def _add(self, turn: int, lines: list[str | None]) -> None:
        self._lines[turn] = lines
        for place, line in enumerate(lines):
            if line:
                self._places.setdefault(line, []).append((turn, place))


def plain(line: str) -> str:
    """What a line says: without the number that a reader put before it, and without blanks behind it."""
    return _LINE_NUMBER.sub("", line, count=1).rstrip()


def _as_is(line: str) -> bool:
    return json.dumps(line.lstrip("\t"), ensure_ascii=False) == f'"{line.lstrip(chr(9))}"'


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
