"""Opens a store that can be trusted: compared with what its side files remember, and mended where it is damaged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from bursar.domain.errors import StoreDamaged
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.storage.aside import set_aside
from bursar.storage.connect import open_writer
from bursar.storage.errors import Damaged, translated
from bursar.storage.home import sync_folder
from bursar.storage.locks import Gate, Presence
from bursar.storage.mark import Mark, read_mark, untouched
from bursar.storage.mending import mend
from bursar.storage.mirror import MIRROR_NAME, Line, last_line, store_of_mirror
from bursar.storage.verify import what_is_wrong
from bursar.storage.witness import Witness, database_id, last_event, last_row, link_of

_SMALL_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A store in use. ``notices`` is what the user must be told; ``unclean`` asks for a look at the whole file."""

    path: Path
    connection: apsw.Connection
    gate: Gate
    presence: Presence
    witness: Witness
    notices: tuple[str, ...]
    unclean: bool


def open_store(home: Path, clock: Clock, failpoint: Failpoint = nowhere) -> Opened:
    """Open the store of a state folder, made, migrated or mended where that is needed.

    Raises Damaged for a damaged file that another process has open, StoreNewer, Refused and StorageError; what is there
    is then left as it is.
    """
    path = home / "bursar.db"
    with contextlib.ExitStack() as undo:
        presence = Presence(home / "open.lock")
        undo.callback(presence.close)
        gate = Gate(home / "write.lock")
        undo.callback(gate.close)
        with gate:
            connection, witness, notices, unclean = _opened(home, path, presence, clock, failpoint)
        presence.share()
        undo.pop_all()
    return Opened(
        path=path,
        connection=connection,
        gate=gate,
        presence=presence,
        witness=witness,
        notices=notices,
        unclean=unclean,
    )


def _opened(
    home: Path, path: Path, presence: Presence, clock: Clock, failpoint: Failpoint
) -> tuple[apsw.Connection, Witness, tuple[str, ...], bool]:
    mark, last = read_mark(home), last_line(home)
    new = not os.path.lexists(path)
    try:
        if new and ((mark is not None and (mark.rows or mark.seq)) or last is not None):
            raise Damaged(path, "is missing")
        connection = _usable(path, failpoint, known=mark is not None or last is not None)
        with _closed_on_failure(connection), translated(path):
            notices = _compare(home, path, connection, mark, last, clock, alone=presence.alone)
            unclean = presence.alone and not new and _look(connection, path, mark)
            return connection, _witness(home, connection, failpoint, alone=presence.alone), notices, unclean
    except Damaged as damage:
        if not presence.alone:
            raise
        told = mend(home, path, damage.what, clock, failpoint)
        connection = open_writer(path)
        with _closed_on_failure(connection), translated(path):
            return connection, _witness(home, connection, failpoint, alone=True), (told,), False


def _usable(path: Path, failpoint: Failpoint, *, known: bool) -> apsw.Connection:
    """The connection that writes; another program's database is damage only where a store is known to have been."""
    try:
        return open_writer(path, failpoint)
    except StoreDamaged as error:
        if known and not isinstance(error, Damaged):
            raise Damaged(path, "is not the store that was here before") from error
        raise


def _witness(home: Path, connection: apsw.Connection, failpoint: Failpoint, *, alone: bool) -> Witness:
    """Side files that agree with the store, whose mark says that it is in use.

    What another process has seen meanwhile stays in the mark.
    """
    witness = Witness(home, connection, failpoint)
    witness.look(connection)
    if alone:
        witness.mark(connection, suspect=None)
    else:
        witness.mark(connection)
    return witness


def _look(connection: apsw.Connection, path: Path, mark: Mark | None) -> bool:
    """Check the file now where something was seen or changed it; whether it is still to be checked.

    Raises Damaged.
    """
    if mark is None or (mark.suspect is None and not mark.clean):
        return True
    if mark.suspect is None and untouched(mark, path):
        return False
    if mark.suspect is None and path.stat().st_size > _SMALL_BYTES:
        return True
    wrong = what_is_wrong(connection)
    if wrong is not None:
        raise Damaged(path, wrong)
    return False


def _compare(
    home: Path,
    path: Path,
    connection: apsw.Connection,
    mark: Mark | None,
    last: Line | None,
    clock: Clock,
    *,
    alone: bool,
) -> tuple[str, ...]:
    """Hold the database against what the side files remember; what to tell. Raises Damaged."""
    ours, rows = database_id(connection), last_row(connection)
    store = store_of_mirror(home)
    if mark is not None and mark.database_id != ours:
        raise Damaged(path, "is not the store that was here before")
    if mark is None and store is not None and store != ours:
        raise Damaged(path, "is not the store that was here before")
    foreign = store is not None and store != ours
    known = max(0 if mark is None else mark.rows, 0 if last is None or foreign else last.n)
    if rows < known:
        raise Damaged(path, f"is older than it was: its ledger ends at entry {rows}, and {known} were written")
    if mark is not None and last_event(connection) < mark.seq:
        raise Damaged(path, "is older than it was: the last of what its runs did is not in it")
    mark_fits = mark is None or link_of(connection, mark.rows) == mark.chain
    mirror_fits = last is None or foreign or link_of(connection, last.n) == last.chain
    if not mark_fits and (last is None or foreign or not mirror_fits):
        raise Damaged(path, "has another ledger than it had")
    if not mirror_fits and mark is None:
        raise Damaged(path, "has another ledger than its copy")
    return _right_mirror(home, clock, wrong=foreign or not mirror_fits, alone=alone)


def _right_mirror(home: Path, clock: Clock, *, wrong: bool, alone: bool) -> tuple[str, ...]:
    """Set a mirror aside that cannot be this store's; it is then written anew from the ledger."""
    mirror = home / MIRROR_NAME
    if (os.path.lexists(mirror) and (mirror.is_symlink() or not mirror.is_file())) or (
        mirror.is_file() and mirror.stat().st_size and store_of_mirror(home) is None
    ):
        wrong = True
    if not wrong or not alone:
        return ()
    aside = set_aside(mirror, clock.now_utc(), companions=("",))
    sync_folder(home)
    return (f"{mirror}, the copy of the ledger, was damaged: it was set aside as {aside.name} and written anew.",)


@contextmanager
def _closed_on_failure(connection: apsw.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
