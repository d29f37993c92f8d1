"""Three backups of the store, each proved before it counts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from bursar.domain.errors import StorageError
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.storage.aside import file_stamp, moment
from bursar.storage.connect import connect
from bursar.storage.errors import Damaged
from bursar.storage.home import secure_file, secure_folder, sync_folder
from bursar.storage.verify import what_is_wrong

FOLDER = "backups"
KEEP = 3
_DAY_S = 72_000.0
"""A little less than a day, so that who starts at about the same time each day gets one each day."""
_HOUR_S = 3_600.0
_PAUSE_S = 0.1


class BackupsBusy(StorageError):
    """Another process makes a backup, or was stopped while it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was found whole when it was made."""

    path: Path
    at: str


def backups(home: Path) -> list[Backup]:
    """Those there are, newest first."""
    found = sorted((home / FOLDER).glob("bursar-*.db"), reverse=True)
    return [Backup(path=each, at=moment(each.stem.removeprefix("bursar-"))) for each in found]


def backup_due(home: Path, clock: Clock, *, unclean: bool) -> bool:
    """Whether the newest is a day old, or after an unclean end an hour."""
    have = backups(home)
    return not have or not 0 <= -clock.seconds_until(have[0].at) < (_HOUR_S if unclean else _DAY_S)


@contextmanager
def backups_locked(home: Path, *, looks: int = 1) -> Iterator[Path]:
    """Nobody else makes or removes backups within this block.

    Looks so often, a tenth of a second apart, whether somebody does: who does may have been stopped in the middle,
    and is not waited for without an end. Raises BackupsBusy then.
    """
    folder = home / FOLDER
    secure_folder(folder)
    handle = secure_file(folder / "lock", create=True)
    try:
        if not _locked(handle, looks):
            raise BackupsBusy(
                f"{folder}: another Bursar process is making a backup and does not come to an end; nothing was changed."
                " Look for one that hangs, end it, and try again."
            )
        yield folder
    finally:
        os.close(handle)


def make_backup(connection: apsw.Connection, folder: Path, clock: Clock, failpoint: Failpoint = nowhere) -> Path:
    """Make one from what the connection sees, prove it, and let it take its place among three.

    Call it within ``backups_locked``. While the newest two are less than a day apart the newest is replaced, so that
    many starts in one hour do not push the older ones out. Raises Damaged for a copy that is not whole, apsw.Error,
    OSError and StorageError; the others stay as they are then.
    """
    part = folder / "part"
    _remove(part)
    os.close(secure_file(part, create=True))
    try:
        connection.execute("VACUUM INTO ?", (str(part),))
        _prove(part)
        at = clock.now_utc()
        have = backups(folder.parent)
        target = folder / f"bursar-{file_stamp(at)}.db"
        failpoint("in_backup")
        part.replace(target)
        sync_folder(folder)
        _rotate([each for each in have if each.path != target], clock)
    finally:
        _remove(part)
    return target


def drop_backups(folder: Path, *, but: Path | None = None) -> None:
    """Remove backups, and what is left of one that was being made; within ``backups_locked``."""
    for each in folder.glob("*"):
        if each.name != "lock" and each != but:
            each.unlink(missing_ok=True)
    sync_folder(folder)


def _locked(handle: int, looks: int) -> bool:
    for n in range(looks):
        if n:
            time.sleep(_PAUSE_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _prove(path: Path) -> None:
    connection = connect(path)
    try:
        wrong = what_is_wrong(connection)
    finally:
        connection.close()
    if wrong is not None:
        raise Damaged(path, wrong)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rotate(older: list[Backup], clock: Clock) -> None:
    if len(older) > 1 and -clock.seconds_until(older[0].at) < _DAY_S:
        older.pop(0).path.unlink(missing_ok=True)
    for each in older[KEEP - 1 :]:
        each.path.unlink(missing_ok=True)


def _remove(part: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
