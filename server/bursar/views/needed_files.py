"""Why a file is among those that a task needs, in words."""

from __future__ import annotations

from bursar.domain.context.ranking import Ranked

_WORDS = 5


def why_needed(ranked: Ranked) -> str:
    """The reasons that count most, the first one first."""
    reasons = []
    parts = dict(ranked.parts)
    if "named in the task" in parts:
        reasons.append("named in the task")
    if ranked.defines:
        reasons.append(f"defines {', '.join(ranked.defines[:_WORDS])}")
    if "linked from the documents" in parts:
        reasons.append("linked from the documents")
    if ranked.words:
        where = "" if ranked.line is None else f" (most from line {ranked.line + 1})"
        reasons.append(f"has {', '.join(ranked.words[:_WORDS])}{where}")
    if "named in the documents" in parts and "named in the task" not in parts:
        reasons.append("named in the documents")
    if ranked.near:
        reasons.append(f"used with {', '.join(ranked.near)}")
    return " · ".join(reasons) or ranked.parts[0][0]
