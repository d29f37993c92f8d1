"""Where a document lies, and what the tasks in it are: all that the first lenses of a start are made of."""

# Loaded before most of the session, so it imports little.
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from bursar.domain.instructions.kinds import BESIDE_TASKS, kind_of
from bursar.domain.specs import Spec, parse_spec

TASKS = "tasks.md"


def may_be_read(file: Path) -> bool:
    """Whether a file of this name may say something to an agent; where it lies is not looked at."""
    return file.name in BESIDE_TASKS or kind_of(file.relative_to(file.anchor).as_posix()) is not None


def workspace_of(file: Path, folders: tuple[str, ...], root_of: Callable[[Path], Path]) -> Path:
    """The workspace that the command line finds, but never above a folder that is open in the editor."""
    root = root_of(file)
    for folder in sorted(map(Path, folders), key=lambda each: -len(each.parts)):
        if file.is_relative_to(folder):
            return root if root.is_relative_to(folder) else folder
    return root


def spec_of(text: str, path: str) -> Spec:
    """The parsed text; kept for the newest few, since reading it again is asked for at every look."""
    return parse_spec(text, path_hint=PurePosixPath(path).as_posix())
