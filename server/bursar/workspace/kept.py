"""Bytes of the user's files that are kept for a run, by their hash: 0600, in a folder of the run's own."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from bursar.domain.errors import StorageError, StoreFull, StoreReadOnly

_HASH = re.compile(r"[0-9a-f]{64}")


class Kept:
    """What is kept for one run below ``home/kept``; it is removed with the run's texts."""

    def __init__(self, home: Path, run: str) -> None:
        self.folder = home / "kept" / re.sub(r"[^A-Za-z0-9._-]", "_", run)

    def make(self) -> Path:
        """The run's folder, made where it is missing. Raises StorageError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self.failed(error) from error
        return self.folder

    def put(self, data: bytes, *, durable: bool) -> str:
        """Keep the bytes once, and return their SHA-256. Raises StorageError; then they are not kept."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.make() / sha256
        if not path.exists():
            try:
                write_whole(path, data, durable=durable)
            except OSError as error:
                raise self.failed(error) from error
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """The bytes with this hash; None where they are not there, or are not those any more."""
        if not _HASH.fullmatch(sha256):
            return None
        try:
            data = (self.folder / sha256).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def failed(self, error: OSError) -> StorageError:
        """The failure as the sentence that the user is told."""
        what = f"{self.folder}: what your files hold could not be kept before a change, so nothing was changed"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreFull(f"{what}: the disk is full. Make room, then resume.")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return StoreReadOnly(f"{what}: it cannot be written. Make it writable, then resume.")
        return StorageError(f"{what} ({(error.strerror or 'it failed').lower()}). Resume tries again.")


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Put a file in its place whole or not at all, 0600. Raises OSError."""
    temp = path.with_name(f".{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(temp, flags, 0o600), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temp.replace(path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    if durable:
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
