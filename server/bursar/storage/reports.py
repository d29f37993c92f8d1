"""The report as a file of the user's own: whole or not there, and closed to others, since it names tasks and files."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from bursar.storage.errors import translated

_NAME = "report.html"


def report_path(home: Path) -> Path:
    """Where the report is kept that nobody gave a place."""
    return home / _NAME


def keep_report(path: Path, html: str) -> None:
    """Put it there, over what was there. Raises StorageError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with translated(path):
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(html.encode())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def drop_report(home: Path) -> None:
    """Forget it: it holds titles of tasks that may just have been erased."""
    report_path(home).unlink(missing_ok=True)
