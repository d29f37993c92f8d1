"""What is in a folder, as a tool shows it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bursar.domain.safety.paths import protected_for_read
from bursar.domain.safety.show import escape_for_question
from bursar.workspace.atomic import OUR_TEMP
from bursar.workspace.opening import folder_beneath

SKIPPED_FOLDERS = frozenset({".git", "node_modules", ".venv", "__pycache__"})
_MOST_ENTRIES = 2_000


def list_folder(root: Path, path: str, allowed: frozenset[str]) -> str:
    """The entries of a folder (no links in its path), sorted, a line each. Raises OSError."""
    lines: list[str] = []
    left_out = 0
    more = 0
    with folder_beneath(root, path) as folder:
        for name, found in sorted(_entries(folder)):
            if OUR_TEMP.fullmatch(name):
                continue
            is_folder = stat.S_ISDIR(found.st_mode)
            if is_folder and name in SKIPPED_FOLDERS:
                left_out += 1
            elif len(lines) == _MOST_ENTRIES:
                more += 1
            else:
                entry = name if path == "." else f"{path}/{name}"
                lines.append(_line(name, found, is_protected(entry, is_folder) and entry not in allowed))
    if more:
        lines.append(f"({more:,} more entries are not shown)")
    if left_out:
        lines.append(f"({left_out} left out: {', '.join(sorted(SKIPPED_FOLDERS))})")
    return "\n".join(lines) if lines else "(empty)"


def is_protected(path: str, is_folder: bool) -> bool:
    """Whether reading a file, or anything in a folder, needs a yes."""
    return protected_for_read(f"{path}/any" if is_folder else path) is not None


def _entries(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.name, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue


def _line(name: str, found: os.stat_result, protected: bool) -> str:
    shown = escape_for_question(name)
    mode = found.st_mode
    if stat.S_ISDIR(mode):
        return f"{shown}/ (protected)" if protected else f"{shown}/"
    if protected:
        return f"{shown} (protected)"
    if stat.S_ISLNK(mode):
        return f"{shown}\t(link)"
    if not stat.S_ISREG(mode):
        return f"{shown}\t(no file)"
    return f"{shown}\t{found.st_size:,} bytes"
