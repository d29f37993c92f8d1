"""Findings where programs look for them: paths from where the command was started, lines and columns from 1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bursar.domain.errors import BadInput
from bursar.domain.text import char_to_utf16, split_lines
from bursar.session.model import Document
from bursar.views.annotations import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A finding in a file as it was named. Lines and columns count from 1, columns in UTF-16 units; ``end_column`` is
    behind the last character. ``text`` is the line that it begins in."""

    path: str
    finding: Finding
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


def placed(path: str, document: Document, findings: Sequence[Finding]) -> list[Placed]:
    """The findings of one file."""
    lines = split_lines(document.text)
    return [
        Placed(
            path=path,
            finding=each,
            line=each.line + 1,
            column=char_to_utf16(lines[each.line], each.character) + 1,
            end_line=each.last_line + 1,
            end_column=char_to_utf16(lines[each.last_line], each.end_character) + 1,
            text=lines[each.line],
        )
        for each in findings
    ]


def path_from_here(workspace: str, path: str) -> str:
    """A path of the workspace as one from the current folder, absolute where it is not below that."""
    there = Path(workspace) / path
    here = Path.cwd().resolve()
    return there.relative_to(here).as_posix() if there.is_relative_to(here) else there.as_posix()


def path_in_workspace(workspace: str, path: str) -> str:
    """A path as it was typed here, relative to the workspace; links in it are kept. Raises BadInput for one outside."""
    there = Path(os.path.normpath(Path.cwd().resolve() / path))
    if not there.is_relative_to(workspace):
        raise BadInput(f"{path} is not below {workspace}: only files of the workspace can be named here")
    return there.relative_to(workspace).as_posix()
