"""What the end-to-end tests need on the machine, and what happens where it is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / "build" / "editor"
CLIENT = REPOSITORY / "client-vscode"


def is_required() -> bool:
    """Whether a missing editor is a failure here (BURSAR_REQUIRE_E2E=1) and not a skip."""
    return os.environ.get("BURSAR_REQUIRE_E2E") == "1"


def chromium() -> str | None:
    """The browser, or None where there is none."""
    return os.environ.get("BURSAR_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def missing_for_workbench() -> str | None:
    """One line that says what the workbench tests lack; None where all is there."""
    if chromium() is None:
        return "no chromium: run `make deps`"
    if not (TOOLS / ".installed").exists():
        return "the workbench is not installed below build/editor: run `make editor-env`"
    if not (CLIENT / "node_modules" / ".bin" / "vsce").exists():
        return "the client's tools are not installed: run `make editor-env`"
    return None


def require_e2e(missing: str | None) -> None:
    """Go on where nothing is missing; otherwise skip with that line, or fail with it where editors are required."""
    if missing is None:
        return
    if is_required():
        pytest.fail(f"e2e: {missing}", pytrace=False)
    pytest.skip(f"e2e: {missing}")
