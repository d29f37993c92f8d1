"""The workspaces of a process as indexes of their words and names; each is made once and kept."""

from __future__ import annotations

from pathlib import Path

from bursar.callsites import SyntaxSymbols
from bursar.domain.ports import Clock, TokenCounter
from bursar.runs.mapping import RepositoryMaps
from bursar.runs.repository import Repository
from bursar.storage.repository import SqliteRepositoryIndex
from bursar.workspace import LocalSources


class Repositories:
    """By the real path of the workspace's root; nothing is read before it is asked for."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[Path, Repository] = {}
        self._maps: dict[Path, RepositoryMaps] = {}

    def repository(self, root: Path) -> Repository:
        """The files of the workspace at this root."""
        real = root.resolve()
        if real not in self._known:
            self._known[real] = Repository(
                sources=LocalSources(real, off_limits=self._home),
                symbols=SyntaxSymbols(),
                index=SqliteRepositoryIndex(self._home, str(real)),
            )
        return self._known[real]

    def maps(self, root: Path, counter: TokenCounter, clock: Clock) -> RepositoryMaps:
        """The maps of this workspace that first requests carry."""
        real = root.resolve()
        if real not in self._maps:
            self._maps[real] = RepositoryMaps(self.repository(real), counter, clock)
        return self._maps[real]

    def close(self) -> None:
        """Give the files back."""
        for each in self._known.values():
            each.index.close()
