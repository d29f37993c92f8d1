"""Opens files below a root without following any link, so that a path swapped after it was checked leads nowhere.

It works with folder descriptors, as POSIX systems have them.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_NOT_THERE = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG)

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC


class NotPlain(OSError):
    """What is there is no plain file; ``strerror`` says what it is."""


@contextmanager
def folder_beneath(root: Path, path: str) -> Iterator[int]:
    """A descriptor of the folder ``path`` (no links in it) below ``root``. Raises OSError."""
    root_fd = os.open(root, _FOLDER)
    fd = root_fd
    try:
        if path != ".":
            fd = _open_beneath(root_fd, path, _FOLDER)
        yield fd
    finally:
        os.close(root_fd)
        if fd != root_fd:
            os.close(fd)


def open_plain(root: Path, path: str) -> int:
    """A descriptor for reading a plain file that has one name only. Raises NotPlain, and OSError where it cannot be."""
    parent, _, name = path.rpartition("/")
    with folder_beneath(root, parent or ".") as folder:
        # Looked at before it is opened: opening a device may do something.
        _refuse_odd(os.stat(name, dir_fd=folder, follow_symlinks=False))
        fd = os.open(name, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    try:
        _refuse_odd(os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def read_plain(root: Path, path: str, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a plain file, at most ``most_bytes`` + 1 of them, and what is known of it. Raises OSError."""
    fd = open_plain(root, path)
    with os.fdopen(fd, "rb") as file:
        return file.read(most_bytes + 1), os.fstat(fd)


def open_new(folder: int, name: str, mode: int) -> int:
    """A descriptor for writing a file that was not there before. Raises OSError."""
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, mode, dir_fd=folder)


def make_folders(root: Path, path: str) -> None:
    """Make the folder ``path`` and those above it below ``root``, each without following a link. Raises OSError."""
    fd = os.open(root, _FOLDER)
    try:
        for part in path.split("/") if path != "." else []:
            try:
                os.mkdir(part, dir_fd=fd)
            except FileExistsError:
                pass
            else:
                os.fsync(fd)
            inner = os.open(part, _FOLDER | _NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
    finally:
        os.close(fd)


def _refuse_odd(found: os.stat_result) -> None:
    mode = found.st_mode
    if stat.S_ISDIR(mode):
        raise NotPlain(errno.EISDIR, "it is a folder")
    if stat.S_ISLNK(mode):
        raise NotPlain(errno.ELOOP, "it is a link")
    if not stat.S_ISREG(mode):
        raise NotPlain(errno.EINVAL, "it is a pipe, a socket or a device, not a file")
    if found.st_nlink > 1:
        raise NotPlain(errno.EMLINK, "the same file has another name elsewhere (a hard link)")


def _open_beneath(root_fd: int, path: str, flags: int) -> int:
    if sys.platform == "linux":
        fd = _openat2(root_fd, path, flags)
        if fd is not None:
            return fd
    return _walk(root_fd, path, flags)


def _openat2(root_fd: int, path: str, flags: int) -> int | None:
    """As ``openat2`` does, following nothing; None where the kernel, or a filter before it, does not have it."""
    how = struct.pack("QQQ", flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS | _RESOLVE_NO_SYMLINKS)
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    number: int = libc.syscall(_SYS_OPENAT2, root_fd, os.fsencode(path), how, len(how))
    if number >= 0:
        return number
    error = ctypes.get_errno()
    if error in _NOT_THERE:
        return None
    raise OSError(error, os.strerror(error), path)


def _walk(root_fd: int, path: str, flags: int) -> int:
    """The same, one name at a time."""
    fd = os.dup(root_fd)
    try:
        for part in path.split("/"):
            inner = os.open(part, flags | _NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
    except OSError:
        os.close(fd)
        raise
    return fd
