"""Which files are read for the user's own checks, without being named one by one."""

from __future__ import annotations

from bursar.domain.instructions.kinds import kind_of
from bursar.domain.safety.paths import protected_for_look, protected_for_read

_BY_CONTENT = ("chat", "code")


def is_looked_at(path: str) -> bool:
    """Whether a check of a workspace may read this path (relative, forward slashes).

    Beside what an agent may read freely these are the texts that give orders to agents (``.cursor/rules``,
    ``.claude/skills``). Nothing else in their folders: that is settings, logs and keys.
    """
    if protected_for_read(path) is None:
        return True
    return protected_for_look(path) is None and kind_of(path) not in (None, *_BY_CONTENT)
