"""Keeps the bytes of an answer on disk as they arrive: what a killed process had read is not lost with it.

One file per attempt below ``inflight/``: a first line with the provider's request id as JSON, then the raw bytes of
the answer. Written without fsync: it guards against the end of a process, not of the machine; after a power loss the
attempt is booked as "at most", as if nothing had arrived.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path


class FileSpool:
    """The spool below one state folder; keeps one answer at a time for each run that this process drives.

    Where the disk refuses, an answer is not kept any further and goes on all the same: it is worth more than its copy,
    and what is kept of it already reads as an answer that was cut. The settlement after it will say that the disk is
    full.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "inflight"
        self._handle: int | None = None

    def start(self, *, run: str, key: str, attempt: int, request_id: str) -> None:
        """Begin to keep an answer."""
        self.stop()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            self._handle = os.open(self._path(run, key, attempt), flags, 0o600)
        except OSError:
            return
        self.keep(json.dumps({"request_id": request_id}).encode() + b"\n")

    def go_on(self, *, run: str, key: str, attempt: int) -> None:
        """Keep more of an answer that was begun, behind what is kept of it."""
        self.stop()
        with contextlib.suppress(OSError):
            self._handle = os.open(
                self._path(run, key, attempt), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            )

    def keep(self, data: bytes) -> None:
        """Keep some more bytes; they survive the end of this process as soon as this returns."""
        if self._handle is None:
            return
        try:
            written = os.write(self._handle, data)
        except OSError:
            written = -1
        if written != len(data):
            self.stop()

    def read(self, *, run: str, key: str, attempt: int) -> tuple[str, bytes] | None:
        """The provider's request id and the bytes that were kept; None when no answer had begun."""
        try:
            head, _, data = self._path(run, key, attempt).read_bytes().partition(b"\n")
            return str(json.loads(head)["request_id"]), data
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def drop(self, *, run: str, key: str, attempt: int) -> None:
        """Forget an answer: it was settled."""
        self.stop()
        self._path(run, key, attempt).unlink(missing_ok=True)

    def stop(self) -> None:
        """End keeping; what was kept stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _path(self, run: str, key: str, attempt: int) -> Path:
        return self._folder / re.sub(r"[^A-Za-z0-9._-]", "_", f"{run}.{key}.{attempt}")
