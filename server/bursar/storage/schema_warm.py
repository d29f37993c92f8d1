"""The step of the schema that knows requests which only keep a prompt in its provider's cache."""

from __future__ import annotations

WARM = """
ALTER TABLE run ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
CREATE INDEX run_by_purpose ON run (purpose) WHERE purpose <> '';
CREATE INDEX ledger_by_purpose ON ledger (operation, local_day) WHERE operation = 'keep_warm';
"""
