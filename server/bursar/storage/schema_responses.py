"""The table of Bursar's own response cache."""

RESPONSES = """
CREATE TABLE response (
    workspace TEXT NOT NULL,
    key TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES run,
    text BLOB NOT NULL,
    stop_reason TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    kept_at TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (workspace, key)
) STRICT;
CREATE INDEX response_by_use ON response (used);
CREATE INDEX response_by_run ON response (run);
"""
