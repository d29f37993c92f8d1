"""Sets a damaged store aside and builds one that goes on: from the best copy there is, and never with less spent."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import apsw

from bursar.domain.errors import BursarError
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.storage import recovering
from bursar.storage.aside import asides, set_aside
from bursar.storage.backups import backups
from bursar.storage.connect import connect, cut_short
from bursar.storage.errors import Damaged, translated
from bursar.storage.home import secure_file, secure_folder, sync_folder
from bursar.storage.legible import make_legible
from bursar.storage.mark import read_mark
from bursar.storage.migrations import migrate
from bursar.storage.mirror import MIRROR_NAME, Mirrored, read_mirror
from bursar.storage.verify import what_is_wrong
from bursar.storage.witness import Witness, database_id, last_event, last_row, link_of

_SCRATCH = "mending"
_UNUSABLE = (
    Damaged,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.SQLError,
    apsw.ConstraintError,
    apsw.MismatchError,
    UnicodeDecodeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A readable copy of some state of this store."""

    path: Path
    source: str
    seq: int
    rows: int


def mend(home: Path, path: Path, what: str, clock: Clock, failpoint: Failpoint = nowhere) -> str:
    """Put a store that works in the place of the damaged one; a sentence about what happened.

    Called under the gate by the only process. The files that were there are renamed, never deleted; when this fails or
    is killed, the next start begins again. Raises StorageError.
    """
    with translated(path):
        shutil.rmtree(home / _SCRATCH, ignore_errors=True)
        secure_folder(home / _SCRATCH)
        try:
            return _Mending(home, path, clock, failpoint).mend(what)
        finally:
            shutil.rmtree(home / _SCRATCH, ignore_errors=True)


class _Mending:
    def __init__(self, home: Path, path: Path, clock: Clock, failpoint: Failpoint) -> None:
        self._failpoint = failpoint
        self._home, self._path, self._clock = home, path, clock
        self._at = clock.now_utc()
        self._scratch = home / _SCRATCH
        self._mark = read_mark(home)
        self._mirror = _readable_mirror(home)
        self._store = self._mark.database_id if self._mark is not None else self._mirror.store

    def mend(self, what: str) -> str:
        own = self._copied(self._path, "own.db")
        entries = recovering.Entries(self._mirror.lines)
        if own is not None and self._is_ours(own):
            entries.add_rows(own)
        base, new, told = self._built(self._copies(own), entries)
        self._failpoint("in_restore")
        aside = set_aside(self._path, self._at)
        self._failpoint("in_restore")
        new.replace(self._path)
        sync_folder(self._home)
        self._failpoint("in_restore")
        self._renew_witnesses()
        if base is not None:
            source = f"from {base.source}"
        elif entries.in_order():
            source = "with its copy of the ledger alone: there was no backup"
        else:
            source = "empty: there was no backup"
        kept = f" It was set aside as {aside.name}; nothing of it was deleted." if _any_of(aside) else ""
        return f"{self._path} {what}.{kept} The store goes on {source}{told}."

    def _built(self, copies: list[_Copy], entries: recovering.Entries) -> tuple[_Copy | None, Path, str]:
        """The first of these copies that can be built upon, else an empty store; which it was, and what to tell.

        A copy that SQLite found whole may still fail when it is used.
        """
        for base in copies:
            entries.add_rows(base.path)
            with contextlib.suppress(*_UNUSABLE):
                return base, *self._build(base, entries)
        return None, *self._build(None, entries)

    def _build(self, base: _Copy | None, entries: recovering.Entries) -> tuple[Path, str]:
        new = self._scratch / "new.db"
        new.unlink(missing_ok=True)
        if base is None:
            os.close(secure_file(new, create=True))
        else:
            base.path.rename(new)
        connection = connect(new)
        try:
            connection.pragma("journal_mode", "delete")
            migrate(connection, self._path)
            seq, rows = self._least()
            complete = base is not None and base.seq >= seq and base.rows >= rows
            changed = make_legible(connection)
            told = recovering.rebuild(
                connection,
                entries.in_order(),
                self._mark,
                self._mirror.claims,
                complete=complete,
                changed=changed,
                at=self._at,
            )
            if self._store is not None:
                connection.execute("UPDATE meta SET value = ? WHERE key = 'database_id'", (self._store,))
            wrong = what_is_wrong(connection)
            if wrong is not None:
                raise Damaged(new, wrong)
        finally:
            connection.close()
        return new, told

    def _least(self) -> tuple[int, int]:
        """How far the store had come, as far as anything remembers it."""
        last = max((each.n for each in self._mirror.lines), default=0)
        return (0, last) if self._mark is None else (self._mark.seq, max(self._mark.rows, last))

    def _copies(self, own: Path | None) -> list[_Copy]:
        """What may be built upon, the one that had come furthest first: the damaged file itself where it is whole."""
        found = [self._whole(own, "what it holds, which SQLite finds whole")]
        for number, each in enumerate(backups(self._home)):
            copy = self._copied(each.path, f"backup-{number}.db")
            found.append(self._whole(copy, f"its backup of {each.at}"))
        for each_path in asides(self._path)[:1]:
            copy = self._copied(each_path, "aside.db")
            found.append(self._whole(copy, f"what was set aside as {each_path.name}"))
        whole = [each for each in found if each is not None]
        return sorted(whole, key=lambda each: (each.seq, each.rows), reverse=True)

    def _whole(self, copy: Path | None, source: str) -> _Copy | None:
        """The copy as one to build upon; None when it is damaged, another store's or a newer Bursar's."""
        if copy is None:
            return None
        with contextlib.suppress(apsw.Error, BursarError):
            _make_indexes_anew(copy)
        with contextlib.suppress(apsw.Error, BursarError), contextlib.closing(connect(copy)) as connection:
            connection.pragma("journal_mode", "delete")
            if _is_whole(connection, copy) and self._store in (None, database_id(connection)):
                migrate(connection, copy)
                return _Copy(path=copy, source=source, seq=last_event(connection), rows=last_row(connection))
        return None

    def _is_ours(self, copy: Path) -> bool:
        with contextlib.suppress(apsw.Error), contextlib.closing(connect(copy)) as connection:
            return self._store in (None, database_id(connection))
        return True

    def _copied(self, source: Path, name: str) -> Path | None:
        """A copy with its log that may be read and changed; None when there is no file. Raises OSError."""
        if not source.is_file() or source.is_symlink() or source.stat().st_size == 0:
            return None
        target = self._scratch / name
        for suffix in ("", "-wal"):
            each = source.with_name(source.name + suffix)
            if each.is_file():
                os.close(secure_file(target.with_name(name + suffix), create=True))
                shutil.copyfile(each, target.with_name(name + suffix))
        return target

    def _renew_witnesses(self) -> None:
        connection = connect(self._path)
        try:
            if not self._mirror_fits(connection):
                set_aside(self._home / MIRROR_NAME, self._at, companions=("",))
            witness = Witness(self._home, connection)
            try:
                witness.mirror_all(connection)
                witness.mark(connection, suspect=None)
            finally:
                witness.close()
        finally:
            connection.close()

    def _mirror_fits(self, connection: apsw.Connection) -> bool:
        """Whether every line is the row of that number: else the mirror is set aside too and written anew."""
        return (
            not self._mirror.spoilt
            and self._mirror.store in (None, database_id(connection))
            and all(link_of(connection, each.n) == each.chain for each in self._mirror.lines)
        )


def _readable_mirror(home: Path) -> Mirrored:
    with contextlib.suppress(OSError):
        return read_mirror(home)
    return Mirrored(spoilt=1)


def _is_whole(connection: apsw.Connection, copy: Path) -> bool:
    """Whether SQLite finds the copy whole."""
    return not cut_short(connection, copy) and bool(connection.execute("PRAGMA integrity_check(1)").get == "ok")


def _make_indexes_anew(copy: Path) -> None:
    """Write the tables of a copy that is not whole into a new file and put that in its place; a whole one stays.

    REINDEX would clear the page that it takes for the index's: where another table's page was written over it, that
    takes the table's, and leaves an index which SQLite calls whole and cannot read. Raises apsw.Error where a table
    itself cannot be read; the copy is then as it was.
    """
    with contextlib.closing(connect(copy)) as connection:
        connection.pragma("journal_mode", "delete")
        if cut_short(connection, copy) or connection.execute("PRAGMA integrity_check(1)").get == "ok":
            return
    anew = copy.with_name(f"{copy.stem}-anew.db")
    anew.unlink(missing_ok=True)
    os.close(secure_file(anew, create=True))
    with contextlib.closing(connect(anew)) as connection:
        connection.execute("ATTACH ? AS old", (str(copy),))
        made = list(
            connection.execute("SELECT type, name, sql FROM old.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
        )
        tables = [(str(name), str(sql)) for kind, name, sql in made if kind == "table" and name != "sqlite_sequence"]
        with connection:
            for name, sql in tables:
                connection.execute(sql)
                connection.execute(f'INSERT INTO main."{name}" SELECT * FROM old."{name}" NOT INDEXED')  # noqa: S608 - our own names
            connection.execute("DELETE FROM main.sqlite_sequence")
            connection.execute("INSERT INTO main.sqlite_sequence SELECT * FROM old.sqlite_sequence")
            for kind, _, sql in made:
                if kind != "table":
                    connection.execute(str(sql))
    anew.replace(copy)


def _any_of(path: Path) -> bool:
    return any(os.path.lexists(f"{path}{each}") for each in ("", "-wal", "-shm"))
