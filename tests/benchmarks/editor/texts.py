"""The documents that are typed into, and the typing: the same ones each time, drawn with a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TEXT = (
    "the a of to and in for with order customer price rate quote shipping address request response error retry "
    "cache token budget model prompt context session server client editor window file path line value test "
    "must should may never always when where which every each only before after without until configure "
    "implement validate return raise parse render measure record idempotent exponential backoff reconciliation "
    "observability internationalisation "
)
_WORDS = _TEXT.split()
_RARE = (
    "naïve",
    "Größe",
    "価格を計算する",
    "🙂",
    "«quote»",
    "`apply_change()`",
    "https://example.test/a?b=1",
    "0.0036",
)
_LINES_OF_SECTION = 24
_STROKES_AT_A_PLACE = 20


def markdown(characters: int, seed: int = 1) -> str:
    """Instructions for an agent of about this size: headings of 300 to 500 tokens with prose, lists and code."""
    chance = random.Random(seed)
    lines = ["# Handbook", ""]
    size, section = 0, 0
    while size < characters:
        section += 1
        block = [f"## {section}. {' '.join(chance.choices(_WORDS, k=4)).capitalize()}", ""]
        for n in range(_LINES_OF_SECTION):
            words = chance.choices(_WORDS, k=chance.randint(6, 14))
            if chance.random() < 0.2:
                words.insert(3, chance.choice(_RARE))
            block.append(("- " if n % 5 == 3 else "") + " ".join(words) + ".")
        block += [
            "",
            "```python",
            f"def step_{section}(value: int) -> int:",
            f"    return value * {section}",
            "```",
            "",
        ]
        lines += block
        size += sum(map(len, block)) + len(block)
    return "\n".join(lines) + "\n"


def python(characters: int, seed: int = 1) -> str:
    """A module of about this size, for the servers that read Python."""
    chance = random.Random(seed)
    lines = ['"""Quotes."""', "", "import json", "import os", "", ""]
    size, number = 0, 0
    while size < characters:
        number += 1
        name = "_".join(chance.choices([each for each in _WORDS if each.isalpha()], k=2))
        block = [f"def {name}_{number}(value: int, rate: float = 0.{number}) -> float:"]
        block += [f'    """{" ".join(chance.choices(_WORDS, k=8)).capitalize()}."""']
        for n in range(chance.randint(4, 14)):
            block.append(f"    step_{n} = value * {n} + len({' '.join(chance.choices(_WORDS, k=5))!r})")
        block += ["    return step_0 * rate", "", ""]
        lines += block
        size += sum(map(len, block)) + len(block)
    return "\n".join(lines) + "\n"


def tasks(number: int) -> str:
    """A spec's tasks file."""
    chance = random.Random(number)
    lines = ["# Implementation Plan", ""]
    for n in range(1, number + 1):
        lines.append(f"- [ ] {n}. {' '.join(chance.choices(_WORDS, k=6)).capitalize()}")
        lines += [f"  - {' '.join(chance.choices(_WORDS, k=12)).capitalize()}" for _ in range(3)]
        lines.append(f"  - _Requirements: {n}.1_")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One key: new text in place of characters of one line, in code points."""

    line: int
    character: int
    removed: int
    new: str
    before: str

    def change(self) -> dict[str, Any]:
        """As the protocol has it, in UTF-16."""
        first = units(self.before)
        span = {"line": self.line, "character": first}, {"line": self.line, "character": first + self.removed}
        return {"range": {"start": span[0], "end": span[1]}, "text": self.new}


@dataclass(slots=True)
class Typist:
    """Types words at random places of a text, twenty keys at each, and takes them away again as often.

    Keeps the lines, so that the text of an edit's section is known without a search.
    Long lines that start with ``prose`` are typed into, ``margins`` away from their start and end.
    """

    text: str
    seed: int = 1
    version: int = 1
    prose: str = ""
    margins: tuple[int, int] = (2, 0)
    lines: list[str] = field(default_factory=list)
    _chance: random.Random = field(default_factory=random.Random)
    _keys: Iterator[Stroke] | None = None

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self.lines = self.text.split("\n")
        self.text = ""

    def stroke(self) -> Stroke:
        """The next key; the text is as after it."""
        if self._keys is None:
            self._keys = self._strokes()
        self.version += 1
        return next(self._keys)

    def insert(self, line: int, new: str) -> Stroke:
        """Text at the end of a line, at once."""
        self.version += 1
        return self._apply(line, len(self.lines[line]), 0, new)

    def take_back(self, stroke: Stroke) -> Stroke:
        """What a stroke put there goes away again."""
        self.version += 1
        return self._apply(stroke.line, stroke.character, len(stroke.new), "")

    def a_section(self) -> tuple[int, int]:
        """The lines of a section drawn by chance: that of its heading, and the one after its last."""
        headings = [n for n, each in enumerate(self.lines) if each.startswith("## ")]
        return self.section(self._chance.choice(headings))

    def whole(self) -> str:
        """The text as it is now."""
        return "\n".join(self.lines)

    def section(self, line: int) -> tuple[int, int]:
        """The lines of the section that a line is in: that of its heading, and the one after its last."""
        first = line
        while not self.lines[first].startswith("## "):
            first -= 1
        end = line + 1
        while end < len(self.lines) and not self.lines[end].startswith("## "):
            end += 1
        return first, end

    def section_text(self, first: int, end: int) -> str:
        """These lines, each with its end where it has one."""
        return "\n".join([*self.lines[first:end], ""][: end - first + (end < len(self.lines))])

    def _strokes(self) -> Iterator[Stroke]:
        prose = [n for n, each in enumerate(self.lines) if len(each) > 40 and self._is_prose(each)]
        first, last = self.margins
        while True:
            line = self._chance.choice(prose)
            character = self._chance.randrange(first, len(self.lines[line]) - last)
            typed = (" " + " ".join(self._chance.choices(_WORDS, k=6)))[:_STROKES_AT_A_PLACE]
            for n, key in enumerate(typed):
                yield self._apply(line, character + n, 0, key)
            for n in reversed(range(len(typed))):
                yield self._apply(line, character + n, 1, "")

    def _is_prose(self, line: str) -> bool:
        return line.startswith(self.prose) and not line.startswith("#")

    def _apply(self, line: int, character: int, removed: int, new: str) -> Stroke:
        before = self.lines[line][:character]
        self.lines[line] = before + new + self.lines[line][character + removed :]
        return Stroke(line=line, character=character, removed=removed, new=new, before=before)


def first_section(text: str) -> tuple[tuple[int, int], str]:
    """The lines of the first section of instructions, as ``Typist.section`` has them, and their text."""
    typist = Typist(text)
    section = typist.section(next(n for n, each in enumerate(typist.lines) if each.startswith("## ")))
    return section, typist.section_text(*section)


def units(text: str) -> int:
    """The length in UTF-16."""
    return len(text.encode("utf-16-le")) // 2
