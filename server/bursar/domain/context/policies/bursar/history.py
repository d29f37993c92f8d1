"""What a session said, used and touched so far: what the chance of a line to be needed again is told by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bursar.domain.context.duplicates import plain
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.retention import ATOM, is_atom
from bursar.domain.context.session import Turn, arguments_of, texts_in

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{5,}")
_TELLING = re.compile(r"[_0-9]|[a-z][A-Z]")
_LONG_WORD = 10
_SHORTEST_LINE = 20
_MOST_LINES_USED = 3


def identifiers(text: str) -> list[str]:
    """Words that name something: with an underscore, a digit or a capital inside, or long."""
    return [each for each in _WORD.findall(text) if len(each) >= _LONG_WORD or _TELLING.search(each)]


@dataclass(slots=True, kw_only=True)
class Result:
    """A result and what later calls made of it. ``seen``: by line, whether an earlier result had it.

    ``used`` has the numbers of its lines that a later call used.
    """

    number: int
    turn: Turn
    origin: Origin
    lines: list[str]
    seen: list[bool]
    in_request: int = 1
    used: set[int] = field(default_factory=set)
    uses: int = 0
    last_use: int = 0


@dataclass(slots=True)
class Mentions:
    """When the assistant said a word in text, thought or arguments: the first and the last request that carried it."""

    first: int
    last: int


class History:
    """Grows with each turn; nothing is read twice."""

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self.mentions: dict[str, Mentions] = {}
        self.said: set[str] = set()
        self.user_requests: list[int] = []
        self.user_words: frozenset[str] = frozenset()
        self.newest: dict[str, int] = {}
        self._edits: dict[str, int] = {}
        self._reads: dict[str, int] = {}
        self._atoms: dict[str, tuple[int, list[int]]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._of_request: list[Result] = []

    def add(self, number: int, turn: Turn, origin: Origin) -> None:
        """Any turn, in order; ``origin`` is that of the call or the result."""
        if turn.kind == "tool_result":
            self._add_result(number, turn, origin)
        elif turn.kind == "user":
            words = identifiers(turn.text)
            self.user_words = frozenset(words)
            self.said.update(words)
            self.user_requests.append(turn.request)
        elif turn.kind != "system":
            self._add_answer(turn, origin)

    def show(self, number: int, line: int) -> None:
        """A line that stands in the prompt, or is pointed to from there: older copies of it are superseded."""
        self.newest[plain(self.results[number].lines[line])] = number

    def edited_since(self, result: Result) -> bool:
        """Whether its file was changed after it was read."""
        return self._edits.get(result.origin.path, -1) > result.turn.request

    def read_since(self, result: Result) -> bool:
        """Whether its file was read once more."""
        return self._reads.get(result.origin.path, -1) > result.turn.request

    def _add_result(self, number: int, turn: Turn, origin: Origin) -> None:
        lines = turn.text.split("\n")
        result = Result(
            number=number,
            turn=turn,
            origin=origin,
            lines=lines,
            seen=[plain(each) in self._places for each in lines],
            last_use=turn.request,
        )
        self.results[number] = result
        if self._of_request and self._of_request[0].turn.request != turn.request:
            self._of_request = []
        self._of_request.append(result)
        for each in self._of_request:
            each.in_request = len(self._of_request)
        for place, line in enumerate(lines):
            if text := plain(line).strip():
                self._places[plain(line)] = self._places[text] = (number, place)
            for atom in ATOM.findall(line):
                if is_atom(atom):
                    holder = self._atoms.get(atom)
                    if holder is None or holder[0] != number:
                        self._atoms[atom] = (number, [place])
                    else:
                        holder[1].append(place)
        if origin.kind == "read" and origin.path:
            self._reads[origin.path] = turn.request

    def _add_answer(self, turn: Turn, origin: Origin) -> None:
        for word in identifiers(turn.text):
            known = self.mentions.get(word)
            if known is None:
                self.mentions[word] = Mentions(turn.request, turn.request)
                self.said.add(word)
            else:
                known.last = turn.request
        if turn.kind != "tool_call":
            return
        if origin.kind == "edit" and origin.path:
            self._edits[origin.path] = turn.request
        for atom in {each for each in ATOM.findall(turn.text) if is_atom(each)}:
            holder = self._atoms.get(atom)
            if holder is not None:
                self._use(holder[0], holder[1] if len(holder[1]) <= _MOST_LINES_USED else holder[1][:1], turn.request)
        for line in _lines(turn.text):
            text = line.strip()
            place = self._places.get(text) if len(text) >= _SHORTEST_LINE else None
            if place is not None:
                self._use(place[0], [place[1]], turn.request)

    def _use(self, number: int, lines: list[int], request: int) -> None:
        result = self.results[number]
        result.used.update(lines)
        result.uses += 1
        result.last_use = request


def _lines(arguments: str) -> Iterator[str]:
    for text in texts_in(arguments_of(arguments)):
        yield from text.split("\n")
