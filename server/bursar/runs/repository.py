"""Which files of the workspace a task needs: an index that is brought up to date, and the ranking over it. Blocks."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from bursar.domain.callsites import LANGUAGES
from bursar.domain.context.ranking import (
    MOST_DEFINERS,
    SEEDS,
    USUAL,
    Found,
    Ranked,
    Weights,
    best_of,
    identifiers_of,
    rank,
    words_of,
    worth_alone,
)
from bursar.domain.context.repository import FileQuestion, Symbols
from bursar.domain.ports.repository import CodeSymbols, IndexedFile, RepositoryIndex, SourceFile, Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a look at the workspace came to; ``more`` says that it has more files than are indexed."""

    files: int
    read: int
    gone: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A workspace's files, to be asked for those that a task needs."""

    sources: Sources
    symbols: CodeSymbols
    index: RepositoryIndex

    def refresh(self) -> Refreshed:
        """Read what was written since the last look. Raises StorageError."""
        listed, more = self.sources.list()
        known = self.index.known()
        there = {each.path for each in listed}
        written = [each for each in listed if known.get(each.path, ("", b""))[0] != each.stamp]
        gone = [path for path in known if path not in there]
        same: list[SourceFile] = []
        read = 0

        def read_again() -> Iterator[IndexedFile]:
            nonlocal read
            for each in written:
                text = self.sources.text(each.path)
                digest = hashlib.sha256((text or "").encode()).digest()
                if each.path in known and known[each.path][1] == digest:
                    same.append(each)
                else:
                    read += 1
                    yield self._indexed(each, text or "", digest)

        self.index.put(read_again(), same=(), gone=gone)
        if same:
            self.index.put((), same=same, gone=())
        return Refreshed(files=len(listed), read=read, gone=len(gone), more=more)

    def ranked(self, question: FileQuestion, *, weights: Weights = USUAL, most: int = 50) -> tuple[Ranked, ...]:
        """The files for a question, best first, as the index has them. Raises StorageError."""
        files = self.index.files()
        own, around = words_of(question)
        names = identifiers_of(question)
        found = Found(
            files=files,
            passages=self.index.passages(),
            own=self.index.postings(own),
            around=self.index.postings(around),
            defining=self.index.defining([*names[0], *names[1]]),
        )
        alone = worth_alone(question, found, weights)
        edges = self.index.edges(best_of(alone, SEEDS), most_definers=MOST_DEFINERS) if weights.graph else ()
        return rank(question, found, alone, edges, weights, most)

    def _indexed(self, source: SourceFile, text: str, digest: bytes) -> IndexedFile:
        language = LANGUAGES.get(posixpath.splitext(source.path)[1].lower())
        symbols = Symbols() if language is None else self.symbols.symbols(text, language)
        return IndexedFile(source=source, sha256=digest, text=text, symbols=symbols)
