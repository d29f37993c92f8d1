"""Paths of the URIs that a client names."""

from __future__ import annotations

import os

from pygls.uris import to_fs_path


def path_of(uri: str) -> str | None:
    """The absolute real path of a file URI; None for what is no file."""
    if not uri.lower().startswith("file:"):
        return None
    path = to_fs_path(uri)
    return os.path.realpath(path) if path else None
