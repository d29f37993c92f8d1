"""Reads agents' logs from where the last import ended, prices what is new, and hands it to the store."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from bursar.domain.money.imported import (
    FileMark,
    ImportedRequest,
    ImportKey,
    Posted,
    SkippedLine,
    fuller,
)
from bursar.domain.ports.imports import ImportStore
from bursar.imports.companions import companions
from bursar.imports.databases import read_database
from bursar.imports.finding import Found, find, open_log
from bursar.imports.lines import LONGEST_LINE_BYTES, Line, lines
from bursar.imports.pricing import Pricer, Pricing
from bursar.imports.reading import (
    BadRecord,
    CountsUnlogged,
    HasCompanions,
    HasDatabases,
    LeavesOut,
    LogFormat,
    LogReader,
)

_MOST_RECORDS = 2_000
_MOST_MARKS = 256
_HEAD_BYTES = 4_096
_KEPT_SKIPS = 20
_TELL_EVERY_BYTES = 1 << 20
_LARGEST_INODE = (1 << 63) - 1
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Progress(Protocol):
    """Told how far an import is, in bytes of log."""

    def begin(self, agent: str, size: int) -> None:
        """So many bytes of an agent's logs are to be looked at."""

    def advance(self, size: int) -> None:
        """So many more of them were."""


@dataclass(slots=True)
class AgentImport:
    """What came of one agent's logs. ``skips`` are the first of the ``skipped`` parts that could not be read,
    ``unpriced`` the models without a price, ``unlogged`` how many requests the logs name without their figures,
    ``leaves_out`` the requests that this agent's logs never have, in words.
    """

    agent: str
    places: tuple[Path, ...] = ()
    files: int = 0
    records: int = 0
    skipped: int = 0
    unlogged: int = 0
    leaves_out: str = ""
    skips: list[SkippedLine] = field(default_factory=list)
    posted: Posted = field(default_factory=Posted)
    unpriced: set[str] = field(default_factory=set)

    def skips_in(self, file: str) -> Callable[[int, str], None]:
        """Keeps that a part of this file was not read."""
        return lambda line, why: self.skip(SkippedLine(file=file, line=line, why=why))

    def skip(self, skip: SkippedLine) -> None:
        """Keep that a part was not read."""
        self.skipped += 1
        if len(self.skips) < _KEPT_SKIPS:
            self.skips.append(skip)


def import_agent(
    log_format: LogFormat, places: Sequence[Path], *, store: ImportStore, pricing: Pricing, progress: Progress
) -> AgentImport:
    """Read what is new in these places. What was handed over before an interruption is kept, and not read again."""
    outcome = AgentImport(log_format.agent, tuple(places))
    if isinstance(log_format, LeavesOut):
        outcome.leaves_out = log_format.leaves_out
    found = find(places, log_format.is_log, outcome.skip)
    outcome.files = len(found)
    progress.begin(log_format.agent, sum(each.size for each in found))
    batch = _Batch(outcome, store, Pricer(pricing, outcome.unpriced))
    for each in found:
        told = _Told(progress)
        try:
            mark = store.mark(log_format.agent, str(each.path))
            if isinstance(log_format, HasDatabases) and log_format.is_database(each.path):
                name = str(each.path)
                read_database(
                    log_format,
                    log_format.agent,
                    each,
                    mark,
                    store,
                    add=batch.add,
                    keep=batch.read_up_to,
                    skip=outcome.skips_in(name),
                )
            else:
                _File(log_format, each, outcome, batch, told).read(mark)
        except OSError as error:
            outcome.skip(SkippedLine(file=str(each.path), line=0, why=f"it cannot be read ({error.strerror})"))
        told.end(each.size)
    batch.flush()
    batch.wait()
    _price_again(log_format.agent, outcome, store, Pricer(pricing, set()))
    return outcome


def _price_again(agent: str, outcome: AgentImport, store: ImportStore, pricer: Pricer) -> None:
    """Give requests of earlier imports the price that they did not have then; one that had a price keeps it."""
    after, found = store.unpriced(agent)
    while after:
        priced = [each for each in map(pricer.priced, found) if each.cost_pico is not None]
        if priced:
            outcome.posted += store.post(priced, []).result()
        after, found = store.unpriced(agent, after=after)


class _Batch:
    """Collects records, one for each request, until they are handed to the store together.

    While the store writes one batch the next is read; never more than these two are in memory.
    """

    def __init__(self, outcome: AgentImport, store: ImportStore, pricer: Pricer) -> None:
        self._outcome = outcome
        self._store = store
        self._pricer = pricer
        self._requests: dict[ImportKey, ImportedRequest] = {}
        self._marks: dict[str, FileMark] = {}
        self._writing: Future[Posted] | None = None

    def add(self, request: ImportedRequest) -> None:
        """One record more; of several of one request the fullest is kept."""
        self._outcome.records += 1
        known = self._requests.get(request.key)
        if known is None:
            self._requests[request.key] = request
            return
        self._outcome.posted += Posted(duplicates=1)
        usage = fuller(known.usage, request.usage)
        reported = known.reported_pico if request.reported_pico is None else request.reported_pico
        self._requests[request.key] = replace(known, usage=usage, reported_pico=reported)

    @property
    def full(self) -> bool:
        """Whether it is time to hand over."""
        return len(self._requests) >= _MOST_RECORDS or len(self._marks) >= _MOST_MARKS

    def read_up_to(self, mark: FileMark) -> None:
        """All records of the file before the mark were added: both are written together or not at all."""
        self._marks[mark.file] = mark
        if self.full:
            self.flush()

    def flush(self) -> None:
        """Hand over what is there, once the batch before is written."""
        self.wait()
        if self._requests or self._marks:
            priced = [self._pricer.priced(each) for each in self._requests.values()]
            self._writing = self._store.post(priced, list(self._marks.values()))
            self._requests, self._marks = {}, {}

    def wait(self) -> None:
        """All that was handed over is written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._outcome.posted += writing.result()


class _File:
    """Reads one log from its mark on."""

    def __init__(self, log_format: LogFormat, found: Found, outcome: AgentImport, batch: _Batch, told: _Told) -> None:
        self._format = log_format
        self._found = found
        self._outcome = outcome
        self._batch = batch
        self._told = told
        self._name = str(found.path)

    def read(self, mark: FileMark | None) -> None:
        if mark is not None and self._unchanged(mark):
            return
        with open_log(self._found) as file:
            if not self._format.by_line:
                self._whole(file, mark)
                return
            head = file.read(_HEAD_BYTES)
            if head[:2] in _UTF16:
                self._skip(0, "it is UTF-16, and logs are UTF-8")
                self._batch.read_up_to(self._mark(head, offset=self._found.size, line=0, reader=None))
                return
            if mark is not None and not _grown(mark, head, self._found, self._inode()):
                mark = None
            self._lines(file, head, mark)

    def _unchanged(self, mark: FileMark) -> bool:
        found = self._found
        return (mark.size, mark.mtime_ns, mark.inode) == (found.size, found.mtime_ns, self._inode())

    def _inode(self) -> int:
        return self._found.path.lstat().st_ino & _LARGEST_INODE

    def _lines(self, file: BinaryIO, head: bytes, mark: FileMark | None) -> None:
        reader = self._format.open(self._name, {} if mark is None else mark.state)
        self._lines_by(reader, file, head, mark)
        if isinstance(reader, CountsUnlogged):
            self._outcome.unlogged += reader.unlogged

    def _lines_by(self, reader: LogReader, file: BinaryIO, head: bytes, mark: FileMark | None) -> None:
        offset, number = (0, 0) if mark is None else (mark.offset, mark.line)
        for line in lines(file, offset=offset, number=number):
            if not line.whole:
                self._last(reader, line, head, offset, number)
                return
            self._record(reader, line)
            offset, number = line.end, line.number
            self._told.up_to(offset)
            if self._batch.full:
                self._batch.read_up_to(self._mark(head, offset=offset, line=number, reader=reader, at_end=False))
        self._batch.read_up_to(self._mark(head, offset=offset, line=number, reader=reader))

    def _last(self, reader: LogReader, line: Line, head: bytes, offset: int, number: int) -> None:
        """A last line without an end may be half of a record: it is read again the next time, whatever it is now."""
        mark = self._mark(head, offset=offset, line=number, reader=reader)
        if line.data is not None:
            with contextlib.suppress(BadRecord):
                for each in reader.record(line.number, line.data):
                    self._batch.add(each)
        self._batch.read_up_to(mark)

    def _record(self, reader: LogReader, line: Line) -> None:
        if line.data is None:
            self._skip(line.number, f"it is longer than {LONGEST_LINE_BYTES >> 20} MiB")
            return
        try:
            for each in reader.record(line.number, line.data):
                self._batch.add(each)
        except BadRecord as error:
            self._skip(line.number, str(error))

    def _whole(self, file: BinaryIO, mark: FileMark | None) -> None:
        data = b""
        while len(data) <= LONGEST_LINE_BYTES and (more := file.read(LONGEST_LINE_BYTES + 1 - len(data))):
            data += more
        state = {} if mark is None else mark.state
        if isinstance(self._format, HasCompanions):
            reader = self._format.open(self._name, state)
            for path, beside in companions(self._format, self._found):
                with contextlib.suppress(BadRecord):
                    reader.companion(path, beside)
            self._only_record(reader, data)
            for number, why in reader.problems():
                self._skip(number, why)
        else:
            self._only_record(self._format.open(self._name, state), data)

    def _only_record(self, reader: LogReader, data: bytes) -> None:
        kept = data if len(data) <= LONGEST_LINE_BYTES else None
        self._record(reader, Line(number=1, data=kept, end=len(data)))
        self._batch.read_up_to(self._mark(data, offset=len(data), line=0, reader=reader))

    def _skip(self, line: int, why: str) -> None:
        self._outcome.skip(SkippedLine(file=self._name, line=line, why=why))

    def _mark(self, head: bytes, *, offset: int, line: int, reader: LogReader | None, at_end: bool = True) -> FileMark:
        head = head[: min(_HEAD_BYTES, offset)]
        return FileMark(
            agent=self._format.agent,
            file=self._name,
            inode=self._inode(),
            # Of a file that is not read to its end nothing is remembered by which it could be passed over.
            size=self._found.size if at_end else -1,
            mtime_ns=self._found.mtime_ns,
            offset=offset,
            line=line,
            head_bytes=len(head),
            head_sha256=hashlib.sha256(head).hexdigest(),
            state={} if reader is None else reader.state(),
        )


class _Told:
    """Passes on how much of one file was read, in steps."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told = 0

    def up_to(self, offset: int) -> None:
        if offset - self._told >= _TELL_EVERY_BYTES:
            self._progress.advance(offset - self._told)
            self._told = offset

    def end(self, size: int) -> None:
        if size > self._told:
            self._progress.advance(size - self._told)
            self._told = size


def _grown(mark: FileMark, head: bytes, found: Found, inode: int) -> bool:
    """Whether this is the file of the mark, with nothing changed that was read of it as far as can be seen."""
    same_head = hashlib.sha256(head[: mark.head_bytes]).hexdigest() == mark.head_sha256
    return mark.inode == inode and mark.offset <= found.size and same_head
