"""De-duplication that remembers which copy stands for which line that was left out."""

from __future__ import annotations

from collections.abc import Iterator

from bursar.domain.context.decision import Excerpt, Terms
from bursar.domain.context.duplicates import IsVisible, Run, ShownLines
from bursar.domain.context.policies.dedupe import Dedupe
from bursar.domain.context.window import Window

WORTHWHILE_TOKENS = 20_000
"""A smaller prompt is left alone: there is little to save, and short sessions use everything they saw."""


class Repeats(Dedupe):
    """``copies``: by turn, the runs that became pointers. A copy is as much worth keeping as what points to it."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = self._found = _FoundRuns()
        self.copies: dict[int, tuple[Run, ...]] = {}

    def _without_repeats(self, number: int, window: Window, terms: Terms) -> Excerpt | None:
        if window.tokens < WORTHWHILE_TOKENS:
            return None
        excerpt = super()._without_repeats(number, window, terms)
        if excerpt is not None:
            self.copies[number] = tuple(
                run for run in self._found.runs if not any(first <= run.first < end for first, end in excerpt.kept)
            )
        return excerpt


class _FoundRuns(ShownLines):
    """Keeps the runs of the text that was looked up last."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    def repeated(self, text: str, is_visible: IsVisible) -> Iterator[Run]:
        self.runs = []
        for run in super().repeated(text, is_visible):
            self.runs.append(run)
            yield run
