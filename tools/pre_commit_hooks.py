"""Write .pre-commit-hooks.yaml from the kinds of files that an agent reads.

.venv/bin/python tools/pre_commit_hooks.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from bursar.domain.instructions.kinds import BESIDE_TASKS, DEFAULT_GLOBS, Globs, regex_of

FILE = Path(__file__).resolve().parent.parent / ".pre-commit-hooks.yaml"
# Transcripts and code are many, and only some of them have anything to check.
_LEFT_OUT = ("chat", "code")


def checked() -> Globs:
    """The globs of what the hook checks."""
    beside: Globs = [(f"**/{name}", kind) for name, kind in BESIDE_TASKS.items()]
    return [*((glob, kind) for glob, kind in DEFAULT_GLOBS if kind not in _LEFT_OUT), *beside]


def hooks() -> str:
    """The file. Its place and its keys are pre-commit's."""
    files = regex_of(checked()).replace("'", "''")
    return f"""\
# Made by tools/pre_commit_hooks.py; changes go there.
- id: bursar-check
  name: bursar check
  description: Check specs, steering files, prompts and instructions for agents; fails on warnings and errors.
  entry: bursar check
  language: python
  files: '{files}'
  types: [text]
  require_serial: true
"""


def main() -> None:
    """Write it where it differs."""
    if not FILE.exists() or FILE.read_text("utf-8") != hooks():
        FILE.write_text(hooks(), "utf-8", newline="\n")
        sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
