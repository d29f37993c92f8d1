"""What the files of a workspace are now, as one word: a yes to a command that runs them ends when it is another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

# Written by what is run itself, and made anew from the files beside them.
_MADE_BY_RUNNING = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".coverage", ".nyc_output"}
)
# Of a repository only what decides which programs version control runs.
_OF_GIT = frozenset({"config", "config.worktree", "hooks", "info"})
_MOST_FILES = 200_000


def state_of_files(root: Path) -> str | None:
    """A word that is another one after any file below ``root`` was written, made or removed, by whomever.

    None where that cannot be told (too many files, a folder that cannot be read): a yes cannot last then. Looks at
    times and sizes, reads nothing and follows no link; blocks for as long as it takes to look at every file.
    """
    digest = hashlib.sha256()
    seen = 0
    waiting = [str(root)]
    try:
        while waiting:
            folder = waiting.pop()
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda each: each.name)
            for entry in found:
                if entry.name in _MADE_BY_RUNNING or (_is_git(folder) and entry.name not in _OF_GIT):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                seen += 1
                if seen > _MOST_FILES:
                    return None
                at = entry.stat(follow_symlinks=False)
                known = (entry.path, at.st_ino, at.st_mode, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
                digest.update(repr(known).encode("utf-8", "surrogatepass"))
    except OSError:
        return None
    return digest.hexdigest()


def state_of_program(program: Path) -> str:
    """A word that is another one after this file was replaced or written."""
    try:
        at = program.stat()
    except OSError:
        return ""
    return f"{at.st_dev}:{at.st_ino}:{at.st_size}:{at.st_mtime_ns}:{at.st_ctime_ns}"


def _is_git(folder: str) -> bool:
    return folder.endswith(f"{os.sep}.git")
