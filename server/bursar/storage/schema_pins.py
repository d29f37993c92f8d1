"""The step of the schema that keeps what the user has pinned."""

from __future__ import annotations

PINS = """
CREATE TABLE pin (
    workspace TEXT NOT NULL,
    path TEXT NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    pinned_at TEXT NOT NULL,
    PRIMARY KEY (workspace, path, first_line, last_line)
) STRICT;
"""
