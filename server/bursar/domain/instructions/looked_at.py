"""Which files are read for the user's own checks, without being named one by one."""

from __future__ import annotations

from bursar.domain.instructions.kinds import kind_of
from bursar.domain.safety.paths import protected_for_look, protected_for_read

_BY_CONTENT = ("chat", "code")
_PROSE = (".md", ".mdc", ".markdown", ".txt")


def is_looked_at(path: str) -> bool:
    """Whether a check of a workspace may read this path (relative, forward slashes).

    Beside what an agent may read freely these are the texts that give orders to agents (``.cursor/rules``,
    ``.claude/skills``). Nothing else in their folders: that is settings, logs and keys.
    """
    if protected_for_read(path) is None:
        return True
    return protected_for_look(path) is None and kind_of(path) not in (None, *_BY_CONTENT)


def is_looked_at_when_included(path: str) -> bool:
    """Whether a check may read this path because a file that it reads takes it in.

    An agent's own folder holds such texts under any name (``@.claude/shared.md``), beside settings, logs and keys: of
    these only prose is read.
    """
    return is_looked_at(path) or (protected_for_look(path) is None and path.lower().endswith(_PROSE))
