"""Which files one request of an agent carries together: only these can say the same thing twice to it."""

from __future__ import annotations

from bursar.domain.instructions.file import InstructionFile

SPEC_KINDS = frozenset({"tasks", "requirements", "design", "spec", "plan"})
SHARED_KINDS = SPEC_KINDS - {"tasks"}
"""Documents of a spec that stand in front of each of its tasks."""

_AGENTS = {
    ".kiro/": "kiro",
    ".cursor/": "cursor",
    ".cursorrules": "cursor",
    ".github/": "copilot",
    ".claude/": "claude",
    ".clinerules": "cline",
    ".windsurf": "windsurf",
    ".specify/": "spec-kit",
}
_NAMES = {"CLAUDE.md": "claude", "CLAUDE.local.md": "claude", "GEMINI.md": "gemini", "AGENTS.md": "agents"}
_READ_AGENTS_MD = frozenset({"agents", "kiro", "cursor", "copilot", "windsurf"})


def is_resident(file: InstructionFile) -> bool:
    """Whether every request of an agent, or every request for a task of its spec, carries the file."""
    return file.residency == "always" or file.kind in SHARED_KINDS


def is_carried(file: InstructionFile) -> bool:
    """Whether requests carry the file without being asked to: always, or when files match."""
    return is_resident(file) or file.residency == "matched"


def folder_of(path: str) -> str:
    """The folder of a path, without a slash at its end."""
    return path.rpartition("/")[0]


def travel_together(one: InstructionFile, other: InstructionFile) -> bool:
    """Whether one request may carry both: files of one agent, or documents of one spec."""
    if one.kind in SPEC_KINDS or other.kind in SPEC_KINDS:
        both = one.kind in SPEC_KINDS and other.kind in SPEC_KINDS
        return both and folder_of(one.path) == folder_of(other.path)
    first, second = agent_of(one.path), agent_of(other.path)
    if first == second:
        return first is not None
    return {first, second} <= _READ_AGENTS_MD and "agents" in (first, second)


def agent_of(path: str) -> str | None:
    """Whose file this is by its place, None for what no agent loads by itself."""
    name = path.rpartition("/")[2]
    if name in _NAMES:
        return _NAMES[name]
    padded = f"/{path}"
    return next((agent for mark, agent in _AGENTS.items() if f"/{mark}" in padded), None)
