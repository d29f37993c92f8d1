"""The files of text below a root that an agent may read without being asked, within bounds."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from bursar.domain.context.repository import LARGEST_BYTES, MOST_FILES
from bursar.domain.ports.repository import SourceFile
from bursar.domain.safety.secrets import mask_secrets
from bursar.workspace.atomic import OUR_TEMP
from bursar.workspace.listing import SKIPPED_FOLDERS, is_protected
from bursar.workspace.opening import read_plain
from bursar.workspace.place import name_problem
from bursar.workspace.scanning import MADE_BY_RUNNING

_DEEPEST = 40
# A file written within this time of the look may be written again without another time.
_UNSETTLED_NS = 2_000_000_000
_DATA = """
.png .jpg .jpeg .gif .webp .ico .bmp .tiff .svgz .pdf .zip .gz .bz2 .xz .zst .tar .tgz .7z .rar .jar .war .whl
.so .dylib .dll .exe .o .a .lib .pyc .pyo .class .wasm .woff .woff2 .ttf .otf .eot .mp3 .mp4 .avi .mov .webm
.ogg .wav .flac .sqlite .sqlite3 .db .parquet .npy .npz .pt .onnx .bin .dat .map .lock
"""
_NO_TEXT = frozenset(_DATA.split())
_NO_TEXT_NAMES = frozenset({"package-lock.json", "pnpm-lock.yaml", "npm-shrinkwrap.json"})


class LocalSources:
    """`Sources` on this machine. Links are not followed, and nothing of ``off_limits`` is listed.

    Of a larger workspace the files that lie nearest to the root count.
    """

    def __init__(self, root: Path, *, off_limits: Path | None = None, most_files: int = MOST_FILES) -> None:
        self._root = Path(os.path.realpath(root))
        self._off_limits = None if off_limits is None else os.path.realpath(off_limits)
        self._most_files = most_files

    def list(self) -> tuple[Sequence[SourceFile], bool]:
        """Them by path, and whether there are more than were listed. Blocks."""
        now_ns = time.time_ns()
        found: list[SourceFile] = []
        for path, at in self._walk():
            if len(found) == self._most_files:
                return sorted(found, key=lambda each: each.path), True
            changed_ns = max(at.st_mtime_ns, at.st_ctime_ns)
            found.append(
                SourceFile(
                    path=path,
                    stamp=f"{at.st_ino}:{at.st_size}:{at.st_mtime_ns}:{at.st_ctime_ns}",
                    changed_ns=at.st_mtime_ns,
                    settled=changed_ns + _UNSETTLED_NS < now_ns,
                )
            )
        return sorted(found, key=lambda each: each.path), False

    def text(self, path: str) -> str | None:
        """A file's text, secrets masked; None for what is no text, too large, or not to be read. Blocks."""
        if name_problem(path) is not None or is_protected(path, False):
            return None
        try:
            data, _ = read_plain(self._root, path, LARGEST_BYTES)
        except OSError:
            return None
        if len(data) > LARGEST_BYTES or b"\0" in data:
            return None
        try:
            return mask_secrets(data.decode("utf-8-sig"))[0]
        except UnicodeDecodeError:
            return None

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        folders = [""]
        depth = 0
        while folders and depth < _DEEPEST:
            below: list[str] = []
            for folder in folders:
                for entry, at in self._entries(folder):
                    path = f"{folder}{entry.name}"
                    if stat.S_ISDIR(at.st_mode):
                        below.append(f"{path}/")
                    else:
                        yield path, at
            folders, depth = below, depth + 1

    def _entries(self, folder: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
        try:
            with os.scandir(self._root / folder) as entries:
                listed = sorted(entries, key=lambda each: each.name)
        except OSError:
            return
        for entry in listed:
            try:
                at = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if self._is_wanted(f"{folder}{entry.name}", entry.name, at):
                yield entry, at

    def _is_wanted(self, path: str, name: str, at: os.stat_result) -> bool:
        if name_problem(path) is not None or os.fspath(self._root / path) == self._off_limits:
            return False
        if stat.S_ISDIR(at.st_mode):
            return name not in SKIPPED_FOLDERS and name not in MADE_BY_RUNNING and not is_protected(path, True)
        if not stat.S_ISREG(at.st_mode) or at.st_nlink != 1 or not 0 < at.st_size <= LARGEST_BYTES:
            return False
        ending = PurePosixPath(name).suffix.lower()
        if ending in _NO_TEXT or name in _NO_TEXT_NAMES or OUR_TEMP.fullmatch(name):
            return False
        return not is_protected(path, False)
