"""The tasks of a file after an edit, until it is read again."""

from __future__ import annotations

from dataclasses import replace

from bursar.domain.specs.model import Spec
from bursar.domain.text.changed import TextChange


def moved_spec(spec: Spec, change: TextChange) -> tuple[Spec, frozenset[int]]:
    """The spec with its tasks and headings where they are now, and the indices of tasks whose lines were changed.

    Those stay in it, since others are their children or their parents, with the line that they had.
    """
    gone: set[int] = set()
    tasks = []
    for each in spec.tasks:
        line = change.line(each.line)
        if line is None:
            gone.add(each.index)
            tasks.append(each)
        else:
            tasks.append(replace(each, line=line, end_line=max(change.end_line(each.end_line), line + 1)))
    headings = [
        replace(each, line=line, end_line=max(change.end_line(each.end_line), line + 1))
        for each in spec.headings
        if (line := change.line(each.line)) is not None
    ]
    return replace(spec, tasks=tuple(tasks), headings=tuple(headings)), frozenset(gone)
