"""Puts whole new bytes in the place of a file: who looks sees the old file or the new, also after a crash."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from bursar.domain.ports import Failpoint
from bursar.workspace.opening import folder_beneath, make_folders, open_new, read_plain

OUR_TEMP = re.compile(r"\.bursar-[0-9a-f]{16}\.tmp")


class Changed(Exception):
    """The file is not what it was when the change was planned."""


def put_bytes(root: Path, path: str, data: bytes, *, sha256_before: str | None, failpoint: Failpoint) -> None:
    """Replace the file ``path`` (no links in it) below ``root`` by ``data``, durably, if it still is as planned.

    ``sha256_before`` None: there must be no such file; folders above it are made. Raises Changed and OSError; then
    nothing was changed.
    """
    parent, _, name = path.rpartition("/")
    parent = parent or "."
    _refuse_changed(root, path, sha256_before)
    if sha256_before is None:
        make_folders(root, parent)
    with folder_beneath(root, parent) as folder:
        _remove_leftovers(folder)
        old = _stat_at(folder, name) if sha256_before is not None else None
        temp = f".bursar-{secrets.token_hex(8)}.tmp"
        fd = open_new(folder, temp, 0o666 if old is None else 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                _lock(fd)
                file.write(data)
                file.flush()
                failpoint("edit_written")
                if old is not None:
                    _take_over(fd, old)
                os.fsync(fd)
                failpoint("in_edit")
                _refuse_changed(root, path, sha256_before)
                os.rename(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
                failpoint("edit_renamed")
        except BaseException:
            with suppress(OSError):
                os.unlink(temp, dir_fd=folder)
            raise
        with suppress(OSError):
            os.fsync(folder)
        failpoint("edit_durable")


def sha256_at(root: Path, path: str, most_bytes: int) -> str | None:
    """The SHA-256 of a plain file's bytes, None where there is no such file. Raises OSError, also when it is longer."""
    try:
        data, _ = read_plain(root, path, most_bytes)
    except FileNotFoundError:
        return None
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, "it has become too large")
    return hashlib.sha256(data).hexdigest()


def _refuse_changed(root: Path, path: str, sha256_before: str | None) -> None:
    if sha256_at(root, path, 64 * 1024 * 1024) != sha256_before:
        raise Changed


def _stat_at(folder: int, name: str) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _take_over(fd: int, old: os.stat_result) -> None:
    """The new file belongs to whom the old one did, as far as we may, and is as open as it was."""
    new = os.fstat(fd)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, stat.S_IMODE(old.st_mode))


def _lock(fd: int) -> None:
    """Held while we live: who can take it knows that the writer died. Raises OSError where somebody else was faster."""
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_leftovers(folder: int) -> None:
    """Remove temporary files of writers that died half-way."""
    for name in os.listdir(folder):
        if not OUR_TEMP.fullmatch(name):
            continue
        with suppress(OSError):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            try:
                _lock(fd)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(fd)
