"""The step of the schema for what budgets keep: raises for one scope and period, what was told, providers' windows.

A step never changes once a store may have taken it: what is written here is written out, and shared with nobody.
"""

from __future__ import annotations

BUDGETS = """
CREATE TABLE raised (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    workspace TEXT NOT NULL,
    unit TEXT NOT NULL,
    value INTEGER NOT NULL CHECK (value > 0),
    run TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX raised_by_scope ON raised (kind, key, workspace, unit, value);

CREATE TABLE warned (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    workspace TEXT NOT NULL,
    unit TEXT NOT NULL,
    "limit" INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (kind, key, workspace, unit, "limit", percent)
) STRICT;

CREATE TABLE provider_window (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    remaining INTEGER NOT NULL,
    "limit" INTEGER NOT NULL,
    resets_at TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (provider, model, kind)
) STRICT;
"""
