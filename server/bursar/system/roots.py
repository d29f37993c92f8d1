"""Which folder is the workspace: of a file that is worked on, and of the shell that a command is given in."""

from __future__ import annotations

from pathlib import Path

_AGENT_FOLDERS = frozenset(
    {"specs", ".github", ".claude", ".cursor", ".clinerules", ".windsurf", ".gemini", ".opencode"}
)


def workspace_root(spec_path: Path) -> Path:
    """The workspace of a file: above ``.kiro``, else the repository, else above an agent's folder, else its own."""
    resolved = spec_path.resolve()
    parents = list(resolved.parents)
    for parent in parents:
        if parent.name in (".kiro", ".sce"):
            return parent.parent
    for parent in parents:
        if (parent / ".git").exists() or (parent / ".specify").is_dir():
            return parent
    for parent in parents:
        if parent.name in _AGENT_FOLDERS:
            return parent.parent
    return parents[0]


def workspace_here() -> str:
    """The workspace of the current folder: the nearest folder with a spec folder or a repository, else the folder."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / ".kiro").is_dir() or (folder / ".specify").is_dir() or (folder / ".git").exists():
            return str(folder)
    return str(here)
