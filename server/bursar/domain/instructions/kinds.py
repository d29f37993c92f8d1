"""Which files an agent reads, by where they lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

FileKind: TypeAlias = Literal[
    "tasks",
    "requirements",
    "design",
    "spec",
    "plan",
    "steering",
    "hook",
    "agents",
    "instructions",
    "prompt",
    "rules",
    "agent",
    "skill",
    "chat",
    "code",
]
KINDS: tuple[FileKind, ...] = get_args(FileKind)
Globs: TypeAlias = Sequence[tuple[str, FileKind]]

DEFAULT_GLOBS: Globs = (
    ("**/tasks.md", "tasks"),
    ("**/.kiro/specs/**/{requirements,bugfix}.md", "requirements"),
    ("**/.kiro/specs/**/design.md", "design"),
    ("**/.kiro/steering/**/*.md", "steering"),
    ("**/.specify/memory/constitution.md", "steering"),
    ("**/*.kiro.hook", "hook"),
    ("**/.kiro/hooks/**/*.json", "hook"),
    ("**/{AGENTS,CLAUDE,CLAUDE.local,GEMINI}.md", "agents"),
    ("**/.github/copilot-instructions.md", "instructions"),
    ("**/*.instructions.md", "instructions"),
    ("**/*.prompt.md", "prompt"),
    ("**/*.prompty", "prompt"),
    ("**/.{claude,cursor,opencode}/commands/**/*.md", "prompt"),
    ("**/.specify/templates/**/*.md", "prompt"),
    ("**/*.chatmode.md", "agent"),
    ("**/*.agent.md", "agent"),
    ("**/.{claude,github,kiro,cursor,opencode}/agents/**/*.md", "agent"),
    ("**/SKILL.md", "skill"),
    ("**/*.mdc", "rules"),
    ("**/{.cursorrules,.clinerules,.windsurfrules}", "rules"),
    ("**/.clinerules/**/*.{md,txt}", "rules"),
    ("**/.{claude,windsurf}/rules/**/*.md", "rules"),
    ("**/*.chat.md", "chat"),
    ("**/*.jsonl", "chat"),
    ("**/*.{py,pyi,ts,tsx,mts,cts,js,jsx,mjs,cjs}", "code"),
)
"""The first that fits says what a file is."""

BESIDE_TASKS: Mapping[str, FileKind] = {
    "requirements.md": "requirements",
    "bugfix.md": "requirements",
    "design.md": "design",
    "spec.md": "spec",
    "plan.md": "plan",
    "research.md": "plan",
    "data-model.md": "plan",
}
"""Names that say something only where a tasks file lies in the same folder."""


def kind_of(path: str, globs: Globs = DEFAULT_GLOBS) -> FileKind | None:
    """What the file at this path (relative to the workspace, forward slashes) is to an agent; None for nothing."""
    return next((kind for glob, kind in globs if _pattern(glob).match(path)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileGlobs:
    """What the user says about files: ``include`` goes before the defaults, ``exclude`` before both."""

    include: Globs = ()
    exclude: tuple[str, ...] = ()

    def kind_of(self, path: str) -> FileKind | None:
        """What the file at this path (relative to the workspace) is to an agent; None for nothing."""
        if self.excludes(path):
            return None
        return kind_of(path, self.include) or kind_of(path)

    def excludes(self, path: str) -> bool:
        """Whether nothing is to be shown on this file."""
        return any(glob_matches(each, path) for each in self.exclude)


DEFAULT_FILES = FileGlobs()


def glob_matches(glob: str, path: str) -> bool:
    """Whether a glob fits a whole path: ``*`` and ``?`` within one name, ``**/`` over folders, ``{a,b}`` for either."""
    return _pattern(glob).match(path) is not None


def regex_of(globs: Globs) -> str:
    """One pattern for all of these, to be searched in a path; for programs that know no globs."""
    return rf"(?s)^(?:{'|'.join(_translated(glob) for glob, _ in globs)})\Z"


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(f"(?s:{_translated(glob)})\\Z")


_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\{|\}|,|[^*?{},]+")


def _translated(glob: str) -> str:
    pieces, depth = [], 0
    closes = glob.count("{") == glob.count("}")
    for token in _TOKENS.findall(glob):
        match token:
            case "**/":
                pieces.append("(?:.*/)?")
            case "**":
                pieces.append(".*")
            case "*":
                pieces.append("[^/]*")
            case "?":
                pieces.append("[^/]")
            case "{" if closes:
                depth += 1
                pieces.append("(?:")
            case "}" if closes and depth:
                depth -= 1
                pieces.append(")")
            case "," if depth:
                pieces.append("|")
            case _:
                pieces.append(re.escape(token))
    # A brace that closes before it opens is a character like any other; what is left open is closed here.
    return "".join(pieces) + ")" * depth
