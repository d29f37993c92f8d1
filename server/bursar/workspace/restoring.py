"""Brings one file back to bytes that were kept, or removes it, if it still holds what it is expected to."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from bursar.domain.ports import Failpoint
from bursar.domain.safety.show import escape_argument
from bursar.domain.snapshots import FileState
from bursar.workspace.atomic import Changed, put_bytes, sha256_at
from bursar.workspace.opening import folder_beneath
from bursar.workspace.place import reason_of
from bursar.workspace.scanning import LARGEST_BYTES


def put_back(
    root: Path, path: str, data: bytes | None, *, expected: FileState, target: FileState, failpoint: Failpoint
) -> str | None:
    """Put the bytes at ``path`` (no links in it), or remove the file for None; a sentence where it was not done."""
    shown = escape_argument(path)

    def rewinding(_as_in_edits: str, /) -> None:
        failpoint("in_rewind")

    try:
        if data is None:
            _remove(root, path, expected.sha256, failpoint)
        else:
            if sha256_at(root, path, LARGEST_BYTES) != target.sha256:
                put_bytes(root, path, data, sha256_before=expected.sha256, failpoint=rewinding)
            _set_mode(root, path, target)
    except Changed:
        return f"{shown} has changed since it was looked at: it was left as it is"
    except OSError as error:
        return f"{shown} could not be brought back: {reason_of(error)}"
    return None


def _remove(root: Path, path: str, sha256: str | None, failpoint: Failpoint) -> None:
    parent, _, name = path.rpartition("/")
    if sha256 is None:
        return
    with folder_beneath(root, parent or ".") as folder:
        failpoint("in_rewind")
        if sha256_at(root, path, LARGEST_BYTES) != sha256:
            raise Changed
        os.unlink(name, dir_fd=folder)
        with suppress(OSError):
            os.fsync(folder)


def _set_mode(root: Path, path: str, target: FileState) -> None:
    if target.mode not in ("file", "executable"):
        return
    parent, _, name = path.rpartition("/")
    with folder_beneath(root, parent or ".") as folder:
        now = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        may_read = (now & 0o444) >> 2
        wanted = now | may_read if target.mode == "executable" else now & ~0o111
        if wanted != now:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fchmod(fd, wanted)
            finally:
                os.close(fd)
