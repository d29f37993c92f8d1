"""Reads the conversations of logs, one after another, of any size, damaged or not; what a log is its content says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Protocol, TypeAlias

from bursar.domain.money.imported import NotReadable, SkippedLine, Table
from bursar.domain.ports.imports import OtherDatabase
from bursar.imports import FORMATS
from bursar.imports.companions import companions
from bursar.imports.finding import Found, find, open_log
from bursar.imports.lines import LONGEST_LINE_BYTES, lines
from bursar.imports.opencode import OpenCode
from bursar.imports.reading import BadRecord, parsed, word
from bursar.imports.sessions.claude_code import ClaudeCodeConversations
from bursar.imports.sessions.codex import CodexConversations
from bursar.imports.sessions.conversation import LoggedSession
from bursar.imports.sessions.opencode import OpenCodeConversation, parts_in_order

AGENTS = ("claude-code", "codex", "opencode")
"""The agents whose conversations can be read."""

OpenDatabase: TypeAlias = Callable[[Path, Callable[[Path], BinaryIO]], AbstractContextManager[OtherDatabase]]
_SQLITE = b"SQLite format 3\0"
_HEAD_BYTES = 64 << 10


class _ByLine(Protocol):
    def line(self, number: int, data: bytes) -> Iterator[LoggedSession]: ...

    def end(self) -> Iterator[LoggedSession]: ...


@dataclass(slots=True, kw_only=True)
class Reading:
    """What is read, how, and what could not be. ``advance`` is told how many bytes more were looked at."""

    databases: OpenDatabase
    advance: Callable[[int], None] = lambda size: None
    skipped: list[SkippedLine] = field(default_factory=list)
    files: int = 0
    _seen: set[int] = field(default_factory=set)

    def skip(self, skipped: SkippedLine) -> None:
        """Keep that a part was not read."""
        self.skipped.append(skipped)

    def find(self, places: Sequence[Path]) -> tuple[Found, ...]:
        """The logs in these places, the oldest first; those that say in their names when they began, by that."""
        return tuple(sorted(find(places, _is_log, self.skip), key=_begun))

    def sessions(self, logs: Sequence[Found]) -> Iterator[LoggedSession]:
        """Their conversations. Of the folders of messages that opencode wrote before 1.2 each is one log."""
        folders: set[Path] = set()
        for each in logs:
            self.files += 1
            try:
                if _is_message(each.path):
                    if each.path.parent not in folders:
                        folders.add(each.path.parent)
                        yield from self._folder(each, [log for log in logs if log.path.parent == each.path.parent])
                else:
                    yield from self._log(each)
            except OSError as error:
                self._skip(each, 0, f"it cannot be read ({error.strerror})")
            except NotReadable as error:
                self._skip(each, 0, str(error))
            self.advance(each.size)

    def _skip(self, found: Found, line: int, why: str) -> None:
        self.skip(SkippedLine(file=str(found.path), line=line, why=why))

    def _log(self, found: Found) -> Iterator[LoggedSession]:
        with open_log(found) as file:
            head = file.read(_HEAD_BYTES)
            if not head.startswith(_SQLITE):
                reader = _reader(str(found.path), head, self._seen)
                if reader is None:
                    self._skip(found, 0, f"it is no log of {', '.join(AGENTS)}")
                else:
                    yield from self._lines(found, file, reader)
                return
        yield from self._database(found)

    def _lines(self, found: Found, file: BinaryIO, reader: _ByLine) -> Iterator[LoggedSession]:
        for line in lines(file, offset=0, number=0):
            if line.data is None:
                self._skip(found, line.number, f"it is longer than {LONGEST_LINE_BYTES >> 20} MiB")
                continue
            try:
                yield from reader.line(line.number, line.data)
            except BadRecord as error:
                broken_off = "" if line.whole else ", and nothing follows it: the log ends in the middle of a record"
                self._skip(found, line.number, f"{error}{broken_off}")
        yield from reader.end()

    def _database(self, found: Found) -> Iterator[LoggedSession]:
        def opened(path: Path) -> BinaryIO:
            return open_log(Found(path=path, place=found.place, size=found.size, mtime_ns=found.mtime_ns))

        with self.databases(found.path, opened) as database:
            listed = [
                [_letters(each) for each in values]
                for values in database.rows(Table(name="session", columns=("id", "parent_id", "directory")))
            ]
            for session, parent, project in listed:
                yield from self._of_session(found, database, session, parent or None, project)

    def _of_session(
        self, found: Found, database: OtherDatabase, session: str, parent: str | None, project: str
    ) -> Iterator[LoggedSession]:
        only = ("session_id", session)
        parts: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for number, row in enumerate(database.rows(Table(name="part", columns=_PART, where=only)), start=1):
            part_id, message_id = _letters(row[0]), _letters(row[1])
            value = self._value(found, number, row[2])
            if value is not None:
                parts.setdefault(message_id, []).append((part_id, value))
        messages: list[tuple[str, Mapping[str, Any]]] = []
        for number, row in enumerate(database.rows(Table(name="message", columns=("id", "data"), where=only)), start=1):
            value = self._value(found, number, row[1])
            if value is not None:
                messages.append((_letters(row[0]), value))
        told = [
            (value, parts_in_order(parts.get(name, []))) for name, value in sorted(messages, key=lambda each: each[0])
        ]
        yield from self._told(found, session, parent, project, told)

    def _folder(self, found: Found, logs: Sequence[Found]) -> Iterator[LoggedSession]:
        agent, session = OpenCode(), found.path.parent.name
        parent: str | None = None
        told: list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]] = []
        project = ""
        for log in sorted(logs, key=lambda each: each.path.name):
            parts: list[tuple[str, Mapping[str, Any]]] = []
            for path, data in companions(agent, log, largest=LONGEST_LINE_BYTES):
                value = self._value(log, 0, data)
                if value is not None and path.parent.parent.name == "session":
                    parent, project = word(value, "parentID") or None, word(value, "directory")
                elif value is not None:
                    parts.append((path.name, value))
            with open_log(log) as file:
                message = self._value(log, 1, file.read(LONGEST_LINE_BYTES))
            if message is not None:
                told.append((message, parts_in_order(parts)))
        yield from self._told(found, session, parent, project, told)

    def _told(
        self,
        found: Found,
        session: str,
        parent: str | None,
        project: str,
        told: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]],
    ) -> Iterator[LoggedSession]:
        own = OpenCodeConversation(str(found.path), session, self._seen, parent=parent, project=project)
        for number, (message, parts) in enumerate(told, start=1):
            try:
                yield from own.message(message, parts)
            except BadRecord as error:
                self._skip(found, number, f"message {number} of {session}: {error}")
        yield from own.end()

    def _value(self, found: Found, number: int, data: Any) -> dict[str, Any] | None:
        if not isinstance(data, bytes):
            self._skip(found, number, "it is no text, or a very long one")
            return None
        try:
            return parsed(data)
        except BadRecord as error:
            self._skip(found, number, str(error))
            return None


_PART = ("id", "message_id", "data")


def _is_log(path: PurePath) -> bool:
    return any(FORMATS[each].is_log(path) for each in AGENTS)


def _begun(found: Found) -> str:
    # A log from which another was forked may have been written to later than that one.
    return found.path.name if FORMATS["codex"].is_log(found.path) else ""


def _is_message(path: Path) -> bool:
    agent = OpenCode()
    return agent.is_log(path) and not agent.is_database(path)


def _reader(file: str, head: bytes, seen: set[int]) -> _ByLine | None:
    """The reader for a log of lines, by what its first records say."""
    for line in head.split(b"\n")[:50]:
        try:
            entry = parsed(line.strip(b" \t\r\xef\xbb\xbf"))
        except BadRecord:
            continue
        if "sessionId" in entry or "uuid" in entry or "leafUuid" in entry:
            return ClaudeCodeConversations(file, seen)
        if isinstance(entry.get("payload"), dict):
            return CodexConversations(file, seen)
    # The first record may be longer than what was looked at.
    if b'"sessionId"' in head or b'"parentUuid"' in head:
        return ClaudeCodeConversations(file, seen)
    if b'"payload"' in head or FORMATS["codex"].is_log(PurePath(file)):
        return CodexConversations(file, seen)
    return None


def _letters(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
