"""Puts damaged files aside under a name of their own, together; none is ever deleted here."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from bursar.storage.home import sync_folder

_COMPANIONS = ("", "-wal", "-shm")
_ASIDE = ".damaged-"


def set_aside(path: Path, at: str, companions: Sequence[str] = _COMPANIONS) -> Path:
    """Rename a file and its companions to ``NAME.damaged-TIME``; the new path, whether or not the file was there."""
    target = path.with_name(f"{path.name}{_ASIDE}{file_stamp(at)}")
    number = 1
    while any(os.path.lexists(f"{target}{each}") for each in _COMPANIONS):
        number += 1
        target = path.with_name(f"{path.name}{_ASIDE}{file_stamp(at)}-{number}")
    for each in companions:
        found = path.with_name(path.name + each)
        if os.path.lexists(found):
            found.rename(target.with_name(target.name + each))
    sync_folder(path.parent)
    return target


def asides(path: Path) -> list[Path]:
    """What was set aside of a file before, newest first, without the companions."""
    found = [each for each in path.parent.glob(f"{path.name}{_ASIDE}*") if not each.name.endswith(("-wal", "-shm"))]
    return sorted(found, key=_order, reverse=True)


def all_asides(home: Path) -> list[Path]:
    """Everything in the state folder that was set aside."""
    return sorted(home.glob(f"*{_ASIDE}*"))


def file_stamp(at: str) -> str:
    """A moment as part of a file's name: 20261121T080000Z."""
    return f"{re.sub('[^0-9T]', '', at.partition('.')[0])}Z"


def moment(stamp: str) -> str:
    """The moment of a file's name, in RFC 3339."""
    day, _, time = stamp.rstrip("Z").partition("T")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"


def _order(path: Path) -> tuple[str, int]:
    stamp, _, number = path.name.partition(_ASIDE)[2].partition("-")
    return stamp, int(number) if number.isdigit() else 1
