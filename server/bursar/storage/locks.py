"""File locks: the gate before a write, who has the store open, and the proof that a run's owner lives."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
from pathlib import Path
from types import TracebackType

from bursar.storage.errors import translated
from bursar.storage.home import secure_file, secure_folder


class Gate:
    """One writer at a time over all processes: the kernel's queue is fairer than SQLite's polling."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = secure_file(path, create=True)

    def __enter__(self) -> None:
        with translated(self._path):
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with translated(self._path):
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back; harmless the second time."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Presence:
    """Shows that a process has the store open; freed by the kernel when it dies.

    ``alone`` is whether nobody else had it open when this was made: only then may files be set aside, and others who
    come meanwhile wait until ``share`` is called.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = secure_file(path, create=True)
        self.alone = self._only_one()
        if not self.alone:
            with translated(path):
                fcntl.flock(self._handle, fcntl.LOCK_SH)

    def share(self) -> None:
        """Let others in."""
        with translated(self._path):
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def last(self) -> bool:
        """Whether nobody else has the store open now; others wait then until this is closed."""
        return self._handle >= 0 and self._only_one()

    def close(self) -> None:
        """No longer there; harmless the second time."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _only_one(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class RunLocks:
    """The locks of runs: held for as long as a process drives one, freed by the kernel when it dies."""

    def __init__(self, folder: Path) -> None:
        secure_folder(folder)
        self._folder = folder
        self._held: dict[str, int] = {}
        self._guard = threading.Lock()

    def take(self, run: str, owner: str) -> str | None:
        """None when the lock is now ours; else who has it, in words."""
        with self._guard:
            if run in self._held:
                return owner
            handle = secure_file(self._path(run), create=True)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
                os.close(handle)
                return text or "another process"
            self._held[run] = handle
        with translated(self._path(run)):
            os.ftruncate(handle, 0)
            os.pwrite(handle, owner.encode(), 0)
        return None

    def drop(self, run: str, *, forget: bool = False) -> None:
        """Free the lock; harmless when it is not ours. ``forget`` removes its file: no such run came to be."""
        with self._guard:
            handle = self._held.pop(run, None)
            if handle is not None:
                if forget:
                    self._path(run).unlink(missing_ok=True)
                os.close(handle)

    def mine(self, run: str) -> bool:
        """Whether this journal holds the lock."""
        return run in self._held

    def alive(self, run: str) -> bool:
        """Whether a living process, this one included, holds the lock.

        Looks by a shared lock, so that several who look at once do not take each other for an owner.
        """
        with self._guard:
            if run in self._held:
                return True
            try:
                handle = secure_file(self._path(run), create=False)
            except FileNotFoundError:
                return False
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(handle)
            return False

    def close(self) -> None:
        """Free every lock of ours."""
        for run in list(self._held):
            self.drop(run)

    def _path(self, run: str) -> Path:
        return self._folder / lock_name(run)


def lock_name(run: str) -> str:
    """The name of the file that is a run's lock."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", run)[:80]
    if plain != run:
        plain = f"{plain}.{hashlib.sha256(run.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    return f"{plain}.lock"
