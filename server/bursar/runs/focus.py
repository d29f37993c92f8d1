"""The file and line that a request is working on: what the newest tool call before it touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bursar.domain.runs import StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """A file (relative path) and a 0-based line in it; both None before anything was touched."""

    file: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the journal."""
        return {"file": self.file, "line": self.line}


def focus_of(steps: Sequence[StepRecord]) -> Focus:
    """What the newest finished look at a file or edit of a file was about."""
    for step in sorted(steps, key=lambda each: -each.n):
        if step.status != "done" or step.kind not in ("look", "edit"):
            continue
        given = step.intent.get("input") or {}
        path = given.get("path")
        if step.intent.get("tool") == "list_files" or not isinstance(path, str):
            continue
        line = (step.result or {}).get("line")
        return Focus(file=path, line=line if isinstance(line, int) else 0)
    return Focus()
