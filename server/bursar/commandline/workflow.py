"""Findings as the workflow commands that GitHub Actions makes annotations of."""

from __future__ import annotations

from pathlib import PurePath

from bursar.commandline.places import Placed
from bursar.views.annotations import Severity

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "information": "notice", "hint": "notice"}


def workflow_command(found: Placed) -> str:
    """One command, on one line whatever the texts in it hold.

    Columns are told only within one line, as GitHub takes them; its last column is the one of the last character.
    """
    finding = found.finding
    properties = {
        "file": PurePath(found.path).as_posix(),
        "line": str(found.line),
        "endLine": str(found.end_line),
        "title": f"bursar: {finding.code}",
    }
    if found.line == found.end_line:
        properties["col"] = str(found.column)
        properties["endColumn"] = str(max(found.end_column - 1, found.column))
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {told}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
