"""What a task asks of the workspace: its own words, the documents around it, and the files that these link to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from bursar.domain.context.repository import FileQuestion
from bursar.domain.instructions import read_instructions
from bursar.domain.specs import Spec, SpecTask

_LINK = re.compile(r"\]\(<?([^)\s>#]+)")
_AROUND_CHARS = 20_000


def task_question(
    spec: Spec,
    task: SpecTask,
    *,
    spec_path: str,
    spec_lines: Sequence[str],
    documents: Iterable[tuple[str, str]],
    leave_out: Iterable[str] = (),
) -> FileQuestion:
    """The question of a task; ``documents`` are path and text of what the first request carries.

    Only the documents that lie beside the tasks file tell of the task; the others tell of everything. What is carried
    already is not asked for.
    """
    folder = posixpath.dirname(spec_path)
    carried = list(documents)
    beside = [(path, text) for path, text in carried if posixpath.dirname(path) == folder]
    own = "\n".join(spec_lines[task.line : task.end_line])
    above = "" if task.parent is None else spec.tasks[task.parent].title
    links = (link for path, text in ((spec_path, own), *beside) for link in _links(path, text))
    return FileQuestion(
        text=own or task.title,
        around="\n".join((above, *(text for _, text in beside)))[:_AROUND_CHARS],
        links=tuple(dict.fromkeys(links)),
        leave_out=frozenset((spec_path, *(path for path, _ in carried), *leave_out)),
    )


def _links(path: str, text: str) -> Iterable[str]:
    for each in read_instructions(path, text).references:
        if each.path is not None:
            yield each.path
    for written in _LINK.findall(text):
        if "://" not in written:
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), written))
            if not inside.startswith(("../", "/")):
                yield inside
