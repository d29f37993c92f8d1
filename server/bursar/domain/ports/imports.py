"""The store of what other agents spent, as a port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from bursar.domain.money.imported import FileMark, ImportedRequest, Posted, PricedRequest, Table

if TYPE_CHECKING:
    from concurrent.futures import Future


class OtherDatabase(Protocol):
    """A copy of another program's SQLite file, as it was at one moment."""

    def rows(self, table: Table) -> Iterator[Sequence[Any]]:
        """The rows of a table, texts as bytes; one longer than is kept is None. Raises NotReadable."""


class ImportStore(Protocol):
    """Rows are only ever added; a fuller record of a known request adds the difference as a row of its own."""

    def importing(self, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """One import at a time over all processes; calls ``on_wait`` once before it waits for another to end."""

    def mark(self, agent: str, file: str) -> FileMark | None:
        """How far this log was read by an earlier import."""

    def post(self, requests: Sequence[PricedRequest], marks: Sequence[FileMark]) -> Future[Posted]:
        """Add what is new and keep how far the files were read, in one durable transaction. No key is there twice.

        A request that is known without a price, and comes with one, is given it. What is handed in first is written
        first; the future has its outcome after the commit, or StorageError.
        """

    def unpriced(self, agent: str, *, after: int = 0) -> tuple[int, Sequence[ImportedRequest]]:
        """Some requests that have no price yet, in their order, as they are known now; where to go on, 0 at the end."""

    def finish(self, agents: Sequence[str]) -> None:
        """Keep that these agents' logs were read up to now."""

    def other_database(self, path: Path, opened: Callable[[Path], BinaryIO]) -> AbstractContextManager[OtherDatabase]:
        """Read another program's database from a copy that is gone afterwards; its own files are only read.

        ``opened`` opens the file and the one with its newest changes, and raises OSError. Raises NotReadable.
        """
