"""Looks at a state folder as a doctor would: changes nothing, makes nothing, and opens the database only to read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from bursar.domain.errors import BursarError
from bursar.domain.money.price import usd_text
from bursar.domain.ports import Clock
from bursar.storage.aside import all_asides
from bursar.storage.backups import backups
from bursar.storage.connect import check_library, cut_short
from bursar.storage.erasure import older_than
from bursar.storage.errors import translated
from bursar.storage.ledger import broken_row
from bursar.storage.locks import lock_name
from bursar.storage.mark import Mark, read_mark
from bursar.storage.migrations import MIGRATIONS, schema_version
from bursar.storage.mirror import read_mirror
from bursar.storage.mounts import network_file_system
from bursar.storage.reaping import orphans, orphans_words
from bursar.storage.rolls import wrong_roll
from bursar.storage.witness import database_id, last_event, last_row, link_of

_START = "start Bursar (any command will do): the file is set aside, and the store goes on from its newest backup"
_LEAST_FREE_BYTES = 64 * 1024 * 1024
_COPIES = 3
_MB = 1_000_000
_OLD_BACKUP_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; ``remedy`` says what to do, where something can be done."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None


def examine(home: Path, clock: Clock, *, keep_text_days: int) -> Iterator[Finding]:
    """Everything that can be said about the store of a state folder."""
    path = home / "bursar.db"
    yield _sqlite()
    yield _folder(home)
    yield _file_system(home)
    yield _space(home, path)
    yield from _database(home, path, clock, keep_text_days)
    yield _backups(home, path, clock)
    yield _asides(home)
    yield _locks(home)


def _sqlite() -> Finding:
    version = apsw.sqlite_lib_version()
    try:
        check_library(version)
    except BursarError as error:
        return Finding(name="sqlite", ok=False, detail=str(error), remedy="install a newer apsw (pip install -U apsw)")
    return Finding(name="sqlite", ok=True, detail=f"SQLite {version} in apsw {apsw.apsw_version()}")


def _folder(home: Path) -> Finding:
    if not os.path.lexists(home):
        return Finding(name="state_folder", ok=True, detail=f"{home} is not there yet; it is made when it is needed")
    wrong = [each for each in (home, *sorted(home.rglob("*"))) if (_trouble(each)) is not None]
    if not wrong:
        return Finding(name="state_folder", ok=True, detail=f"{home} and everything in it is this user's alone")
    first = wrong[0]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Finding(
        name="state_folder",
        ok=False,
        detail=f"{first} {_trouble(first)}{more}",
        remedy=f"run: chmod -R go= {home}, or set BURSAR_HOME to a folder of your own",
    )


def _trouble(path: Path) -> str | None:
    try:
        found = path.lstat()
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    if stat.S_ISLNK(found.st_mode):
        return None
    if found.st_uid != os.geteuid():
        return f"belongs to another user (id {found.st_uid})"
    if found.st_mode & 0o077 and path.name != "settings.json":
        return f"is open to others ({stat.S_IMODE(found.st_mode):04o})"
    if not os.access(path, os.R_OK | os.W_OK):
        return "may not be written by this user"
    return None


def _file_system(home: Path) -> Finding:
    kind, network = network_file_system(home)
    if network:
        return Finding(
            name="file_system",
            ok=False,
            detail=f"{home} is on {kind}, over the network, which cannot lock and sync as the store needs",
            remedy="set BURSAR_HOME to a folder on a local disk",
        )
    return Finding(name="file_system", ok=True, detail=f"{home} is on {kind}")


def _space(home: Path, path: Path) -> Finding:
    place = home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    size = path.stat().st_size if path.is_file() else 0
    wanted = max(_LEAST_FREE_BYTES, _COPIES * size)
    detail = f"{free // _MB:,} MB are free for a store of {size / _MB:.1f} MB"
    if free >= wanted:
        return Finding(name="disk_space", ok=True, detail=detail)
    remedy = f"free some space on the disk of {place}: a backup and a repair need up to {wanted // _MB:,} MB"
    return Finding(name="disk_space", ok=False, detail=detail, remedy=remedy)


_INSIDE = ("integrity", "ledger_chain", "sums", "mark", "ledger_copy", "runs", "holds", "ticks", "expired_texts")


def _database(home: Path, path: Path, clock: Clock, keep_text_days: int) -> Iterator[Finding]:
    mark = read_mark(home)
    if not os.path.lexists(path):
        known = mark is not None and (mark.rows or mark.seq)
        wal = path.with_name(path.name + "-wal").exists()
        if known or wal or read_mirror(home).lines:
            yield Finding(name="database", ok=False, detail=f"{path} is missing, and there was one", remedy=_START)
        else:
            yield Finding(name="database", ok=True, detail=f"{path} is not there yet; it is made when it is needed")
        return
    connection = None
    try:
        with translated(path):
            if path.is_symlink() or not path.is_file():
                raise apsw.NotADBError("it is not a plain file")
            if path.stat().st_size == 0:
                raise apsw.NotADBError("it is empty")
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW)
            connection.pragma("query_only", 1)
            version = schema_version(connection, path)
    except BursarError as error:
        if connection is not None:
            connection.close()
        remedy = f"move {path} away and start again" if path.is_symlink() else _START
        yield Finding(name="database", ok=False, detail=str(error), remedy=remedy)
        unseen = "cannot be looked at: the database does not open"
        for name in _INSIDE:
            yield Finding(name=name, ok=False, detail=unseen, remedy="see 'database'")
        return
    with contextlib.closing(connection):
        newer = version > len(MIGRATIONS)
        detail = f"{path} opens; its format is {version}, this Bursar's is {len(MIGRATIONS)}"
        yield Finding(name="database", ok=not newer, detail=detail, remedy="get a newer Bursar" if newer else None)
        if newer:
            return
        looks: dict[str, Callable[[], Finding]] = {
            "integrity": lambda: _integrity(connection, path),
            "ledger_chain": lambda: _chain(connection),
            "sums": lambda: _sums(connection),
            "mark": lambda: _mark(connection, mark),
            "ledger_copy": lambda: _mirror(connection, home),
            "runs": lambda: _runs(connection),
            "holds": lambda: _holds(connection, home),
            "ticks": lambda: _ticks(connection),
            "expired_texts": lambda: _expired(connection, clock, keep_text_days),
        }
        for name, look in looks.items():
            try:
                # Each look at one state of the file: what others commit meanwhile is no damage.
                with translated(path), connection:
                    finding = look()
                yield finding
            except (BursarError, ValueError, TypeError) as error:
                yield Finding(name=name, ok=False, detail=f"could not be looked at: {error}", remedy=_START)


def _integrity(connection: apsw.Connection, path: Path) -> Finding:
    found = str(connection.execute("PRAGMA integrity_check(1)").get)
    wal = path.with_name(path.name + "-wal")
    if found == "ok" and not (wal.exists() and wal.stat().st_size) and cut_short(connection, path):
        found = "the end of the file is missing"
    ok = found == "ok"
    return Finding(
        name="integrity",
        ok=ok,
        detail="SQLite finds every page whole" if ok else found.replace("\n", " "),
        remedy=None if ok else _START,
    )


def _chain(connection: apsw.Connection) -> Finding:
    row = broken_row(connection)
    if row is None:
        rows = connection.execute("SELECT count(*) FROM ledger").get
        return Finding(name="ledger_chain", ok=True, detail=f"each of the {rows:,} entries is what was written")
    return Finding(
        name="ledger_chain", ok=False, detail=f"entry {row} of the ledger is not what was written", remedy=_START
    )


def _sums(connection: apsw.Connection) -> Finding:
    where = wrong_roll(connection)
    if where is None:
        return Finding(name="sums", ok=True, detail="what is kept by day and by what it was spent on adds up")
    detail = f"the sums for {where} are not those of the ledger's rows"
    return Finding(name="sums", ok=False, detail=detail, remedy=_START)


def _mark(connection: apsw.Connection, mark: Mark | None) -> Finding:
    if mark is None:
        return Finding(name="mark", ok=True, detail="there is none yet; the next start writes it")
    rows, seq = last_row(connection), last_event(connection)
    wrong = None
    if mark.suspect is not None:
        wrong = f"the store {mark.suspect}: that was seen while it was in use"
    elif mark.database_id != database_id(connection):
        wrong = "this is not the store that was here before"
    elif rows < mark.rows or seq < mark.seq:
        wrong = f"the store is older than it was: it ends at entry {rows} of {mark.rows}, event {seq} of {mark.seq}"
    elif link_of(connection, mark.rows) != mark.chain:
        wrong = "the store has another ledger than it had"
    if wrong is not None:
        return Finding(name="mark", ok=False, detail=wrong, remedy=_START)
    ended = "and was left in order" if mark.clean else "and is open, or was not ended in order"
    return Finding(name="mark", ok=True, detail=f"the store has come as far as its mark ({mark.rows} entries) {ended}")


def _mirror(connection: apsw.Connection, home: Path) -> Finding:
    mirrored, rows = read_mirror(home), last_row(connection)
    last = max((each.n for each in mirrored.lines), default=0)
    wrong = None
    if mirrored.store not in (None, database_id(connection)):
        wrong = "it is another store's"
    elif mirrored.spoilt:
        wrong = f"{mirrored.spoilt} of its lines cannot be read"
    elif any(link_of(connection, each.n) != each.chain for each in mirrored.lines):
        wrong = "it is not what the ledger says"
    elif last < rows:
        wrong = f"it ends at entry {last}, and the ledger at {rows}"
    if wrong is None:
        return Finding(name="ledger_copy", ok=True, detail=f"the copy beside the store has all {rows:,} entries")
    remedy = f"end Bursar everywhere, move {home / 'ledger.jsonl'} away and start again: it is written anew"
    return Finding(name="ledger_copy", ok=False, detail=wrong, remedy=remedy)


def _runs(connection: apsw.Connection) -> Finding:
    found = connection.execute(
        "SELECT run, state FROM run WHERE kind = 'task' AND state IN ('paused', 'in_doubt', 'running')"
    ).fetchall()
    doubt = [str(run) for run, state in found if state == "in_doubt"]
    rest = [str(run) for run, state in found if state != "in_doubt"]
    detail = f"{len(doubt)} in doubt, {len(rest)} open or paused"
    if doubt:
        return Finding(
            name="runs",
            ok=False,
            detail=f"{detail}: {doubt[0]} waits for a decision",
            remedy=f"run: bursar resume {doubt[0]}",
        )
    return Finding(name="runs", ok=True, detail=detail, remedy=f"to go on: bursar resume {rest[0]}" if rest else None)


def _holds(connection: apsw.Connection, home: Path) -> Finding:
    found = orphans(connection, alive=lambda run: _holder(home / "locks" / lock_name(run)) is not None)
    if found:
        remedy = "start Bursar (any command will do): it books them"
        return Finding(name="holds", ok=False, detail=orphans_words(found), remedy=remedy)
    number, pico = connection.execute("SELECT count(*), coalesce(sum(amount_pico), 0) FROM hold").fetchone() or (0, 0)
    if not number:
        return Finding(name="holds", ok=True, detail="no money is held for a request that is under way")
    requests = f"{number} request{'s' if number > 1 else ''}"
    detail = f"${usd_text(pico)} is held for {requests} under way or of runs that can go on"
    return Finding(name="holds", ok=True, detail=detail)


def _ticks(connection: apsw.Connection) -> Finding:
    found = connection.execute("SELECT run, spec, task_address FROM run WHERE tick_pending").fetchall()
    if not found:
        return Finding(name="ticks", ok=True, detail="every finished task has its mark")
    _, spec, task = found[0]
    return Finding(
        name="ticks",
        ok=True,
        detail=f"{len(found)} finished task(s) wait for their mark in a file that is not saved",
        remedy=f"save the tasks file in your editor, or run: bursar spec tick {spec} {task}",
    )


def _expired(connection: apsw.Connection, clock: Clock, keep_text_days: int) -> Finding:
    number = len(older_than(connection, clock.utc_in(-86_400.0 * keep_text_days)))
    if not number:
        return Finding(name="expired_texts", ok=True, detail=f"no text is older than {keep_text_days} days")
    return Finding(
        name="expired_texts",
        ok=False,
        detail=f"the texts of {number} run(s) are older than {keep_text_days} days",
        remedy="start Bursar (any command will do): it removes them, except for runs that are driven",
    )


def _backups(home: Path, path: Path, clock: Clock) -> Finding:
    have = backups(home)
    for each in have:
        try:
            with contextlib.closing(apsw.Connection(str(each.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
                whole = connection.execute("PRAGMA integrity_check(1)").get == "ok" and broken_row(connection) is None
        except (apsw.Error, ValueError, TypeError):
            whole = False
        if not whole:
            return Finding(
                name="backups",
                ok=False,
                detail=f"{each.path} is damaged",
                remedy="move it away: another is made within a day",
            )
    if not have:
        known = "made within a day of use" if path.exists() else "made when there is something to keep"
        return Finding(name="backups", ok=True, detail=f"there is none yet; one is {known}")
    old = -clock.seconds_until(have[0].at) > _OLD_BACKUP_S
    detail = f"{len(have)} whole, the newest of {have[0].at}"
    remedy = "start Bursar and leave it open for a minute: it makes one" if old else None
    return Finding(name="backups", ok=True, detail=detail, remedy=remedy)


def _asides(home: Path) -> Finding:
    found = all_asides(home)
    if not found:
        return Finding(name="set_aside", ok=True, detail="nothing was set aside as damaged")
    return Finding(
        name="set_aside",
        ok=True,
        detail=f"{len(found)} file(s) were set aside as damaged: {', '.join(each.name for each in found)}",
        remedy="they may hold prompts and answers; remove them when you do not need them (bursar erase --all does)",
    )


def _locks(home: Path) -> Finding:
    held = []
    for each in sorted((home / "locks").glob("*.lock")):
        text = _holder(each)
        if text is not None:
            held.append(f"{each.stem} by {text or 'another process'}")
    in_use = _holder(home / "open.lock") is not None
    detail = "another Bursar process has the store open; " if in_use else "no other process has the store open; "
    detail += f"driven: {', '.join(held)}" if held else "no run is driven"
    return Finding(name="locks", ok=True, detail=detail)


def _holder(path: Path) -> str | None:
    """What the living holder of a lock wrote into it; None when nobody holds it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
    finally:
        os.close(handle)
    return None
