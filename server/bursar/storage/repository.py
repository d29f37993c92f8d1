"""The index of a workspace's words and names: one SQLite file per workspace, made again where it cannot be used.

It holds nothing that the workspace does not hold: losing it costs a second look, so it is not written as durably as
the journal. Its words are the workspace's, so it is as closed to others as everything in the state folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import apsw

from bursar.domain.context.repository import PASSAGE_LINES, Definition, Edge, FileFacts, Passage, Postings
from bursar.domain.context.terms import joined, terms
from bursar.domain.ports.repository import IndexedFile, SourceFile
from bursar.domain.text import split_lines
from bursar.storage.errors import translated
from bursar.storage.home import secure_file, secure_folder

FOLDER = "repository"
_VERSION = 1
"""Another number when what is kept changes, or how words are made of a text: the file is then made anew."""
_BUSY_MS = 10_000
_AT_ONCE = 100
"""Files of one transaction: what was done before a stop is kept, and a second process waits for no more than these."""
_SCHEMA = """
CREATE TABLE file (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, changed_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL, words INTEGER NOT NULL, names INTEGER NOT NULL
) STRICT;
CREATE TABLE passage (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, line INTEGER NOT NULL, words INTEGER NOT NULL
) STRICT;
CREATE INDEX passage_file ON passage (file);
CREATE VIRTUAL TABLE in_body USING fts5(
    words, content = '', contentless_delete = 1, tokenize = "porter unicode61 tokenchars '_'"
);
CREATE VIRTUAL TABLE in_names USING fts5(
    words, content = '', contentless_delete = 1, tokenize = "porter unicode61 tokenchars '_'"
);
CREATE VIRTUAL TABLE body_at USING fts5vocab(in_body, instance);
CREATE VIRTUAL TABLE body_terms USING fts5vocab(in_body, row);
CREATE VIRTUAL TABLE names_at USING fts5vocab(in_names, instance);
CREATE TABLE definition (
    file INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, line INTEGER NOT NULL, signature TEXT NOT NULL,
    owner TEXT NOT NULL
) STRICT;
CREATE INDEX definition_name ON definition (name, file);
CREATE INDEX definition_file ON definition (file, line);
CREATE TABLE used (file INTEGER NOT NULL, name TEXT NOT NULL, times INTEGER NOT NULL) STRICT;
CREATE INDEX used_name ON used (name, file);
CREATE INDEX used_file ON used (file);
"""
_MOST_PASSAGES = 20_000
"""A word that stands in more says little about any, and would take long."""
_Kind = TypeVar("_Kind")


class SqliteRepositoryIndex:
    """`RepositoryIndex` in a file of the state folder; several processes may use one at a time."""

    def __init__(self, home: Path, root: str) -> None:
        self._path = index_path(home, root)
        self._one_at_a_time = threading.RLock()
        self._connection: apsw.Connection | None = None

    def known(self) -> Mapping[str, tuple[str, bytes]]:
        """By path: the stamp, empty for one that must be read again, and the hash of what was indexed."""
        rows = self._rows("SELECT path, stamp, sha256 FROM file")
        return {str(path): (str(stamp), bytes(sha256)) for path, stamp, sha256 in rows}

    def put(self, files: Iterable[IndexedFile], *, same: Iterable[SourceFile], gone: Iterable[str]) -> None:
        """Index these anew, note the stamps of those that only were written again, and forget the ``gone``."""
        removed, noted = list(gone), list(same)

        def tidy(connection: apsw.Connection) -> None:
            for path in removed:
                _remove(connection, path)
            connection.executemany(
                "UPDATE file SET stamp = ?, changed_ns = ? WHERE path = ?",
                [(_stamp(each), each.changed_ns, each.path) for each in noted],
            )

        if removed or noted:
            self._write(tidy)
        waiting: list[IndexedFile] = []
        for each in files:
            waiting.append(each)
            if len(waiting) == _AT_ONCE:
                self._add(waiting)
                waiting = []
        if waiting:
            self._add(waiting)

    def files(self) -> Mapping[str, FileFacts]:
        """Every file by its path."""
        rows = self._rows("SELECT path, words, names, changed_ns FROM file ORDER BY path")
        return {path: FileFacts(words=words, names=names, changed_ns=at) for path, words, names, at in rows}

    def passages(self) -> int:
        """How many passages there are in all."""
        return int(self._rows("SELECT count(*) FROM passage")[0][0])

    def postings(self, words: Sequence[str]) -> Sequence[Postings]:
        """Where each of these words stands that stands anywhere, by its stem; of two with one stem the first."""
        stems: dict[str, str] = {}
        for word, stem in zip(words, self._with(lambda connection: _stems(connection, words)), strict=True):
            stems.setdefault(stem, word)
        found = (self._postings(word, stem) for stem, word in stems.items())
        return [each for each in found if each.passages or each.names]

    def _postings(self, word: str, stem: str) -> Postings:
        number = self._rows("SELECT doc FROM body_terms WHERE term = ?", (stem,))
        body: list[tuple[Any, ...]] = []
        if number and number[0][0] <= _MOST_PASSAGES:
            body = self._rows(
                "SELECT path, line, passage.words, times FROM"
                " (SELECT doc, count(*) AS times FROM body_at WHERE term = ? GROUP BY doc)"
                " JOIN passage ON passage.id = doc JOIN file ON file.id = passage.file ORDER BY path, line",
                (stem,),
            )
        names = self._rows(
            "SELECT path, times FROM (SELECT doc, count(*) AS times FROM names_at WHERE term = ? GROUP BY doc)"
            " JOIN file ON file.id = doc ORDER BY path",
            (stem,),
        )
        return Postings(
            word=word,
            stem=stem,
            passages=tuple((Passage(path=path, line=line, words=size), times) for path, line, size, times in body),
            names=tuple((str(path), int(times)) for path, times in names),
        )

    def defining(self, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """For each of these names that is defined anywhere, the files that do."""
        found: dict[str, list[str]] = {}
        rows = self._rows(
            "SELECT DISTINCT definition.name, file.path FROM json_each(?) AS wanted"
            " JOIN definition ON definition.name = wanted.value JOIN file ON file.id = definition.file"
            " ORDER BY file.path",
            (json.dumps(list(names)),),
        )
        for name, path in rows:
            found.setdefault(str(name), []).append(str(path))
        return {name: tuple(paths) for name, paths in found.items()}

    def edges(self, paths: Sequence[str], *, most_definers: int) -> Sequence[Edge]:
        """The uses of names between these files and any other, without names that more files define than that."""
        rows = self._rows(
            "WITH wanted AS (SELECT file.id FROM json_each(?1) AS given JOIN file ON file.path = given.value),"
            " ends AS ("
            "  SELECT used.file AS source, definition.file AS target, used.name, used.times FROM wanted"
            "  JOIN used ON used.file = wanted.id JOIN definition ON definition.name = used.name"
            "  UNION SELECT used.file, definition.file, used.name, used.times FROM wanted"
            "  JOIN definition ON definition.file = wanted.id JOIN used ON used.name = definition.name"
            " ), defined AS ("
            "  SELECT name, count(DISTINCT file) AS definers FROM definition"
            "  WHERE name IN (SELECT DISTINCT name FROM ends) GROUP BY name"
            " ) SELECT source.path, target.path, sum(sqrt(ends.times) / (definers * definers)) FROM ends"
            " JOIN defined USING (name)"
            " JOIN file AS source ON source.id = ends.source JOIN file AS target ON target.id = ends.target"
            " WHERE ends.source <> ends.target AND definers <= ?2"
            " GROUP BY ends.source, ends.target ORDER BY source.path, target.path",
            (json.dumps(list(paths)), most_definers),
        )
        return [Edge(source=str(source), target=str(target), worth=float(worth)) for source, target, worth in rows]

    def definitions(self, paths: Sequence[str]) -> Mapping[str, tuple[Definition, ...]]:
        """What these files define, in the order of their lines."""
        found: dict[str, list[Definition]] = {}
        rows = self._rows(
            "SELECT file.path, name, kind, line, signature, owner FROM json_each(?) AS wanted"
            " JOIN file ON file.path = wanted.value JOIN definition ON definition.file = file.id"
            " ORDER BY file.path, line",
            (json.dumps(list(paths)),),
        )
        for path, name, kind, line, signature, owner in rows:
            found.setdefault(path, []).append(
                Definition(name=name, kind=kind, line=line, signature=signature, owner=owner)
            )
        return {path: tuple(each) for path, each in found.items()}

    def close(self) -> None:
        """Give the file back; harmless the second time."""
        with self._one_at_a_time, translated(self._path):
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _add(self, files: Sequence[IndexedFile]) -> None:
        def add(connection: apsw.Connection) -> None:
            for each in files:
                _remove(connection, each.source.path)
                _insert(connection, each)

        self._write(add)

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._with(lambda connection: list(connection.execute(statement, tuple(values))))

    def _write(self, work: Callable[[apsw.Connection], None]) -> None:
        def in_one(connection: apsw.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

        self._with(in_one)

    def _with(self, work: Callable[[apsw.Connection], _Kind]) -> _Kind:
        """Do it; where the file turns out to be damaged, once more with a new one."""
        with self._one_at_a_time, translated(self._path):
            try:
                return work(self._opened())
            except (apsw.CorruptError, apsw.NotADBError):
                self._drop()
                return work(self._opened())

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            secure_folder(self._path.parent.parent)
            secure_folder(self._path.parent)
            try:
                self._connection = _open(self._path)
            except (apsw.CorruptError, apsw.NotADBError, _Other):
                self._drop()
                self._connection = _open(self._path)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close()
            self._connection = None
        _unlink(self._path)


def index_path(home: Path, root: str) -> Path:
    """Where the index of the workspace at this root is kept."""
    return home / FOLDER / f"{blake2b(os.fsencode(root), digest_size=16).hexdigest()}.sqlite"


def drop_index(home: Path, root: str | None) -> None:
    """Forget the words of one workspace, or of all of them."""
    if root is not None:
        _unlink(index_path(home, root))
        return
    for each in (home / FOLDER).glob("*.sqlite"):
        _unlink(each)


class _Other(Exception):
    """The file was made by another version, or is not ours."""


def _open(path: Path) -> apsw.Connection:
    os.close(secure_file(path, create=True))
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "NORMAL")
        connection.pragma("secure_delete", 1)
        connection.pragma("trusted_schema", 0)
        connection.pragma("temp_store", "MEMORY")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.pragma("user_version")
        if version == 0 and not list(connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")):
            connection.execute(_SCHEMA)
            connection.pragma("user_version", _VERSION)
        elif version != _VERSION:
            raise _Other
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _insert(connection: apsw.Connection, file: IndexedFile) -> None:
    lines = split_lines(file.text)
    passages = [(at, terms("\n".join(lines[at : at + PASSAGE_LINES]))) for at in range(0, len(lines), PASSAGE_LINES)]
    names = [each for one in file.symbols.definitions for each in terms(one.name)]
    connection.execute(
        "INSERT INTO file (path, stamp, changed_ns, sha256, words, names) VALUES (?, ?, ?, ?, ?, ?)",
        (
            file.source.path,
            _stamp(file.source),
            file.source.changed_ns,
            file.sha256,
            sum(len(words) for _, words in passages),
            len(names),
        ),
    )
    number = connection.last_insert_rowid()
    for line, words in passages:
        if words:
            connection.execute("INSERT INTO passage (file, line, words) VALUES (?, ?, ?)", (number, line, len(words)))
            connection.execute(
                "INSERT INTO in_body (rowid, words) VALUES (?, ?)", (connection.last_insert_rowid(), joined(words))
            )
    if names:
        connection.execute("INSERT INTO in_names (rowid, words) VALUES (?, ?)", (number, joined(names)))
    connection.executemany(
        "INSERT INTO definition (file, name, kind, line, signature, owner) VALUES (?, ?, ?, ?, ?, ?)",
        [(number, each.name, each.kind, each.line, each.signature, each.owner) for each in file.symbols.definitions],
    )
    connection.executemany(
        "INSERT INTO used (file, name, times) VALUES (?, ?, ?)",
        [(number, name, times) for name, times in file.symbols.references],
    )


def _remove(connection: apsw.Connection, path: str) -> None:
    for (number,) in list(connection.execute("SELECT id FROM file WHERE path = ?", (path,))):
        connection.execute("DELETE FROM in_body WHERE rowid IN (SELECT id FROM passage WHERE file = ?)", (number,))
        connection.execute("DELETE FROM in_names WHERE rowid = ?", (number,))
        for table in ("passage", "definition", "used"):
            connection.execute(f"DELETE FROM {table} WHERE file = ?", (number,))  # noqa: S608
        connection.execute("DELETE FROM file WHERE id = ?", (number,))


def _stems(connection: apsw.Connection, words: Sequence[str]) -> list[str]:
    """Each word as the index has it."""
    stem = connection.fts5_tokenizer("porter", ["unicode61", "tokenchars", "_"])
    found = []
    for word in words:
        given = word.encode()
        tokens = list(stem(given, apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False, include_colocated=False))
        found.append(str(tokens[0]) if tokens else word)
    return found


def _stamp(source: SourceFile) -> str:
    return source.stamp if source.settled else ""


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
