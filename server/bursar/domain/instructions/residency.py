"""Which requests of an agent carry a file."""

from __future__ import annotations

from bursar.domain.instructions.file import Residency
from bursar.domain.instructions.front_matter import FrontMatter
from bursar.domain.instructions.kinds import FileKind

_EVERYWHERE = frozenset({"*", "**", "**/*"})


def residency_of(path: str, kind: FileKind, front: FrontMatter) -> Residency:
    """Which requests carry the file, from its place and its front matter; what a format leaves open is its default."""
    match kind:
        case "agents":
            # One in a folder is for the work in that folder.
            return "always" if path.count("/") == 0 or path == ".claude/CLAUDE.md" else "matched"
        case "steering":
            return _steering(front)
        case "instructions":
            return "always" if path.endswith("copilot-instructions.md") else _applied(front, "applyTo")
        case "rules":
            return _rules(path, front)
        case "tasks" | "requirements" | "design" | "spec" | "plan" | "hook":
            # The requests of the work on this spec; the request that an event begins.
            return "matched"
        case "prompt" | "agent" | "skill":
            return "manual"
        case "chat" | "code":
            return "none"


def _steering(front: FrontMatter) -> Residency:
    match (front.one("inclusion") or "always").lower():
        case "filematch":
            return "matched"
        case "manual" | "auto":
            return "manual"
        case _:
            return "always"


def _rules(path: str, front: FrontMatter) -> Residency:
    if path.endswith(".mdc"):
        if front.says("alwaysApply", "true"):
            return "always"
        return "matched" if front.one("globs") else "manual"
    match (front.one("trigger") or "").lower():
        case "always_on":
            return "always"
        case "glob":
            return "matched"
        case "manual" | "model_decision":
            return "manual"
        case _:
            return "matched" if front.one("paths") or front.one("globs") else "always"


def _applied(front: FrontMatter, key: str) -> Residency:
    globs = [each.strip() for value in front.values.get(key, ()) for each in value.split(",") if each.strip()]
    if not globs:
        return "manual"
    return "always" if _EVERYWHERE & set(globs) else "matched"
