"""Where Bursar keeps what it remembers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def home_folder(environ: Mapping[str, str]) -> Path:
    """Where state lives: BURSAR_HOME, else the platform's folder for this user's data."""
    chosen = environ.get("BURSAR_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("bursar", appauthor=False)
