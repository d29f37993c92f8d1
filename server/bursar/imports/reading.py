"""What a reader of an agent's log is, and what every one of them needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath
from typing import Any, Protocol, runtime_checkable

from bursar.domain.money.imported import ImportedRequest, Table
from bursar.domain.money.usage import Usage

_LONGEST_ID = 200
_MOST_TOKENS = 10**8
_MOST_USD = 1_000_000
_YEARS = range(2000, 2200)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadRecord(ValueError):
    """A record that cannot be used; the message says why, as the end of a sentence."""


class LogReader(Protocol):
    """Reads one log file from its first record to its last; pure: what it returns follows from what it was given."""

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """The requests in this record; number counts from 1. Raises BadRecord; the next record may still be good."""

    def state(self) -> dict[str, Any]:
        """What must be known to read on behind the last record."""


@runtime_checkable
class CountsUnlogged(Protocol):
    """A reader that also sees requests of which the log says only that they were made, without any figure."""

    unlogged: int


@runtime_checkable
class LeavesOut(Protocol):
    """A format that never has some of the agent's requests, not even that they were made; the words name them."""

    leaves_out: str


class LogFormat(Protocol):
    """Where one agent keeps its logs, and how they are read.

    ``by_line`` is True for a log with a record in each line, to which lines are only added; else the whole file is one
    record, read again when it changed.
    """

    agent: str
    by_line: bool

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """The only folders that are looked into, unless the user names another; they need not be there."""

    def is_log(self, path: PurePath) -> bool:
        """Whether the file of this whole path is one of the agent's logs."""

    def open(self, file: str, state: Mapping[str, Any]) -> LogReader:
        """A reader of this file; ``state`` is empty at its start, else what an earlier reader had at that point."""


class CompanionReader(LogReader, Protocol):
    """Reads a log whose record is told in full by other small files."""

    def companion(self, name: PurePath, data: bytes) -> None:
        """One of these, before the record. Raises BadRecord."""

    def problems(self) -> Sequence[tuple[int, str]]:
        """The parts of the record that could not be used, by number, and why."""


@runtime_checkable
class HasCompanions(Protocol):
    """A format with a file for each record and small files beside it."""

    def beside(self, path: PurePath) -> tuple[PurePath, Sequence[str]]:
        """The folder that these files of a log lie below, and how they are named there, as glob patterns."""

    def open(self, file: str, state: Mapping[str, Any]) -> CompanionReader:
        """A reader of this file."""


class DatabaseReader(LogReader, Protocol):
    """Reads another program's database from its first row to its last."""

    def tables(self) -> Sequence[Table]:
        """What is read, in this order."""

    def row(self, table: str, number: int, values: Sequence[Any]) -> Sequence[ImportedRequest]:
        """The requests in this row; number counts from 1 in its table. Raises BadRecord."""


@runtime_checkable
class HasDatabases(Protocol):
    """A format of which some files are SQLite databases."""

    def is_database(self, path: PurePath) -> bool:
        """Whether this one is."""

    def open(self, file: str, state: Mapping[str, Any]) -> DatabaseReader:
        """A reader of this file."""


def parsed(data: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Broken letters in a text do not matter here, where only figures are read."""
    value = _json(data)
    if not isinstance(value, dict):
        raise BadRecord("it is not a JSON object")
    return value


def parsed_list(data: bytes) -> list[Any]:
    """The JSON list in these bytes."""
    value = _json(data)
    if not isinstance(value, list):
        raise BadRecord("it is not a JSON list")
    return value


def tokens(usage: Mapping[str, Any], name: str) -> int:
    """A count that may be missing (0); raises BadRecord for what cannot be one."""
    value = usage.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
        raise BadRecord(f"its {name} is {json.dumps(value)[:40]}, which cannot be a number of tokens")
    return value


def part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another; empty where it is missing or something else."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def word(value: Mapping[str, Any], name: str) -> str:
    """A text inside an object; '' where it is missing or something else."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def ident(text: str) -> str:
    """An id as it is kept: a very long one by its hash."""
    return text if len(text) <= _LONGEST_ID else f"sha256:{hashlib.sha256(_bytes(text)).hexdigest()}"


def digest(*parts: object) -> str:
    """An id for a record that has none of its own, from what stays the same in every copy of it."""
    return f"made:{hashlib.sha256(_bytes(json.dumps(parts))).hexdigest()[:40]}"


def moment(text: str) -> str:
    """A time as RFC 3339 UTC; raises BadRecord."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRecord(f"its time is {json.dumps(text)[:40]}") from error
    if found.year not in _YEARS:
        raise BadRecord(f"its time is {json.dumps(text)[:40]}")
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reported(value: Any) -> int | None:
    """A cost in USD that an agent wrote down, in pico-dollars; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        return None
    return int(usd.scaleb(12).to_integral_value()) if usd.is_finite() and 0 <= usd < _MOST_USD else None


def local_moment(text: str) -> str:
    """A time without a zone, which is then this machine's, as RFC 3339 UTC; raises BadRecord."""
    try:
        found = datetime.fromisoformat(text)
        if found.year in _YEARS:
            return moment(found.astimezone().isoformat())
    except (ValueError, OverflowError) as error:
        raise BadRecord(f"its time is {json.dumps(text)[:40]}") from error
    raise BadRecord(f"its time is {json.dumps(text)[:40]}")


def moment_of_ms(value: object) -> str:
    """Milliseconds since 1970 as RFC 3339 UTC; raises BadRecord."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRecord(f"its time is {json.dumps(value)[:40]}")
    try:
        found = _EPOCH + timedelta(milliseconds=value)
    except OverflowError as error:
        raise BadRecord(f"its time is {value}"[:60]) from error
    if found.year not in _YEARS:
        raise BadRecord(f"its time is {value}")
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def nothing_used(usage: Usage) -> bool:
    """Whether a record says that no token was used: nothing that could be counted."""
    return usage.input == 0 and usage.output == 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _no_constant(name: str) -> float:
    raise BadRecord(f"{name} stands in the place of a number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_constant=_no_constant)
    except BadRecord:
        raise
    except RecursionError as error:
        raise BadRecord("it is nested too deeply") from error
    except ValueError as error:
        raise BadRecord("it is not JSON") from error
