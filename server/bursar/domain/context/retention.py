"""What an agent used again of earlier results, and whether it still stood in the prompt when it did.

Three kinds of use, each first seen in a tool's result: *atoms* (identifiers and paths in a call's arguments), *edit
lines* (lines of the text that an edit replaces), *quotes* (whole lines in assistant text or arguments).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.domain.context.decision import Excerpt
from bursar.domain.context.session import RecordedSession, Turn, arguments_of, texts_in
from bursar.domain.context.window import Window

UseKind: TypeAlias = Literal["atom", "edit_line", "quote"]
USE_KINDS: tuple[UseKind, ...] = ("atom", "edit_line", "quote")
ATOM = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./\-][A-Za-z0-9_]+)*")

_WORD = re.compile(r"\w+")
_CAMEL = re.compile(r"[a-z][A-Z]")
_TELLING = re.compile(r"[./0-9]")
_SHORTEST_ATOM, _LONGEST_ATOM, _ATOMS_PER_CALL = 6, 120, 30
_SHORTEST_LINE, _EDIT_LINES = 20, 10
_REPLACED = ("old_string", "old_str", "oldText")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Something in the answer to ``request`` that a result showed first.

    ``holders`` are the turns of that prompt that have it in full, by number, in order; ``source`` is the newest result
    of them, which would have to be fetched again.
    """

    request: int
    kind: UseKind
    text: str
    holders: tuple[int, ...]
    source: int


def uses_by_request(session: RecordedSession) -> list[list[Use]]:
    """All uses of a session, by the request whose answer has them."""
    found = _Finder(session)
    uses: list[list[Use]] = [[] for _ in session.requests]
    for turn in session.turns:
        request = turn.request - 1
        if 0 <= request < len(uses) and turn.kind in ("assistant", "tool_call"):
            uses[request] += found.in_turn(turn)
    return uses


def is_kept(use: Use, window: Window) -> bool:
    """Whether what is used stands whole and verbatim in the prompt: in a full turn, or in an excerpt's lines."""
    if any(window.shapes[each] == "full" for each in use.holders):
        return True
    return any(
        isinstance(window.shapes[each], Excerpt) and _stands_in(use, window.visible_text(each)) for each in use.holders
    )


def is_atom(word: str) -> bool:
    """Whether a word says which thing is meant: a path, a dotted or joined name, with a digit or in camel case."""
    if not _SHORTEST_ATOM <= len(word) <= _LONGEST_ATOM:
        return False
    return "_" in word.strip("_") or _TELLING.search(word) is not None or _CAMEL.search(word) is not None


def _stands_in(use: Use, text: str) -> bool:
    if use.kind == "atom":
        return use.text in text and use.text in ATOM.findall(text)
    return use.text in text


class _Finder:
    """Looks things up in all turns of a session; a use sees only those that its request carried."""

    def __init__(self, session: RecordedSession) -> None:
        self._turns = session.turns
        self._firsts = [each.request for each in session.turns]
        self._atoms: dict[str, list[int]] = {}  # also of words that are none; only atoms are asked for
        self._words: dict[str, list[int]] = {}
        self._result_words: set[str] = set()
        self._line_holders: dict[str, list[int]] = {}
        for number, turn in enumerate(session.turns):
            for atom in set(ATOM.findall(turn.text)):
                self._atoms.setdefault(atom, []).append(number)
            words = set(_WORD.findall(turn.text))
            for word in words:
                self._words.setdefault(word, []).append(number)
            if turn.kind == "tool_result":
                self._result_words |= words

    def in_turn(self, turn: Turn) -> Iterator[Use]:
        """The uses in one answer's text or call."""
        request = turn.request - 1
        if turn.kind == "assistant":
            yield from self._lines(turn.text.split("\n"), request, "quote")
            return
        taken = 0
        atoms = {each for each in ATOM.findall(turn.text) if is_atom(each)}
        for atom in sorted(atoms, key=lambda each: hashlib.md5(each.encode(), usedforsecurity=False).digest()):
            use = self._use(self._atoms.get(atom, []), request, "atom", atom)
            if use is not None:
                taken += 1
                yield use
            if taken == _ATOMS_PER_CALL:
                break
        arguments = arguments_of(turn.text)
        if isinstance(arguments, dict):
            for name in _REPLACED:
                replaced = arguments.get(name)
                if isinstance(replaced, str):
                    lines = [each for line in replaced.split("\n") if len(each := line.strip()) >= _SHORTEST_LINE]
                    yield from self._lines(lines[:_EDIT_LINES], request, "edit_line")
        yield from self._lines([line for text in texts_in(arguments) for line in text.split("\n")], request, "quote")

    def _lines(self, lines: list[str], request: int, kind: UseKind) -> Iterator[Use]:
        for line in lines:
            text = line.strip()
            if len(text) < _SHORTEST_LINE or not self._may_be_in_results(text):
                continue
            use = self._use(self._holders_of(text), request, kind, text)
            if use is not None:
                yield use

    def _may_be_in_results(self, line: str) -> bool:
        """False where a word inside the line is in no result: a look at a set instead of a search of all texts."""
        return all(each in self._result_words for each in _WORD.findall(line)[1:-1])

    def _holders_of(self, line: str) -> list[int]:
        holders = self._line_holders.get(line)
        if holders is None:
            inside = _WORD.findall(line)[1:-1]  # the outer words may be parts of longer ones
            places: Sequence[int] = range(len(self._turns))
            if inside:
                places = min((self._words[each] for each in inside), key=len)
            holders = [number for number in places if line in self._turns[number].text]
            self._line_holders[line] = holders
        return holders

    def _use(self, holders: list[int], request: int, kind: UseKind, text: str) -> Use | None:
        sent = bisect_left(self._firsts, request + 1)
        seen = tuple(each for each in holders if each < sent)
        results = [each for each in seen if self._turns[each].kind == "tool_result"]
        if not results or (kind != "quote" and seen[0] != results[0]):
            return None
        return Use(request=request, kind=kind, text=text, holders=seen, source=results[-1])
