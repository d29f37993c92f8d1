"""What is known of a workspace's files when those that a task needs are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DefinitionKind = Literal["class", "function", "method", "constant", "type"]
PASSAGE_LINES = 30
"""A file's words are also weighed by passage: a long file has every word somewhere."""

LARGEST_BYTES = 1_000_000
"""A larger file is data."""
MOST_FILES = 20_000
MOST_NAMES = 2_000
"""Of one file: definitions, and different names that it uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A name that a file defines; ``line`` is 0-based, ``signature`` is the line or lines that open it, as one.

    ``owner`` is the class that it belongs to, or empty.
    """

    name: str
    kind: DefinitionKind
    line: int
    signature: str
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """What a file of code defines, in its order, and how often it uses each name."""

    definitions: tuple[Definition, ...] = ()
    references: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One file uses names that another defines.

    Its ``worth`` is the sum over the names of the root of how often each is used, over the square of how many files
    define it: what is used often counts more, but not as often, and what many define says little.
    """

    source: str
    target: str
    worth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Some lines of a file: the first of them, 0-based, and how many words they have."""

    path: str
    line: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Postings:
    """Where one word stands: in which passages and among which files' own names, and how often.

    ``stem`` is what the word was found by. Both are empty for a word that is nearly everywhere.
    """

    word: str
    stem: str
    passages: tuple[tuple[Passage, int], ...]
    names: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file as the index knows it: its words, those in the names that it defines, and when it was last written."""

    words: int
    names: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuestion:
    """What files are looked for: the task's own words, and those of the documents around it, which count for less.

    ``links`` are paths that the documents link to, relative to the workspace. ``leave_out`` are files that the
    request has anyway.
    """

    text: str
    around: str = ""
    links: tuple[str, ...] = ()
    leave_out: frozenset[str] = frozenset()
