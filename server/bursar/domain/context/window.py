"""The prompt of a session as it grows and is trimmed: sizes and shapes, kept by request so that a change is cheap."""

from __future__ import annotations

from bursar.domain.context.decision import Decision, Excerpt, Shape, Terms
from bursar.domain.context.session import Turn
from bursar.domain.context.sizes import STUB_TOKENS, SUMMARY_TOKENS, excerpt_tokens


class Window:
    """What the next request carries. Turns are numbered in the order of their arrival."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._by_request: list[int] = []
        self._lines: dict[int, list[str]] = {}
        self.turns: list[Turn] = []
        self.shapes: list[Shape] = []
        self.sizes: list[int] = []
        self.results: list[int] = []
        self.arrived_from = 0
        self.summary_tokens = 0
        self.tokens = terms.base_tokens

    def take(self, turns: tuple[Turn, ...]) -> None:
        """Add what the next request carries first, in full."""
        self.arrived_from = len(self.turns)
        for number, turn in enumerate(turns, start=len(self.turns)):
            self.turns.append(turn)
            self.shapes.append("full")
            self.sizes.append(turn.tokens)
            if turn.kind == "tool_result":
                self.results.append(number)
        new = sum(each.tokens for each in turns)
        self._by_request.append(new)
        self.tokens += new

    def apply(self, decision: Decision) -> int | None:
        """Change what the decision says; returns the first request of whose turns one had been sent otherwise.

        0 where a summary now stands before everything, None where nothing changed that was sent before.
        """
        changed: int | None = None
        if decision.summary:
            self.tokens += SUMMARY_TOKENS - self.summary_tokens
            self.summary_tokens = SUMMARY_TOKENS
            changed = 0
        for number, shape in decision.changes.items():
            if shape == self.shapes[number]:
                continue
            request = self.turns[number].request
            size = self.size_as(number, shape)
            self._by_request[request] += size - self.sizes[number]
            self.tokens += size - self.sizes[number]
            self.sizes[number], self.shapes[number] = size, shape
            if number < self.arrived_from and (changed is None or request < changed):
                changed = request
        return changed

    def tokens_before(self, request: int) -> int:
        """The tokens of the prompt before what that request carried first; of the fixed prefix for 0."""
        if request == 0:
            return self._terms.base_tokens
        return self._terms.base_tokens + self.summary_tokens + sum(self._by_request[:request])

    def tokens_between(self, first: int, end: int) -> int:
        """The tokens of what the requests from the one to before the other carried first."""
        return sum(self._by_request[first:end])

    def size_as(self, number: int, shape: Shape) -> int:
        """The tokens of a turn in that shape."""
        turn = self.turns[number]
        if shape == "full":
            return turn.tokens
        if shape == "dropped":
            return 0
        if not isinstance(shape, Excerpt):
            return STUB_TOKENS
        lines = self.lines_of(number)
        characters = sum(len(each) + 1 for first, end in shape.kept for each in lines[first:end])
        gaps = max(gaps_of(shape, len(lines)), shape.pointers)
        return excerpt_tokens(characters, gaps, shape.pointers, self._terms.tokens_per_character)

    def lines_of(self, number: int) -> list[str]:
        """The lines of a turn's text, as an excerpt counts them."""
        lines = self._lines.get(number)
        if lines is None:
            lines = self._lines[number] = self.turns[number].text.split("\n")
        return lines

    def shows(self, number: int, line: int) -> bool:
        """Whether a line of a turn's own text stands in the prompt."""
        shape = self.shapes[number]
        if isinstance(shape, Excerpt):
            return any(first <= line < end for first, end in shape.kept)
        return shape == "full"

    def visible_text(self, number: int) -> str:
        """What of a turn's own text stands in the prompt, verbatim; empty where nothing does."""
        shape = self.shapes[number]
        if shape == "full":
            return self.turns[number].text
        if not isinstance(shape, Excerpt):
            return ""
        lines = self.lines_of(number)
        return "\n".join("\n".join(lines[first:end]) for first, end in shape.kept)


def gaps_of(excerpt: Excerpt, lines: int) -> int:
    """How many runs of lines an excerpt leaves out of a text of so many lines."""
    gaps, at = 0, 0
    for first, end in excerpt.kept:
        gaps += first > at
        at = end
    return gaps + (at < lines)
