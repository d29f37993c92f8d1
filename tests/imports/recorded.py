"""What real agents wrote down that keep no JSONL logs, and the bill for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.money.imported import ImportedRequest
from bursar.imports import FORMATS
from bursar.imports.frame import AgentImport
from bursar.prices import price_book
from bursar.storage import SqliteJournal

from .logs import imports

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "more-agents"
BUCKETS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def bill_of(recording: str) -> dict[str, Any]:
    bill: dict[str, Any] = json.loads((FIXTURES / recording / "bill.json").read_text())
    return bill


def imported(journal: SqliteJournal, recording: str, place: Path) -> AgentImport:
    card = price_book(override_file=FIXTURES / recording / "prices.json", free_providers=frozenset())
    return imports(journal, recording.rpartition("-")[0], place, card=card)


def ask(journal: SqliteJournal, sql: str) -> list[tuple[Any, ...]]:
    with apsw.Connection(str(journal.path)) as db:
        return list(db.execute(sql))


def spent(journal: SqliteJournal) -> Decimal:
    return Decimal(ask(journal, "SELECT coalesce(sum(cost_pico), 0) FROM imported")[0][0]).scaleb(-12)


def is_the_bill(journal: SqliteJournal, recording: str) -> None:
    """Money and every bucket, against what the simulator counted."""
    bill = bill_of(recording)
    # A refused request is free and in no log.
    rows = [each for each in bill["requests"] if each["outcome"] == "complete"]
    assert spent(journal) == Decimal(bill["total_usd"])
    sums = ask(journal, f"SELECT {', '.join(f'sum({each})' for each in BUCKETS)} FROM imported")[0]
    assert dict(zip(BUCKETS, sums, strict=True)) == {
        name: sum(row["billed_tokens"][name] for row in rows) for name in BUCKETS
    }
    assert ask(journal, "SELECT sum(requests) FROM imported") == [(len(rows),)]


def database(recording: str, folder: Path) -> Path:
    """The recorded database as its program leaves it while it runs: all of it still in the write-ahead log."""
    folder.mkdir(parents=True, exist_ok=True)
    made, target = folder / "made.db", folder / "opencode.db"
    db = apsw.Connection(str(made))
    db.execute("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0")
    db.execute((FIXTURES / recording / "opencode.sql").read_text())
    shutil.copy(made, target)
    shutil.copy(f"{made}-wal", f"{target}-wal")
    db.close()
    for each in folder.glob("made.db*"):
        each.unlink()
    return target


@contextmanager
def every_copy_counts(agent: str) -> Iterator[None]:
    """A reader from which the search for repeated requests was taken out: the control."""
    real: Any = FORMATS[agent]

    class Copying:
        by_line = real.by_line

        def __init__(self) -> None:
            self.numbers = iter(range(1_000_000))

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def open(self, file: str, state: Any) -> Any:
            return Renaming(real.open(file, state), self.renamed)

        def renamed(self, found: Any) -> list[ImportedRequest]:
            return [replace(each, message_id=str(next(self.numbers))) for each in found]

    FORMATS[agent] = Copying()  # type: ignore[assignment]
    try:
        yield
    finally:
        FORMATS[agent] = real


class Renaming:
    def __init__(self, real: Any, renamed: Callable[[Any], list[ImportedRequest]]) -> None:
        self._real = real
        self._renamed = renamed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def record(self, number: int, data: bytes) -> list[ImportedRequest]:
        return self._renamed(self._real.record(number, data))

    def row(self, *given: Any) -> list[ImportedRequest]:
        return self._renamed(self._real.row(*given))
