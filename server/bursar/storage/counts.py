"""Token counts from earlier, so that a window shows figures before the token tables are loaded: one small file.

It holds digests and numbers and no text. What cannot be read, is damaged or was made under other tables is nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from bursar.storage.errors import translated

KEPT = 16_384
_NAME = "counts"
_ERASED = "counts.erased"
"""Holds another number after each erasure and nothing else: a process that goes on must not bring back what it knew."""
_DIGEST_BYTES = 16
_NUMBER_BYTES = 4
_RECORD_BYTES = _DIGEST_BYTES + _NUMBER_BYTES


class CountFile:
    """The file in the state folder; ``made_by`` names the tables that its numbers were counted with."""

    def __init__(self, home: Path, *, made_by: str) -> None:
        self._path = home / _NAME
        self._head = f"bursar counts 1 {made_by}\n".encode()
        self._erasure = _erasure(home)

    def read(self) -> dict[bytes, int]:
        """The counts by digest, the newest last."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return {}
        body, seal = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
        records = body[len(self._head) :]
        if not body.startswith(self._head) or seal != _seal(body) or len(records) % _RECORD_BYTES:
            return {}
        return {
            records[at : at + _DIGEST_BYTES]: int.from_bytes(records[at + _DIGEST_BYTES : at + _RECORD_BYTES], "little")
            for at in range(0, len(records), _RECORD_BYTES)
        }

    def keep(self, counts: Mapping[bytes, int]) -> None:
        """Keep the newest of these, over what was kept before; ask ``was_erased`` first. Raises StorageError."""
        newest = islice(counts.items(), max(0, len(counts) - KEPT), None)
        body = self._head + b"".join(
            digest + number.to_bytes(_NUMBER_BYTES, "little")
            for digest, number in newest
            if len(digest) == _DIGEST_BYTES
        )
        beside = self._path.with_name(f".{_NAME}.{secrets.token_hex(4)}")
        with translated(self._path):
            self._remove_left_over()
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    file.write(body + _seal(body))
                beside.replace(self._path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
            # Erased since it was last asked: these may be older.
            if _erasure(self._path.parent) != self._erasure:
                self._path.unlink(missing_ok=True)

    def was_erased(self) -> bool:
        """Whether they were dropped since this was made, or last asked."""
        before, self._erasure = self._erasure, _erasure(self._path.parent)
        return before != self._erasure

    def _remove_left_over(self) -> None:
        """Remove what a process that was killed in the middle left; what another one is writing is locked."""
        for each in self._path.parent.glob(f".{_NAME}.*"):
            with contextlib.suppress(OSError):
                handle = os.open(each, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    each.unlink()
                finally:
                    os.close(handle)


def drop_counts(home: Path) -> None:
    """Forget them: a digest tells whoever has a text that it was here."""
    # In this order: who keeps counts looks at the number once more behind its own writing. A disk without room for it
    # still has the counts removed.
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(home / _ERASED, flags, 0o600), "wb") as file:
            file.write(secrets.token_bytes(16))
    (home / _NAME).unlink(missing_ok=True)


def _erasure(home: Path) -> bytes | None:
    try:
        return (home / _ERASED).read_bytes()
    except OSError:
        return None


def _seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES).digest()
