"""What the files of a workspace hold, by hash; a file that was not written since it was last read is not read again."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bursar.domain.safety.paths import protected_for_read
from bursar.domain.snapshots import FileMode, FileState
from bursar.workspace.atomic import OUR_TEMP
from bursar.workspace.listing import SKIPPED_FOLDERS
from bursar.workspace.opening import folder_beneath, read_plain
from bursar.workspace.place import name_problem

LARGEST_BYTES = 16 * 1024 * 1024
"""A larger file is not kept: that it changed is seen, what it held is not known afterwards."""

MADE_BY_RUNNING = frozenset({".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", "venv"})
# A file written within one tick of the clock of file systems after it was read may keep its time.
_TICK_NS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One path: what it holds, the id that git would give it, and when it was last touched."""

    state: FileState
    blob: str | None
    size: int
    touched_ns: int


class Scanner:
    """Looks at paths below one root. ``blob_hash`` is git's hash for this repository, None outside of one."""

    def __init__(self, root: Path, blob_hash: str | None) -> None:
        self._root = root
        self._blob_hash = blob_hash
        self._known: dict[str, tuple[tuple[int, ...], Seen]] = {}

    def look(self, paths: Iterable[str], *, now_ns: int) -> dict[str, Seen]:
        """What these paths hold; one that is not there is left out. ``now_ns`` is the file system's own time."""
        found = {path: self.look_at(path, now_ns=now_ns) for path in paths}
        return {path: seen for path, seen in found.items() if seen is not None}

    def look_at(self, path: str, *, now_ns: int) -> Seen | None:
        """What a path holds, None where there is no file and no link. What cannot be read has no hash to compare."""
        try:
            at = os.lstat(self._root / path)
        except OSError:
            return None
        if stat.S_ISDIR(at.st_mode):
            return None
        signature = (at.st_ino, at.st_mode, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_nlink)
        touched_ns = max(at.st_mtime_ns, at.st_ctime_ns)
        known = self._known.get(path)
        if known is not None and known[0] == signature:
            return known[1]
        seen = self._read(path, at, touched_ns)
        if touched_ns + _TICK_NS < now_ns:
            self._known[path] = (signature, seen)
        else:
            self._known.pop(path, None)
        return seen

    def data(self, path: str) -> bytes:
        """The bytes of a plain file, or the words of a link. Raises OSError."""
        if stat.S_ISLNK(os.lstat(self._root / path).st_mode):
            parent, _, name = path.rpartition("/")
            with folder_beneath(self._root, parent or ".") as folder:
                return os.fsencode(os.readlink(name, dir_fd=folder))
        return read_plain(self._root, path, LARGEST_BYTES)[0]

    def _read(self, path: str, at: os.stat_result, touched_ns: int) -> Seen:
        if at.st_size > LARGEST_BYTES:
            return _unkept("large", at, touched_ns)
        try:
            data = self.data(path)
        except OSError:
            return _unkept("odd", at, touched_ns)
        if len(data) > LARGEST_BYTES:
            return _unkept("large", at, touched_ns)
        blob = None
        if self._blob_hash is not None:
            head = b"blob %d\0" % len(data)
            blob = hashlib.new(self._blob_hash, head + data, usedforsecurity=False).hexdigest()
        state = FileState(sha256=hashlib.sha256(data).hexdigest(), mode=mode_of(at.st_mode))
        return Seen(state=state, blob=blob, size=len(data), touched_ns=touched_ns)


def mode_of(mode: int) -> FileMode:
    """The kind of a plain file or link."""
    if stat.S_ISLNK(mode):
        return "link"
    return "executable" if mode & stat.S_IXUSR else "file"


def is_covered(path: str) -> bool:
    """Whether a snapshot looks at this path: a name that tools can use, and not what may hold keys."""
    return name_problem(path) is None and protected_for_read(path) is None


def walk(root: Path, most_files: int, covers: Callable[[str], bool] = is_covered) -> list[str] | None:
    """Every file and link below a root that ``covers`` holds for, without the folders that are made from others.

    They are sorted; None where there are too many of them.
    """
    found: list[str] = []
    for path in _walk(root, "", covers):
        found.append(path)
        if len(found) > most_files:
            return None
    return sorted(found)


def _walk(root: Path, folder: str, covers: Callable[[str], bool]) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            listed = sorted(entries, key=lambda each: each.name)
    except OSError:
        return
    for entry in listed:
        path = f"{folder}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_FOLDERS and entry.name not in MADE_BY_RUNNING:
                yield from _walk(root, f"{path}/", covers)
        elif not OUR_TEMP.fullmatch(entry.name) and covers(path):
            yield path


def _unkept(why: str, at: os.stat_result, touched_ns: int) -> Seen:
    state = FileState(sha256=f"{why}:{at.st_size}:{at.st_mtime_ns}:{at.st_ino}", mode=mode_of(at.st_mode))
    return Seen(state=state, blob=None, size=at.st_size, touched_ns=touched_ns)
