"""The codes of all rules and the levels they can be shown at: names only, so that settings load nothing else."""

from __future__ import annotations

from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "information", "hint"]

CODES = (
    "over-window",
    "over-budget",
    "probably-unfinished",
    "request-cost",
    "cache-lost",
    "dearest-section",
    "verbose-text",
    "duplicated-text",
    "pasted-file",
    "volatile-prefix",
    "missing-reference",
    "uncovered-requirement",
    "task-without-requirement",
    "ears-form",
    "contradictory-limits",
    "hidden-characters",
    "secret-in-prompt",
)
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "information", "hint")
