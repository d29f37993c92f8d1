"""The texts of the files below a root that agents read: looked for within bounds, read again only when written."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from bursar.domain.instructions.looked_at import is_looked_at, is_looked_at_when_included
from bursar.domain.ports import ToolRefused
from bursar.workspace.listing import SKIPPED_FOLDERS
from bursar.workspace.opening import read_plain
from bursar.workspace.place import locate, name_problem
from bursar.workspace.scanning import MADE_BY_RUNNING

MOST_FILES = 300
LARGEST_BYTES = 512 * 1024
MOST_ENTRIES = 30_000
_DEEPEST = 12

_Folder = tuple[int, int]
_Signature = tuple[int, int, int, int]


class LocalInstructionTexts:
    """`InstructionTexts` on this machine; kept for a root, so that a second look costs a stat of each folder and file.

    Links are not followed, and what may hold keys is not read: of agents' own folders only what gives them orders. Of a
    larger workspace the first folders by breadth count: what agents read lies near the root.
    """

    def __init__(self, root: Path, *, most_entries: int = MOST_ENTRIES) -> None:
        self._root = Path(os.path.realpath(root))
        self._most_entries = most_entries
        self._one_at_a_time = threading.Lock()
        self._folders: dict[str, tuple[_Folder, tuple[str, ...], tuple[str, ...]]] = {}
        self._texts: dict[str, tuple[_Signature, str | None]] = {}

    def paths(self, wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The paths of files for which ``wanted`` holds, sorted, at most ``MOST_FILES``."""
        found = []
        with self._one_at_a_time:
            for path in self._walk():
                if wanted(path) and name_problem(path) is None and is_looked_at(path):
                    found.append(path)
                    if len(found) == MOST_FILES:
                        break
        return tuple(sorted(found))

    def text(self, path: str) -> str | None:
        """The text of a file, without a byte order mark; None for what is none, is protected, or is too large."""
        return self._text(path, is_looked_at)

    def included(self, path: str) -> str | None:
        """The same of a file that another one takes in: of agents' own folders prose under any name, too."""
        return self._text(path, is_looked_at_when_included)

    def _text(self, path: str, may_be_read: Callable[[str], bool]) -> str | None:
        place = locate(self._root, path)
        if isinstance(place, ToolRefused) or not may_be_read(place.path):
            return None
        try:
            at = os.lstat(self._root / place.path)
        except OSError:
            self._texts.pop(place.path, None)
            return None
        signature = (at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
        known = self._texts.get(place.path)
        if known is not None and known[0] == signature:
            return known[1]
        text = self._read(place.path, at)
        with self._one_at_a_time:
            if len(self._texts) >= 4 * MOST_FILES:
                self._texts.clear()
            self._texts[place.path] = (signature, text)
        return text

    def exists(self, path: str) -> bool:
        """Whether there is something at a path; also said of one that may not be looked at, which is not nothing."""
        place = locate(self._root, path)
        return isinstance(place, ToolRefused) or os.path.lexists(place.absolute)

    def _read(self, path: str, at: os.stat_result) -> str | None:
        if not stat.S_ISREG(at.st_mode) or at.st_size > LARGEST_BYTES:
            return None
        try:
            data, _ = read_plain(self._root, path, LARGEST_BYTES)
            text = data.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        return None if "\0" in text or len(data) > LARGEST_BYTES else text.removeprefix("\ufeff")

    def _walk(self) -> Iterator[str]:
        """Every file, the ones near the root first; a folder that was not changed is not listed again."""
        left = self._most_entries
        level, seen = [""], set()
        for _ in range(_DEEPEST):
            below: list[str] = []
            for folder in level:
                seen.add(folder)
                folders, files = self._listed(folder)
                left -= len(folders) + len(files)
                if left < 0:
                    return
                yield from files
                below += folders
            level = below
        for gone in self._folders.keys() - seen:
            del self._folders[gone]

    def _listed(self, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        try:
            at = os.lstat(self._root / folder)
            state = (at.st_ino, at.st_mtime_ns)
            known = self._folders.get(folder)
            if known is not None and known[0] == state:
                return known[1], known[2]
            with os.scandir(self._root / folder) as entries:
                listed = sorted(entries, key=lambda each: each.name)
        except OSError:
            return (), ()
        folders, files = [], []
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED_FOLDERS and entry.name not in MADE_BY_RUNNING:
                    folders.append(f"{folder}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                files.append(f"{folder}{entry.name}")
        self._folders[folder] = (state, tuple(folders), tuple(files))
        return tuple(folders), tuple(files)
