"""A step of a run in a few words."""

from __future__ import annotations

import json

_WORDS = {
    "list_files": "List",
    "read_file": "Read",
    "search": "Search",
    "edit_file": "Change",
    "write_file": "Write",
    "run_command": "Run",
    "recall": "Recall",
}
_MOST_CHARS = 80


def step_title(*, key: str, kind: str, tool: str | None, about: str | None) -> str:
    """``Ask the model (request 3)``, ``Change src/app.py``, ``Run pytest -q``."""
    if kind == "model":
        return f"Ask the model (request {key[1:]})"
    if tool == "finish":
        return "Finish"
    words = _WORDS.get(tool or "", tool or {"edit": "Change", "command": "Run"}.get(kind, "Look"))
    shown = " ".join(f"{words} {_about(about)}".split()) if about else words
    return shown if len(shown) <= _MOST_CHARS else f"{shown[: _MOST_CHARS - 1]}…"


def _about(about: str) -> str:
    if about.startswith("["):
        try:
            return " ".join(str(each) for each in json.loads(about))
        except ValueError:
            return about
    return about
