"""Before a result is first sent, lines that the prompt shows already become markers that point to them."""

from __future__ import annotations

from collections.abc import Mapping

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Shape, Terms
from bursar.domain.context.duplicates import Run, ShownLines
from bursar.domain.context.window import Window

_SMALLEST_RESULT, _SMALLEST_SAVING = 100, 20
_SHORTEST_RUN, _SMALLEST_RUN = 2, 18


class Dedupe:
    """Changes nothing that was sent before, and loses nothing: each line it leaves out stands elsewhere.

    ``from_tokens``: a smaller prompt is left alone.
    """

    def __init__(self, from_tokens: int = 0) -> None:
        self._from_tokens = from_tokens
        self._shown = ShownLines()
        self._copies: dict[int, tuple[Run, ...]] = {}

    @property
    def copies(self) -> Mapping[int, tuple[Run, ...]]:
        """By turn, the runs of its lines that became pointers, and where they stand."""
        return self._copies

    def __call__(self, window: Window, arrived: Arrived, terms: Terms) -> Decision:
        """The new results that repeat enough, each as an excerpt of the rest; the window has it when this returns."""
        changes: dict[int, Shape] = {}
        for number in range(window.arrived_from, len(window.turns)):
            turn = window.turns[number]
            if turn.kind == "tool_call":
                self._shown.add_call(number, turn.text)
            elif turn.kind == "tool_result":
                excerpt = None
                if turn.tokens >= _SMALLEST_RESULT and window.tokens >= self._from_tokens:
                    excerpt = self._without_repeats(number, window, terms)
                if excerpt is not None:
                    changes[number] = excerpt
                    window.apply(Decision(changes={number: excerpt}))
                self._shown.add_result(number, turn.text)
        return Decision(changes=changes)

    def _without_repeats(self, number: int, window: Window, terms: Terms) -> Excerpt | None:
        lines = window.lines_of(number)
        runs = [
            each
            for each in self._shown.repeated(window.turns[number].text, window.shows)
            if _is_worth_a_marker(each, lines, terms.tokens_per_character)
        ]
        kept: list[tuple[int, int]] = []
        at = 0
        for run in runs:
            if run.first > at:
                kept.append((at, run.first))
            at = run.end
        if at < len(lines):
            kept.append((at, len(lines)))
        excerpt = Excerpt(kept=tuple(kept), pointers=len(runs))
        saved = window.sizes[number] - window.size_as(number, excerpt)
        if not runs or saved < _SMALLEST_SAVING:
            return None
        self._copies[number] = tuple(runs)
        return excerpt


def _is_worth_a_marker(run: Run, lines: list[str], per_character: float) -> bool:
    characters = sum(len(each) + 1 for each in lines[run.first : run.end])
    return run.end - run.first >= _SHORTEST_RUN and characters * per_character >= _SMALLEST_RUN
