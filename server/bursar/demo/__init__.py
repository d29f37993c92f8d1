"""The example workspace and its scripted model, shipped in the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

MODEL = "claude-sonnet-5-5"
SPEC = ".kiro/specs/shipping-quote"

LIMIT_TASK = "2.2"
"""The task whose fourth request meets a usage limit once."""
KILL_TASK = "3.1"
"""The task with one long streamed answer, in the middle of which the process is killed."""
KILL_TOOL_RESULTS = 4
"""How many tool results the request of that long answer holds."""
KILL_AFTER_CHARS = 700
"""How much of that answer has arrived when the process is killed."""

_TESTS = ("python3", "-m", "unittest", "-q")
ALLOWED_COMMANDS: tuple[tuple[str, ...], ...] = (
    (*_TESTS, "tests.test_rates"),
    (*_TESTS, "tests.test_surcharges"),
    (*_TESTS, "tests.test_quoting"),
    _TESTS,
)
"""Every command that the scripted model asks for, in the order of the tasks."""


def workspace_path() -> Path:
    """The folder of the example workspace as shipped; nothing is ever run in it."""
    return Path(__file__).parent / "workspace"


def copy_workspace(to: Path) -> Path:
    """Copy the example workspace to a folder that is not there yet, and give that folder. Raises OSError."""
    # An installer may have compiled the shipped files.
    shutil.copytree(workspace_path(), to, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def scenario_path() -> Path:
    """The scenario of the simulated provider for that workspace."""
    return Path(__file__).parent / "scenario.json"
