"""Parts a large file at its headings: each section becomes a file that is read when it is needed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from bursar.domain.instructions.file import InstructionFile, Part
from bursar.domain.rules.company import folder_of
from bursar.domain.rules.rule import Edit, Fix, NewFile
from bursar.domain.text import split_lines_keeping_ends

_LEAST_SECTION_CHARACTERS = 400
_MOST_FILES = 40
_WORD = re.compile(r"[^\W_]+")


def split_fix(file: InstructionFile, sections: list[Part], exists: Callable[[str], bool]) -> tuple[Fix, ...]:
    """One fix that moves the larger sections into files of their own, beside this one; none where that is no use.

    Documents of a spec are read whole by name, so they stay whole.
    """
    if file.kind not in ("steering", "agents", "instructions", "rules"):
        return ()
    lines = split_lines_keeping_ends(file.text)
    end = "\r\n" if "\r\n" in file.text else "\n"
    edits: list[Edit] = []
    creates: list[NewFile] = []
    names: set[str] = set()
    for each in sections:
        body = "".join(lines[each.line : each.end_line])
        if len(body) < _LEAST_SECTION_CHARACTERS:
            continue
        path = _path_for(file, each.title, names, exists)
        creates.append(NewFile(path=path, text=_front(file, each.title, end) + body.rstrip("\r\n") + end))
        last_line = each.end_line if each.end_line < len(lines) else len(lines) - 1
        last_character = 0 if each.end_line < len(lines) else len(lines[-1])
        edits.append(
            Edit(
                path=file.path,
                line=each.line + 1,
                character=0,
                end_line=last_line,
                end_character=last_character,
                new_text=f"{end}When you work on this, read {path}.{end}" + (end if each.end_line < len(lines) else ""),
            )
        )
    if not 1 <= len(edits) <= _MOST_FILES:
        return ()
    plural = "section" if len(edits) == 1 else "sections"
    return (
        Fix(
            title=f"Split: move {len(edits)} {plural} into files that are read on request",
            kind="refactor",
            edits=tuple(edits),
            creates=tuple(creates),
        ),
    )


def _path_for(file: InstructionFile, title: str, names: set[str], exists: Callable[[str], bool]) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().casefold()
    name = "-".join(_WORD.findall(plain))[:48] or "section"
    stem = file.path.rpartition("/")[2].partition(".")[0].casefold() or "rules"
    folder = folder_of(file.path)
    if file.kind != "steering":
        folder = f"{folder}/docs" if folder else "docs"
    before = f"{folder}/{stem}-{name}" if folder else f"{stem}-{name}"
    path, n = f"{before}.md", 2
    while path in names or exists(path):
        path, n = f"{before}-{n}.md", n + 1
    names.add(path)
    return path


def _front(file: InstructionFile, title: str, end: str) -> str:
    """What makes the new file one that is read on request, where its format has a word for it."""
    if file.kind != "steering" or ".kiro/" not in f"/{file.path}":
        return ""
    return f"---{end}inclusion: manual{end}---{end}{end}"
