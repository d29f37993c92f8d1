"""A file as rules look at it: its lines, which of them are code or front matter, and its blocks of text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.text import split_lines
from bursar.domain.text.kept import kept_for_newest

MOST_CHARACTERS = 300_000
"""A larger text is not looked at: rules are for what people and agents write by hand."""

_FENCE = re.compile(r"[ \t]{0,12}(?:[-*+>]\s+)?(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+\S")
_INLINE_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block: its opening and closing lines are at ``line`` and ``end_line - 1``."""

    line: int
    end_line: int
    info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines with no empty line between them; a fenced block is one block whatever is in it."""

    line: int
    end_line: int
    is_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a text without their ends, and what each of them is."""

    lines: tuple[str, ...]
    fences: tuple[Fence, ...]
    code: frozenset[int]
    """Lines in fenced blocks, with the fences."""
    front: int
    """Where the front matter ends: the first line behind it, 0 where there is none."""

    @property
    def prose(self) -> list[tuple[int, str]]:
        """The lines that are neither code nor front matter, with their numbers."""
        return [(at, text) for at, text in enumerate(self.lines) if at >= self.front and at not in self.code]


def lines_of(file: InstructionFile) -> Lines:
    """The file's lines; kept for the newest texts, since many rules ask."""
    return lines_in(file.text)


def blocks_of(file: InstructionFile) -> tuple[Block, ...]:
    """The file's blocks behind its front matter, in order."""
    return _blocks(file.text)


def without_code(line: str) -> str:
    """The line with its inline code blanked: offsets stay."""
    return _INLINE_CODE.sub(lambda match: " " * len(match[0]), line)


def is_heading(line: str) -> bool:
    """Whether the line is a heading with number signs."""
    return _HEADING.match(line) is not None


@kept_for_newest()
def lines_in(text: str) -> Lines:
    """The same of a text."""
    lines = tuple(split_lines(text))
    front = 0
    if lines[0].removeprefix("\ufeff").rstrip() == "---":
        end = next((at for at in range(1, len(lines)) if lines[at].rstrip() == "---"), None)
        front = 0 if end is None else end + 1
    fences: list[Fence] = []
    opened: tuple[int, str, str] | None = None
    for at in range(front, len(lines)):
        match = _FENCE.match(lines[at])
        if match is None:
            continue
        marks, rest = match[1], match[2].strip()
        if opened is None:
            if not (marks[0] == "`" and "`" in rest):
                opened = (at, marks, rest)
        elif marks[0] == opened[1][0] and len(marks) >= len(opened[1]) and not rest:
            fences.append(Fence(line=opened[0], end_line=at + 1, info=opened[2]))
            opened = None
    if opened is not None:
        fences.append(Fence(line=opened[0], end_line=len(lines), info=opened[2]))
    code = frozenset(at for each in fences for at in range(each.line, each.end_line))
    return Lines(lines=lines, fences=tuple(fences), code=code, front=front)


@kept_for_newest()
def _blocks(text: str) -> tuple[Block, ...]:
    known = lines_in(text)
    starts = {each.line: each.end_line for each in known.fences}
    blocks: list[Block] = []
    at = known.front
    first: int | None = None

    def close(end: int) -> None:
        nonlocal first
        if first is not None:
            blocks.append(Block(line=first, end_line=end, is_code=False))
            first = None

    while at < len(known.lines):
        if at in starts:
            close(at)
            blocks.append(Block(line=at, end_line=starts[at], is_code=True))
            at = starts[at]
            continue
        if not known.lines[at].strip() or is_heading(known.lines[at]):
            close(at)
        elif first is None:
            first = at
        at += 1
    close(len(known.lines))
    return tuple(blocks)
