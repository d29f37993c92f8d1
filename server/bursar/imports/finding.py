"""Finds log files below given folders, and opens them: plain files only, and never one outside."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from bursar.domain.money.imported import SkippedLine

_DEEPEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A log file with its size when it was found."""

    path: Path
    place: Path
    size: int
    mtime_ns: int


def find(
    places: Sequence[Path], is_log: Callable[[PurePath], bool], skip: Callable[[SkippedLine], None]
) -> tuple[Found, ...]:
    """The logs below these folders, the oldest first; a folder that is not there has none, and a file is itself one.

    A place may itself be reached by a link. Below it no link is followed, so that nothing else is read.
    """
    found: dict[str, Found] = {}
    for place in places:
        real = Path(os.path.realpath(place))
        # A log that is named itself may have any name.
        named = _named(real)
        if named is not None:
            found[str(real)] = named
            continue
        for each in _below(real, real, is_log, skip, 0):
            found.setdefault(str(each.path), each)
    return tuple(sorted(found.values(), key=lambda each: (each.mtime_ns, str(each.path))))


def open_log(found: Found) -> BinaryIO:
    """The file, if it is still a plain file in its place; raises OSError."""
    handle = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(None, "it is not a plain file any more", str(found.path))
        if not Path(os.path.realpath(found.path)).is_relative_to(found.place):
            raise OSError(None, "it now lies outside of the folder that is read", str(found.path))
        return os.fdopen(handle, "rb", buffering=0)
    except BaseException:
        os.close(handle)
        raise


def _named(path: Path) -> Found | None:
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(path=path, place=path.parent, size=status.st_size, mtime_ns=status.st_mtime_ns)


def _below(
    folder: Path, place: Path, is_log: Callable[[PurePath], bool], skip: Callable[[SkippedLine], None], depth: int
) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda each: each.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        skip(SkippedLine(file=str(folder), line=0, why=f"the folder cannot be read ({error.strerror})"))
        return
    for entry in listed:
        path = folder / entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST:
                    yield from _below(path, place, is_log, skip, depth + 1)
            elif is_log(path):
                if entry.is_symlink():
                    skip(SkippedLine(file=str(path), line=0, why="it is a link, and links are not followed"))
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    yield Found(path=path, place=place, size=status.st_size, mtime_ns=status.st_mtime_ns)
        except OSError as error:
            skip(SkippedLine(file=str(path), line=0, why=f"it cannot be read ({error.strerror})"))
