"""The small file beside the database that remembers how far it had come: an older or another store is seen by it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from bursar.domain.ports import Failpoint, nowhere
from bursar.storage.home import secure_file

MARK_NAME = "bursar.mark"
_VERSION = 1
_LEAST_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """Money held for a request in flight, with what an entry needs in case the store is lost before its answer."""

    run: str
    key: str
    attempt: int
    epoch: int
    workspace: str
    local_day: str
    amount_pico: int
    spec: str
    task: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a store had come; the sums are over its whole ledger, and never fall.

    ``cost_pico`` is known cost, ``bound_pico`` the bounds of what is not known. ``clean`` is true only between the end
    of the last process and the next start, with the size and time of the file then. ``suspect`` says what was seen
    that the next start must look into.
    """

    database_id: str
    rows: int
    chain: str
    seq: int
    cost_pico: int
    bound_pico: int
    tokens: int
    day: str
    holds: tuple[OpenHold, ...]
    clean: bool = False
    size: int = 0
    mtime_ns: int = 0
    suspect: str | None = None


def read_mark(home: Path) -> Mark | None:
    """The mark of a state folder; None when there is none, or none that can be read."""
    try:
        data = (home / MARK_NAME).read_bytes()
    except OSError:
        return None
    return max(_slots(data), key=lambda each: each[0], default=(0, None))[1]


class MarkFile:
    """The mark of one state folder, read and written under the gate.

    The file has two places that are written by turns, each with its hash: a rename for each commit would cost several
    times as much as the commit. It is not forced to the disk: a mark that is lost or older than the store only sees
    less.
    """

    def __init__(self, home: Path, failpoint: Failpoint = nowhere) -> None:
        self._path = home / MARK_NAME
        self._failpoint = failpoint
        self._handle = -1
        self._data = b""
        self._number = 0
        self._mark: Mark | None = None

    def read(self) -> Mark | None:
        """The mark, whoever wrote it. Raises OSError and StorageError."""
        if self._handle >= 0 and os.fstat(self._handle).st_nlink == 0:
            self.close()
        if self._handle < 0:
            self._handle = secure_file(self._path, create=True)
        data = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        if data != self._data:
            self._data = data
            self._number, self._mark = max(_slots(data), key=lambda each: each[0], default=(0, None))
        return self._mark

    def write(self, mark: Mark) -> None:
        """Put the mark in place. Raises OSError and StorageError; the one before can still be read then."""
        self.read()
        number, half = self._number + 1, len(self._data) // 2
        text = _text(mark, number)
        if len(text) > half:
            self._grow(text)
            return
        at = half * (number % 2)
        slot = text.ljust(half)
        self._data = self._data[:at] + slot + self._data[at + half :]
        self._number, self._mark = number, mark
        try:
            _write(self._handle, slot, at)
        except BaseException:
            self._data = b""
            raise

    def close(self) -> None:
        """Give the file back; harmless the second time."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _grow(self, text: bytes) -> None:
        """Make the places larger: a new file, renamed into place."""
        half = _LEAST_BYTES
        while half < len(text):
            half *= 2
        new = self._path.with_name(f"{MARK_NAME}.new")
        handle = secure_file(new, create=True)
        try:
            os.ftruncate(handle, 0)
            _write(handle, text.ljust(2 * half), 0)
        finally:
            os.close(handle)
        self._failpoint("in_mark")
        new.replace(self._path)
        self.close()


def mark_clean(home: Path, path: Path) -> None:
    """Say that everything was ended in order; called when nobody has the database open. Raises as ``write``."""
    file = MarkFile(home)
    try:
        mark = file.read()
        if mark is not None and mark.suspect is None:
            found = path.stat()
            file.write(replace(mark, clean=True, size=found.st_size, mtime_ns=found.st_mtime_ns))
    finally:
        file.close()


def untouched(mark: Mark, path: Path) -> bool:
    """Whether the file is as the last process left it, as far as its size and time tell."""
    found = path.stat()
    return (mark.size, mark.mtime_ns) == (found.st_size, found.st_mtime_ns)


def _text(mark: Mark, number: int) -> bytes:
    body = json.dumps({"version": _VERSION, "number": number, **asdict(mark)}).encode()
    return hashlib.sha256(body).hexdigest().encode() + b" " + body + b"\n"


def _write(handle: int, data: bytes, at: int) -> None:
    if os.pwrite(handle, data, at) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _slots(data: bytes) -> Iterator[tuple[int, Mark]]:
    half = len(data) // 2
    for slot in (data[:half], data[half:]):
        sha256, _, body = slot.partition(b"\n")[0].partition(b" ")
        if hashlib.sha256(body).hexdigest().encode() != sha256:
            continue
        try:
            raw = json.loads(body)
            number, version = raw.pop("number"), raw.pop("version")
            if version == _VERSION:
                yield int(number), _checked(Mark(**{**raw, "holds": tuple(OpenHold(**each) for each in raw["holds"])}))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def _checked(mark: Mark) -> Mark:
    wanted: dict[str, type | tuple[type, ...]] = {
        **dict.fromkeys(("rows", "seq", "cost_pico", "bound_pico", "tokens", "size", "mtime_ns"), int),
        **dict.fromkeys(("database_id", "chain", "day"), str),
        "clean": bool,
        "suspect": (str, type(None)),
    }
    _check(mark, wanted)
    for hold in mark.holds:
        _check(hold, {each.name: int if each.type in (int, "int") else str for each in fields(hold)})
    return mark


def _check(value: Any, wanted: dict[str, type | tuple[type, ...]]) -> None:
    for name, kind in wanted.items():
        found = getattr(value, name)
        if not isinstance(found, kind) or (isinstance(found, int) and found < 0):
            raise TypeError(name)
