"""What the text of a task tells of it before it runs: what kind of work, how much text, how many files it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

TaskKind: TypeAlias = Literal["publish", "test", "docs", "refactor", "fix", "implement", "review", "question", "other"]

# The first kind one of whose words is in the text; the narrower ones stand first, since "add" is in most texts.
_WORDS: tuple[tuple[TaskKind, str], ...] = (
    ("publish", r"commit|push|merge|release|rebase|pull request|deploy"),
    ("test", r"tests?|e2e|coverage|testing"),
    ("docs", r"docs?|readme|changelog|document(?:ed|ation)?"),
    ("refactor", r"refactor\w*|renam\w+|mov(?:e|ing)|remov\w+|clean\w*|delet\w+|simplif\w+|extract"),
    ("fix", r"fix\w*|bugs?|fail\w*|errors?|crash\w*|wrong|broken|repair"),
    ("implement", r"implement\w*|add|creat\w+|introduc\w+|writ(?:e|ing)|build|support|set up|integrat\w+"),
    ("review", r"review\w*|investigat\w+|check|analy[sz]\w+|look"),
    ("question", r"why|what|how|which|is|are|does|do|did|can"),
)
# Looked for only where such a run of characters begins, so that a very long one is looked through once.
_FILE = (
    r"(?<![\w./\\@-])[\w./\\@-]*[\w-]\.(?:c|cc|cpp|cs|css|go|h|html|java|js|json|jsx|kt|md|mod|php|proto|py|rb|rs|sh|sql|svelte|swift"
    r"|toml|ts|tsx|txt|vue|xml|ya?ml)\b"
)
_LOOKED_AT_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTraits:
    """What the text of a task tells of it; ``files_named`` counts different names of files."""

    kind: TaskKind
    text_chars: int
    files_named: int


def known_kind(name: str | None) -> TaskKind | None:
    """The kind of this name; None for a name that is none."""
    return next((kind for kind in (*(kind for kind, _ in _WORDS), "other") if kind == name), None)


def traits_of(text: str) -> TaskTraits:
    """The traits of a task's text: its title and the lines below it."""
    looked_at = text[:_LOOKED_AT_CHARS]
    kinds, file = _patterns()
    kind: TaskKind = next((kind for kind, words in kinds if words.search(looked_at)), "other")
    return TaskTraits(kind=kind, text_chars=len(text), files_named=len(set(file.findall(looked_at))))


@cache
def _patterns() -> tuple[tuple[tuple[TaskKind, re.Pattern[str]], ...], re.Pattern[str]]:
    """Compiled at the first task: a start that looks at none need not pay for it."""
    return tuple((kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for kind, words in _WORDS), re.compile(_FILE)
