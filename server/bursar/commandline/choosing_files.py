"""Which files a command looks at: those that are named, and in a folder those that an agent reads."""

from __future__ import annotations

from pathlib import Path

from bursar.domain.errors import BadInput
from bursar.domain.instructions.kinds import BESIDE_TASKS, FileGlobs, kind_of
from bursar.domain.instructions.looked_at import is_looked_at
from bursar.wiring import workspace_root
from bursar.workspace.place import name_problem
from bursar.workspace.scanning import walk

_MOST_FILES = 200_000


def files_in(folder: str, globs: FileGlobs) -> list[str]:
    """The files below a folder that may be an agent's by their place, as paths that begin with the folder's own.

    Folders that are made from others (``.git``, ``node_modules``, environments) and links are left out, and so is what
    may hold keys. Raises BadInput where there are too many files to look at.
    """
    top = Path(folder)
    found = walk(top, _MOST_FILES, _is_looked_at)
    if found is None:
        raise BadInput(f"{folder} has more than {_MOST_FILES:,} files: give a folder further down, or the files")
    real = top.resolve()
    root = workspace_root(real / "any") if globs.include else real
    plain = [each for each in found if not (top / each).is_symlink()]
    return [str(top / each) for each in plain if _may_be_read(real / each, root, globs)]


def _is_looked_at(path: str) -> bool:
    return name_problem(path) is None and is_looked_at(path)


def _may_be_read(file: Path, root: Path, globs: FileGlobs) -> bool:
    """By its place alone; only the user's own globs may depend on where the workspace begins."""
    if file.name in BESIDE_TASKS or kind_of(file.relative_to(file.anchor).as_posix()) is not None:
        return True
    return bool(globs.include) and globs.kind_of(file.relative_to(root).as_posix()) is not None
