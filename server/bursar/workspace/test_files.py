"""Finds the tests of a requirement: test files with a line that names it, as they are on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bursar.domain.ports import ToolRefused
from bursar.domain.specs import is_test_file, requirements_named
from bursar.domain.text import split_lines
from bursar.workspace.searching import files_below

_MOST_FILES = 5_000


def find_tests(
    root: Path, requirements: Sequence[str], bytes_of: Callable[[str], bytes | ToolRefused]
) -> dict[str, tuple[str, ...]] | ToolRefused:
    """The paths by requirement; ``bytes_of`` reads through the guard, and what it refuses is passed over."""
    found: dict[str, list[str]] = {each: [] for each in requirements}
    read = 0
    for path in files_below(root):
        if not is_test_file(path):
            continue
        read += 1
        if read > _MOST_FILES:
            return ToolRefused(message=f"There are more than {_MOST_FILES:,} test files below {root}.")
        data = bytes_of(path)
        if isinstance(data, ToolRefused):
            continue
        # A name that is a requirement's is plain ASCII: what else is in the file does not matter.
        lines = split_lines(data.decode("utf-8", "replace"))
        for each in requirements_named(lines, requirements):
            found[each].append(path)
    return {each: tuple(paths) for each, paths in found.items()}
