"""A workspace's files as something to search in: where they are, what they define, and the index of their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bursar.domain.callsites import CodeLanguage
    from bursar.domain.context.repository import Definition, Edge, FileFacts, Postings, Symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file as the listing saw it: ``stamp`` is another one after the file was written, ``changed_ns`` when that was.

    ``settled`` is false for a file that was written so lately that its stamp may stay the same when it is again.
    """

    path: str
    stamp: str
    changed_ns: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFile:
    """What goes into the index of one file. ``sha256`` is of its bytes."""

    source: SourceFile
    sha256: bytes
    text: str
    symbols: Symbols


class Sources(Protocol):
    """The files of text below one root that an agent may read without being asked."""

    def list(self) -> tuple[Sequence[SourceFile], bool]:
        """Them by path, and whether there are more than were listed. Blocks."""

    def text(self, path: str) -> str | None:
        """A file's text, secrets masked; None for what is no text, too large, or not to be read. Blocks."""


class CodeSymbols(Protocol):
    """Definitions and uses of names in source code."""

    def symbols(self, text: str, language: CodeLanguage, /) -> Symbols:
        """Those of a text; half-typed code is read as far as it goes. Never raises on any text. Blocks."""


class RepositoryIndex(Protocol):
    """The words and names of a workspace's files, kept between starts. Every method blocks, and raises StorageError."""

    def known(self) -> Mapping[str, tuple[str, bytes]]:
        """By path: the stamp, empty for one that must be read again, and the hash of what was indexed."""

    def put(self, files: Iterable[IndexedFile], *, same: Iterable[SourceFile], gone: Iterable[str]) -> None:
        """Index these anew, note the stamps of those that only were written again, and forget the ``gone``."""

    def files(self) -> Mapping[str, FileFacts]:
        """Every file by its path."""

    def passages(self) -> int:
        """How many passages there are in all."""

    def postings(self, words: Sequence[str]) -> Sequence[Postings]:
        """Where each of these words stands that stands anywhere, by its stem; of two with one stem the first."""

    def defining(self, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """For each of these names that is defined anywhere, the files that do."""

    def edges(self, paths: Sequence[str], *, most_definers: int) -> Sequence[Edge]:
        """The uses of names between these files and any other, without names that more files define than that."""

    def definitions(self, paths: Sequence[str]) -> Mapping[str, tuple[Definition, ...]]:
        """What these files define, in the order of their lines."""

    def close(self) -> None:
        """Give the file back; harmless the second time."""
