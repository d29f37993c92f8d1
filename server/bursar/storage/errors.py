"""The one place where failures of SQLite and of the file system become ours."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from bursar.domain.errors import StorageError, StoreDamaged, StoreFull, StoreReadOnly

_ADVICE = (
    "it was left as it is. End Bursar everywhere (every editor window, every command) and start it again: the file is"
    " then set aside, and the store goes on from its newest backup and its copy of the ledger."
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
_TOO_MUCH_MONEY = ("integer overflow", "cannot store REAL value")


class Damaged(StoreDamaged):
    """The database file itself is damaged; ``what`` is what is wrong with it, in words that follow its name."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}; {_ADVICE}")
        self.what = what


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Within this block every failure of SQLite or of the file system is raised as a StorageError about ``path``."""
    try:
        yield
    except (apsw.Error, OSError, OverflowError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise as_storage_error(error, path) from error


def as_storage_error(error: BaseException, path: Path) -> StorageError:
    """What this failure is for the user: which file, what happened, what to do."""
    if isinstance(error, OSError):
        return _from_system(error, path)
    if isinstance(error, OverflowError) or any(each in str(error) for each in _TOO_MUCH_MONEY):
        return StorageError(
            f"{path}: an amount or a sum of money is above 9.2 million USD, the most that the store can count;"
            " nothing was written. Look at the prices in use."
        )
    match error:
        case UnicodeDecodeError() | json.JSONDecodeError():
            return Damaged(path, "has a text that cannot be read")
        case apsw.FullError():
            return _full(path)
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return _read_only(path)
        case apsw.CantOpenError():
            return StoreReadOnly(
                f"{path} cannot be opened ({error}): check that it is a file that this user may read and write,"
                " or set BURSAR_HOME to another folder."
            )
        case apsw.NotADBError() | apsw.CorruptError() | apsw.FormatError():
            return Damaged(path, f"is damaged ({error})")
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
            return busy(path)
        case apsw.IOError():
            return StorageError(
                f"{path} could not be read or written ({error}); nothing of this step was kept."
                " Check the disk and its free space, then try again."
            )
        case _:
            return StorageError(f"{path}: the store failed ({type(error).__name__}: {error}); nothing was written.")


def busy(path: Path) -> StorageError:
    """Another process has kept the store for itself too long."""
    return StorageError(
        f"{path} is in use: another Bursar process has been writing for more than 30 s; nothing was written."
        " Look for one that hangs, end it, and try again."
    )


def _from_system(error: OSError, path: Path) -> StorageError:
    if error.errno in _FULL:
        return _full(path)
    if error.errno in _NO_PERMISSION:
        return _read_only(path)
    return StorageError(f"{path}: {error.strerror or error}; nothing was written. Check the folder and try again.")


def _full(path: Path) -> StoreFull:
    return StoreFull(
        f"{path}: no space is left for the store; nothing of this step was written."
        " Free some space on that disk, then try again."
    )


def _read_only(path: Path) -> StoreReadOnly:
    return StoreReadOnly(
        f"{path} cannot be written by this user: give yourself the right to write it,"
        " or set BURSAR_HOME to a folder of your own."
    )
