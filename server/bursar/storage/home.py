"""The state folder and its files: the user's own, 0700 and 0600 whatever the umask."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from bursar.domain.errors import Refused, StoreDamaged
from bursar.storage.errors import translated

_OTHERS = 0o077
_WRITERS = 0o022
_WITH_TEXTS = ("inflight", "questions", "kept", "repository")


def secure_folder(folder: Path) -> None:
    """Make the folder if it is missing, and closed to everybody else.

    Raises Refused for a folder that is not this user's, is shared, or stays writable by others, and StorageError where
    it cannot be made.
    """
    with translated(folder):
        _make(folder)
        found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{folder} is not a folder: remove it, or set BURSAR_HOME to a folder of your own.")
    if found.st_uid != os.geteuid():
        raise Refused(
            f"{folder} belongs to another user (id {found.st_uid}): what is kept there would not be yours alone."
            " Set BURSAR_HOME to a folder of your own."
        )
    if found.st_mode & stat.S_ISVTX or folder.resolve() == Path(folder.anchor):
        raise Refused(f"{folder} is shared by everybody: set BURSAR_HOME to a folder of its own, for example below it.")
    if found.st_mode & _OTHERS:
        _close_to_others(folder)


def secure_inside(home: Path) -> None:
    """Close those folders of ours below the state folder that hold texts, where they were left open to others."""
    for name in _WITH_TEXTS:
        folder = home / name
        if folder.is_dir() and folder.stat().st_mode & _OTHERS:
            with translated(folder):
                _close_to_others(folder)


def secure_file(path: Path, *, create: bool) -> int:
    """Open a file of ours for reading and writing, 0600, never through a link; the caller closes it.

    Raises Refused for a file that is not this user's own, FileNotFoundError where it is missing and not to be made, and
    StorageError where it cannot be opened.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    if not create and not os.path.lexists(path):
        raise FileNotFoundError(path)
    if path.is_dir():
        raise _is_folder(path)
    with translated(path):
        handle = os.open(path, flags, 0o600)
        found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(handle)
        raise _not_ours(path)
    if found.st_mode & 0o7777 != 0o600:
        with translated(path):
            os.fchmod(handle, 0o600)
    return handle


def check_file(path: Path) -> int:
    """Make sure that an existing file is this user's own and 0600; its size.

    Never opens it: closing a file of SQLite's would free the locks that this process holds on it. Raises StoreDamaged
    for a folder, Refused for what is not a plain file of this user, and FileNotFoundError.
    """
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        raise _is_folder(path)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise _not_ours(path)
    if stat.S_IMODE(found.st_mode) != 0o600:
        with translated(path):
            path.chmod(0o600)
    return found.st_size


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_folder(path: Path) -> StoreDamaged:
    return StoreDamaged(f"{path} is a folder where a file of the store should be: move it away and start again.")


def _not_ours(path: Path) -> Refused:
    return Refused(f"{path} is not a plain file of yours: move it away, then start again.")


def _make(folder: Path) -> None:
    missing = []
    each = folder
    while not each.exists():
        missing.append(each)
        each = each.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _close_to_others(folder: Path) -> None:
    with contextlib.suppress(PermissionError):
        folder.chmod(0o700)
    if folder.stat().st_mode & _WRITERS:
        raise Refused(
            f"others may write to {folder} and that cannot be changed: run chmod 700 on it, or set BURSAR_HOME."
        )
