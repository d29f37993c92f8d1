"""What a session said, used and touched so far: what the chance of a line to be needed again is told by."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from bursar.domain.context.duplicates import plain
from bursar.domain.context.policies.bursar import features
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.retention import ATOM, is_atom
from bursar.domain.context.session import Turn, arguments_of, texts_in

_SHORTEST_LINE = 20


@dataclass(slots=True, kw_only=True)
class Result:
    """A result and what later turns made of it. Lines are told by their number.

    ``seen``: whether an earlier result had the line. ``unsaid``: the names that nobody said and that no newer line
    shows. ``gone``: lines that a newer result shows. ``used`` has, in order, what later calls used. ``touched``: the
    lines of which something changed since somebody asked; None where all may have.
    """

    number: int
    turn: Turn
    origin: Origin
    lines: list[str]
    seen: list[bool]
    unsaid: dict[int, set[str]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    used: list[int] = field(default_factory=list)
    touched: set[int] | None = None
    in_request: int = 1
    uses: int = 0
    last_use: int = 0


class History:
    """Grows with each turn; nothing is read twice."""

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self._said: set[str] = set()
        self._user_requests: list[int] = []
        self._edits: dict[str, int] = {}
        self._reads: dict[str, int] = {}
        self._holders: dict[str, tuple[int, int]] = {}
        self._newest: dict[str, tuple[int, int]] = {}
        self._known: set[str] = set()
        self._of_request: list[Result] = []

    def add(self, number: int, turn: Turn, origin: Origin) -> None:
        """Any turn, in order; ``origin`` is that of the call or the result."""
        if turn.kind == "tool_result":
            self._add_result(number, turn, origin)
            return
        if turn.kind == "user":
            self._user_requests.append(turn.request)
        if turn.kind == "tool_call":
            if origin.kind == "edit" and origin.path:
                self._edits[origin.path] = turn.request
            for of, line in self.needed_by(turn.text):
                self._use(of, line, turn.request)
        for atom in ATOM.findall(turn.text):
            if atom not in self._said:
                self._said.add(atom)
                self._release(atom)

    def show(self, number: int, line: int) -> None:
        """A line that stands in the prompt from now on: older copies of it, and of its names, are superseded."""
        result = self.results[number]
        text = plain(result.lines[line])
        older = self._newest.get(text)
        if older is not None and older[0] != number:
            before = self.results[older[0]]
            before.gone.add(older[1])
            _touch(before, older[1])
        if text:
            self._newest[text] = self._newest[text.strip()] = (number, line)
        for atom in ATOM.findall(result.lines[line]):
            if atom not in self._said and is_atom(atom):
                holder = self._holders.get(atom)
                if holder is not None and holder[0] == number:
                    continue
                self._release(atom)
                self._holders[atom] = (number, line)
                result.unsaid.setdefault(line, set()).add(atom)

    def needed_by(self, arguments: str) -> Iterator[tuple[int, int]]:
        """The lines (result, number) that a call's arguments used: the newest that show a name or a line of them."""
        for atom in sorted(set(ATOM.findall(arguments))):
            if atom in self._holders:
                yield self._holders[atom]
        for text in texts_in(arguments_of(arguments)):
            for line in text.split("\n"):
                said = line.strip()
                if len(said) >= _SHORTEST_LINE and said in self._newest:
                    yield self._newest[said]

    def holder_of(self, atom: str) -> tuple[int, int] | None:
        """The line that shows a name which nobody said, the newest."""
        return self._holders.get(atom)

    def newest_of(self, text: str) -> tuple[int, int] | None:
        """The newest line that says this, without what is before and behind it."""
        return self._newest.get(text)

    def changing(self, result: Result, line: int) -> tuple[float, ...]:
        """What events made of a line."""
        unsaid = [0] * 5
        for atom in result.unsaid.get(line, ()):
            unsaid[features.sort_of(atom)] += 1
        at = bisect_left(result.used, line)
        near = result.used[max(0, at - 1) : at + 1]
        return features.changing(
            line in result.gone,
            line in near,
            min((abs(each - line) for each in near), default=None),
            tuple(unsaid),
        )

    def of_result(self, result: Result, request: int) -> tuple[float, ...]:
        """What is known of a whole result before a request."""
        arrived, path, users = result.turn.request, result.origin.path, self._user_requests
        edited, read = self._edits.get(path, -1), self._reads.get(path, -1)
        return features.of_result(
            result.turn,
            result.origin,
            lines=len(result.lines),
            request=request,
            last_use=result.last_use,
            uses=result.uses,
            used_lines=len(result.used),
            edited_since=edited > arrived,
            read_since=read > arrived,
            touched=max(arrived, edited, read),
            user_turns_since=len(users) - bisect_right(users, arrived),
            user_request=users[-1] if users else 0,
            in_request=result.in_request,
        )

    def _add_result(self, number: int, turn: Turn, origin: Origin) -> None:
        lines = turn.text.split("\n")
        texts = [plain(each) for each in lines]
        result = Result(
            number=number,
            turn=turn,
            origin=origin,
            lines=lines,
            seen=[each in self._known for each in texts],
            last_use=turn.request,
        )
        self._known.update(texts)
        self.results[number] = result
        if self._of_request and self._of_request[0].turn.request != turn.request:
            self._of_request = []
        self._of_request.append(result)
        for each in self._of_request:
            each.in_request = len(self._of_request)
        if origin.kind == "read" and origin.path:
            self._reads[origin.path] = turn.request

    def _release(self, atom: str) -> None:
        holder = self._holders.pop(atom, None)
        if holder is not None:
            result = self.results[holder[0]]
            result.unsaid[holder[1]].discard(atom)
            _touch(result, holder[1])

    def _use(self, number: int, line: int, request: int) -> None:
        result = self.results[number]
        at = bisect_left(result.used, line)
        if result.used[at : at + 1] != [line]:
            result.used.insert(at, line)
            result.touched = None
        result.uses += 1
        result.last_use = request


def _touch(result: Result, line: int) -> None:
    if result.touched is not None:
        result.touched.add(line)
