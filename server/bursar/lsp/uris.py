"""Paths of the URIs that a client names."""

from __future__ import annotations

import os

from pygls.uris import to_fs_path


def path_of(uri: str) -> str | None:
    """The absolute real path of a file URI; None for what is no file, or can be none."""
    if not uri.lower().startswith("file:"):
        return None
    try:
        path = to_fs_path(uri)
        return os.path.realpath(path) if path else None
    except ValueError:
        return None  # a zero byte, or a bracket in the place of a host
