"""The map of the workspace that a run's first request carries, where the user wants one. Blocks."""

from __future__ import annotations

import threading

from bursar.domain.context.repository import FileQuestion
from bursar.domain.context.repository_map import MAP_FILES, repository_map
from bursar.domain.ports import Clock, TokenCounter
from bursar.domain.routes import LocalOnly
from bursar.runs.repository import Repository

_FRESH_S = 5.0
"""Between two looks at the workspace: the estimates of all tasks of a document are made one after another."""
_KEPT = 256


class RepositoryMaps:
    """The maps of one workspace; safe to share between threads.

    A map is made of the files as they were saved. What a run was given is kept with its first request, so it changes
    nothing of the bytes that follow when the files change.
    """

    def __init__(self, repository: Repository, counter: TokenCounter, clock: Clock) -> None:
        self._repository = repository
        self._counter = counter
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._looked_s: float | None = None
        self._made: dict[tuple[FileQuestion, LocalOnly], str] = {}

    def text(self, question: FileQuestion, local_only: LocalOnly) -> str:
        """The map for a task, empty where no file fits; nothing in it is of a file that stays here.

        Raises StorageError.
        """
        with self._one_at_a_time:
            self._look()
            key = (question, local_only)
            if key not in self._made:
                while len(self._made) >= _KEPT:
                    del self._made[next(iter(self._made))]
                self._made[key] = self._make(question, local_only)
            return self._made[key]

    def look(self) -> None:
        """Bring the index up to date where the last look is a while ago. Raises StorageError."""
        with self._one_at_a_time:
            self._look()

    def _look(self) -> None:
        now = self._clock.monotonic_s()
        if self._looked_s is not None and now - self._looked_s < _FRESH_S:
            return
        refreshed = self._repository.refresh()
        if refreshed.read or refreshed.gone:
            self._made.clear()
        self._looked_s = self._clock.monotonic_s()

    def _make(self, question: FileQuestion, local_only: LocalOnly) -> str:
        found = self._repository.ranked(question, most=2 * MAP_FILES)
        ranked = [each for each in found if not local_only.holds_path(each.path)][:MAP_FILES]
        definitions = self._repository.index.definitions([each.path for each in ranked])
        return repository_map(ranked, definitions, tokens=self._counter.count)
