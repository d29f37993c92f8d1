"""From the text of a file that an agent reads to its parts and references: never raises, whatever the text is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from bursar.domain.instructions.file import InstructionFile, Part
from bursar.domain.instructions.front_matter import FrontMatter, read_front_matter
from bursar.domain.instructions.kinds import DEFAULT_GLOBS, FileKind, kind_of
from bursar.domain.instructions.references import references_in
from bursar.domain.instructions.residency import residency_of
from bursar.domain.specs import Spec, parse_spec
from bursar.domain.specs.locate import HeadingLine, locate
from bursar.domain.text import split_lines

_PLAIN: frozenset[FileKind] = frozenset({"chat", "code"})
_PROMPT = re.compile(r'"prompt"\s*:\s*("(?:[^"\\\r\n]|\\.)*")')
_ROLE = re.compile(r"\s*#?\s*(system|user|assistant|developer)\s*:\s*\Z", re.IGNORECASE)


def read_instructions(path: str, text: str, kind: FileKind | None = None) -> InstructionFile:
    """The file at this path relative to the workspace; ``kind`` is what its place says where none is given."""
    kind = kind or kind_of(path, DEFAULT_GLOBS) or "instructions"
    if kind in _PLAIN:
        return InstructionFile(path=path, kind=kind, text=text, parts=(), references=(), residency="none")
    lines = split_lines(text)
    if kind == "hook":
        return InstructionFile(
            path=path,
            kind=kind,
            text=text,
            parts=tuple(_prompts(lines)),
            references=references_in(path, kind, lines, ()),
            residency=residency_of(path, kind, FrontMatter()),
        )
    front = read_front_matter(lines)
    # Markdown would take the dashes below the settings for the underline of a heading.
    body = "\n".join(["" if at < front.end_line else line for at, line in enumerate(lines)]).removeprefix("\ufeff")
    outline = locate(body)
    parts = [*_front(front), *sections(outline.headings, len(lines))]
    if kind == "tasks":
        parts += task_parts(parse_spec(text, path_hint=path))
    elif path.endswith(".prompty"):
        parts += _roles(lines, front.end_line)
    return InstructionFile(
        path=path,
        kind=kind,
        text=text,
        parts=tuple(sorted(parts, key=lambda each: each.line)),
        references=references_in(path, kind, lines, [(0, front.end_line), *outline.verbatim]),
        residency=residency_of(path, kind, front),
    )


def sections(headings: Sequence[HeadingLine], line_count: int) -> Iterable[Part]:
    """Each heading with its section: up to the next heading of the same or a higher level, or the end of the text."""
    ends = [line_count] * len(headings)
    unfinished: list[int] = []
    for index, heading in enumerate(headings):
        while unfinished and headings[unfinished[-1]].level >= heading.level:
            ends[unfinished.pop()] = heading.line
        unfinished.append(index)
    return [
        Part(kind="heading", title=each.title, level=each.level, line=each.line, end_line=end)
        for each, end in zip(headings, ends, strict=True)
    ]


def task_parts(spec: Spec) -> list[Part]:
    """Each task of a tasks file, without the tasks below it."""
    return [
        Part(
            kind="task",
            title=each.title if each.id is None else f"{each.id} {each.title}",
            level=each.depth,
            line=each.line,
            end_line=each.end_line,
        )
        for each in spec.tasks
    ]


def _front(front: FrontMatter) -> list[Part]:
    if not front.end_line:
        return []
    return [Part(kind="frontmatter", title="front matter", level=0, line=0, end_line=front.end_line)]


def _prompts(lines: Sequence[str]) -> Iterable[Part]:
    """The prompts of a hook, as they are sent."""
    for number, line in enumerate(lines):
        for each in _PROMPT.finditer(line):
            try:
                sent = json.loads(each[1], strict=False)
            except ValueError:
                continue
            yield Part(kind="block", title="prompt", level=0, line=number, end_line=number + 1, sent=str(sent))


def _roles(lines: Sequence[str], first: int) -> Iterable[Part]:
    """The messages of a prompt file that names the role of each on a line of its own."""
    starts = [(at, found[1].lower()) for at in range(first, len(lines)) if (found := _ROLE.match(lines[at]))]
    ends = [*(at for at, _ in starts[1:]), len(lines)]
    for (at, role), end in zip(starts, ends, strict=False):
        yield Part(kind="block", title=role, level=0, line=at, end_line=end)
