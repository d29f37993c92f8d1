"""The ledger once more, as lines that are only ever added: what was spent is known even when the database is lost.

Each line is ``{"n", "prev", "chain", "entry"}`` and proves itself by its hash; a line ``{"claim", "epoch"}`` says that
a run was taken over. The first line names the store. No line holds what was said to a model or what it answered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import apsw

from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Failpoint, nowhere
from bursar.storage.home import secure_file
from bursar.storage.rows import LEDGER_COLUMNS, columns, ledger_entry

MIRROR_NAME = "ledger.jsonl"
MOST_AT_ONCE = 2_000
_TAIL_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A ledger row as the mirror has it."""

    n: int
    prev: str
    chain: str
    entry: LedgerEntry


@dataclass(slots=True)
class Mirrored:
    """Everything that could be read from a mirror; ``spoilt`` counts the lines that could not."""

    store: str | None = None
    lines: list[Line] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=dict)
    spoilt: int = 0


class Mirror:
    """Adds to the mirror of one state folder; used under the gate only."""

    def __init__(self, home: Path, database_id: str, failpoint: Failpoint = nowhere) -> None:
        self._failpoint = failpoint
        self._path = home / MIRROR_NAME
        self._database_id = database_id
        self._handle = -1
        self._size = -1
        self.last = 0
        self._chain = CHAIN_START

    def catch_up(self, connection: apsw.Connection, claims: Iterable[tuple[str, int]] = ()) -> None:
        """Add the rows that are missing, at most MOST_AT_ONCE, and these claims; durable on return.

        Raises OSError and StorageError; what is then half there is cut off the next time.
        """
        self._find_end()
        lines = [json.dumps({"claim": run, "epoch": epoch}) for run, epoch in claims]
        if self._size == 0:
            lines.insert(0, json.dumps({"store": self._database_id}))
        last, chain = self.last, self._chain
        for n, link, *row in connection.execute(
            f"SELECT n, chain, {columns(LEDGER_COLUMNS)} FROM ledger WHERE n > ? ORDER BY n LIMIT {MOST_AT_ONCE}",  # noqa: S608
            (last,),
        ):
            lines.append(line_text(Line(n=int(n), prev=chain, chain=str(link), entry=ledger_entry(row))))
            last, chain = int(n), str(link)
        if not lines:
            return
        data = "".join(f"{each}\n" for each in lines).encode()
        size, self._size = self._size, -1
        written = 0
        while written < len(data):
            written += os.pwrite(self._handle, data[written:], size + written)
        self._failpoint("in_mirror")
        os.fdatasync(self._handle)
        self._size, self.last, self._chain = size + len(data), last, chain

    def close(self) -> None:
        """Give the file back; harmless the second time."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _find_end(self) -> None:
        """Where the last whole line ends; others may have added lines, and one may be torn."""
        if self._handle >= 0 and os.fstat(self._handle).st_nlink == 0:
            self.close()
        if self._handle < 0:
            self._handle = secure_file(self._path, create=True)
            self._size = -1
        size = os.fstat(self._handle).st_size
        if size == self._size:
            return
        whole, last = _tail(self._handle, size)
        if whole != size:
            os.ftruncate(self._handle, whole)
        self._size = whole
        self.last, self._chain = (0, CHAIN_START) if last is None else (last.n, last.chain)


def line_text(line: Line) -> str:
    """The line as it is written."""
    return json.dumps(asdict(line), separators=(",", ":"))


def read_mirror(home: Path) -> Mirrored:
    """Read all that proves itself; nothing when there is no mirror. Raises OSError where it may not be read."""
    found = Mirrored()
    for number, text in enumerate(_texts(home / MIRROR_NAME)):
        raw = _parsed(text)
        if raw is None:
            found.spoilt += 1
        elif number == 0 and isinstance(raw.get("store"), str):
            found.store = raw["store"]
        elif isinstance(raw.get("claim"), str) and isinstance(raw.get("epoch"), int):
            found.claims[raw["claim"]] = max(found.claims.get(raw["claim"], 0), raw["epoch"])
        elif (line := _line(raw)) is not None:
            found.lines.append(line)
        else:
            found.spoilt += 1
    return found


def last_line(home: Path) -> Line | None:
    """The last row in the mirror, read from its end; None when there is none that proves itself."""
    try:
        handle = os.open(home / MIRROR_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _tail(handle, os.fstat(handle).st_size)[1]
    except OSError:
        return None
    finally:
        os.close(handle)


def store_of_mirror(home: Path) -> str | None:
    """The store that the mirror's first line names."""
    try:
        with (home / MIRROR_NAME).open("rb") as file:
            raw = _parsed(file.readline(200))
    except OSError:
        return None
    return raw["store"] if raw is not None and isinstance(raw.get("store"), str) else None


def _tail(handle: int, size: int) -> tuple[int, Line | None]:
    """Where the last whole line ends, and the last row that proves itself."""
    take = _TAIL_BYTES
    while True:
        start = max(0, size - take)
        data = os.pread(handle, size - start, start)
        end = data.rfind(b"\n") + 1
        texts = data[:end].splitlines()
        if start:
            texts = texts[1:]
        for text in reversed(texts):
            raw = _parsed(text)
            line = None if raw is None else _line(raw)
            if line is not None:
                return start + end, line
        if start == 0:
            return end, None
        take *= 8


def _texts(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except (FileNotFoundError, IsADirectoryError):
        return


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None


def _line(raw: dict[str, Any]) -> Line | None:
    try:
        entry = LedgerEntry(**{**raw["entry"], "usage": Usage(**raw["entry"]["usage"])})
        line = Line(n=int(raw["n"]), prev=str(raw["prev"]), chain=str(raw["chain"]), entry=entry)
        return line if chain_hash(line.prev, entry) == line.chain else None
    except (KeyError, TypeError, ValueError):
        return None
