"""Where a path of a tool leads: its name is checked, its links are followed, and it stays below the root."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bursar.domain.ports import ToolRefused
from bursar.domain.safety.show import escape_argument

_NAME_BYTES = 255
_PATH_BYTES = 4_000
_DEVICE_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{each}{n}" for each in ("com", "lpt") for n in range(1, 10))}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place below the root. ``path`` has no link in it any more; ``named`` is how the tool called it."""

    named: str
    path: str
    absolute: str
    last_is_link: bool


def locate(root: Path, named: str) -> Place | ToolRefused:
    """The place that a tool's path leads to below ``root`` (a real path), whether or not there is something.

    What is opened there later must be opened without following links (see ``opening``): the world may have changed.
    """
    problem = name_problem(named)
    if problem is not None:
        return ToolRefused(message=problem)
    parts = [part for part in named.split("/") if part not in ("", ".")]
    full = root.joinpath(*parts)
    try:
        real = Path(os.path.realpath(full))
        is_link = bool(parts) and full.is_symlink()
    except (OSError, ValueError) as error:
        return ToolRefused(message=f"{escape_argument(named)} cannot be used: {reason_of(error)}.")
    if not real.is_relative_to(root):
        return ToolRefused(
            message=f"{escape_argument(named)} leads outside the workspace, through a link. Use a file below it."
        )
    path = PurePosixPath(*real.relative_to(root).parts).as_posix()
    return Place(named="/".join(parts) or ".", path=path, absolute=str(real), last_is_link=is_link)


def name_problem(named: str) -> str | None:
    """What is wrong with a path as it is written, as a sentence; None when it may be looked up."""
    shown = escape_argument(named if len(named) <= 200 else named[:200] + "…")
    relative = "Use a path relative to the workspace root, with forward slashes."
    if not named.strip():
        return f"The path is empty. {relative}"
    if any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in named):
        return f"{shown} has a control character in it. {relative}"
    if named.casefold().startswith("file:") or "://" in named:
        return f"{shown} is an address, not a path. {relative}"
    if named.startswith(("/", "~")) or (len(named) > 1 and named[1] == ":" and named[0].isalpha()):
        return f"{shown} is not relative. {relative}"
    if "\\" in named:
        return f"{shown} has a backslash in it. {relative}"
    if os.name == "nt" and ":" in named:
        return f"{shown} has a colon in it. {relative}"
    parts = named.split("/")
    if ".." in parts:
        return f"{shown} goes up with '..'. {relative}"
    if len(named.encode()) > _PATH_BYTES or any(len(part.encode()) > _NAME_BYTES for part in parts):
        return f"{shown} is too long: a name has up to {_NAME_BYTES} bytes. Use a shorter one."
    return None


def new_name_problem(path: str) -> str | None:
    """Why no file of this name is made: other systems could not have it; None when it may be made."""
    for part in path.split("/"):
        stem = part.partition(".")[0].strip().casefold()
        if part.endswith((".", " ")) or part.startswith(" ") or set(part) & set(':*?"<>|') or stem in _DEVICE_NAMES:
            return (
                f'{escape_argument(path)} is not a name that every system can have (no device name, no :*?"<>|,'
                " no space or dot at an end). Choose another name."
            )
    return None


def reason_of(error: OSError | ValueError) -> str:
    """The system's reason in a few words."""
    return (error.strerror or "it failed").lower() if isinstance(error, OSError) else "it is not a file name"
