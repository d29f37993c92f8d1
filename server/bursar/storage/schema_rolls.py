"""The step of the schema that gives ledger rows what reports ask for, and one table to all sums.

A step never changes once a store may have taken it: what is written here is written out, and shared with nobody.
"""

from __future__ import annotations

_USAGE = "uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning"
_COUNTS = "attempts, failed, requests, estimated_requests, unknown_requests, unpriced_requests"
_SUMS = f"{_COUNTS}, {_USAGE}, cost_pico, estimated_pico, at_most_pico, at_most_tokens"
_TOTALS = ", ".join(f"sum({name})" for name in _SUMS.split(", "))
_TOTALS_NAMED = ", ".join(f"sum({name}) AS {name}" for name in _SUMS.split(", "))
_ABOUT = "local_day, workspace, agent, model, spec || '#' || task AS task, coalesce(file, '') AS file, session"

_COLUMNS = """
ALTER TABLE ledger ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN agent TEXT NOT NULL DEFAULT 'bursar';
ALTER TABLE ledger ADD COLUMN prompt_version TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN operation TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN outcome TEXT NOT NULL DEFAULT ''
    CHECK (outcome IN ('', 'answered', 'failed', 'stopped'));
ALTER TABLE ledger ADD COLUMN at_most_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hold ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN prompt_version TEXT NOT NULL DEFAULT '';

CREATE TABLE prompt_document (
    prompt_version TEXT NOT NULL,
    place INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (prompt_version, place)
) STRICT;

CREATE TABLE not_taken (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    local_day TEXT NOT NULL,
    workspace TEXT NOT NULL,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    spec TEXT NOT NULL,
    task TEXT NOT NULL,
    file TEXT,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    prompt_version TEXT NOT NULL,
    UNIQUE (run, step, attempt)
) STRICT;

"""
_VIEW = f"""
CREATE VIEW fact AS
SELECT {_ABOUT}, prompt_version AS prompt, 1 AS attempts,
    outcome = 'failed' OR (outcome = '' AND certainty = 'unknown') AS failed, 1 AS requests,
    certainty = 'estimated' AS estimated_requests, certainty = 'unknown' AS unknown_requests,
    unpriced AS unpriced_requests, {_USAGE}, coalesce(cost_pico, 0) AS cost_pico,
    iif(certainty = 'estimated', coalesce(cost_pico, 0), 0) AS estimated_pico,
    iif(cost_pico IS NULL, at_most_pico, 0) AS at_most_pico, at_most_tokens
FROM ledger
UNION ALL
SELECT {_ABOUT}, prompt_version, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM not_taken
UNION ALL
SELECT local_day, workspace, agent, model, '', '', session, '', requests, 0, requests, 0, 0, unpriced, {_USAGE},
    coalesce(cost_pico, 0), 0, 0, 0
FROM imported;
"""  # noqa: S608 - names of our own
_ROLL = f"""
CREATE TABLE roll (
    dimension TEXT NOT NULL,
    local_day TEXT NOT NULL,
    key TEXT NOT NULL,
    workspace TEXT NOT NULL,
    agent TEXT NOT NULL,
    {", ".join(f"{name} INTEGER NOT NULL" for name in _SUMS.split(", "))},
    PRIMARY KEY (dimension, local_day, key, workspace, agent)
) STRICT, WITHOUT ROWID;
"""
_FILL = "".join(
    f"INSERT INTO roll SELECT '{dimension}', local_day, {key}, workspace, agent, {_TOTALS} FROM fact"  # noqa: S608
    f" GROUP BY local_day, {key}, workspace, agent;\n"
    for dimension, key in [("day", "''"), *((each, each) for each in ("model", "task", "file", "session", "prompt"))]
)
_OVER_ALL = (
    f"INSERT INTO roll SELECT dimension, '*', key, workspace, agent, {_TOTALS} FROM roll"  # noqa: S608
    " GROUP BY dimension, key, workspace, agent;\n"
)

ROLLS = f"{_COLUMNS}{_VIEW}{_ROLL}{_FILL}{_OVER_ALL}DROP TABLE roll_day;\n"

# Of other agents' requests some are known by rounded figures only.
IMPORTED_CERTAINTY = (
    "ALTER TABLE imported ADD COLUMN certainty TEXT NOT NULL DEFAULT 'billed';\nDROP VIEW fact;"
    + _VIEW.replace(
        f"session, '', requests, 0, requests, 0, 0, unpriced, {_USAGE},\n"
        "    coalesce(cost_pico, 0), 0, 0, 0\nFROM imported",
        f"session, '', requests, 0, requests, iif(certainty = 'estimated', requests, 0), 0, unpriced, {_USAGE},\n"
        "    coalesce(cost_pico, 0), iif(certainty = 'estimated', coalesce(cost_pico, 0), 0), 0, 0\nFROM imported",
    )
)

# Sums over all days of what belongs to no one workspace are one row for each key; the dearest are found by an index.
_NAMES = f"dimension, local_day, key, workspace, agent, {_SUMS}"
DEAREST = f"""
DELETE FROM roll WHERE local_day = '*' AND dimension IN ('session', 'prompt');
INSERT INTO roll ({_NAMES}) SELECT dimension, '*', key, '', agent, {_TOTALS} FROM roll
    WHERE local_day <> '*' AND dimension IN ('session', 'prompt') GROUP BY dimension, key, agent;
CREATE INDEX roll_dearest ON roll (dimension, cost_pico) WHERE local_day = '*';
"""  # noqa: S608 - names of our own

# What a model and a day cost is asked for over all folders, weeks at a time: one row a day for each.
OVER_WORKSPACES = f"""
CREATE TEMP TABLE by_model AS SELECT dimension, local_day, key, '' AS workspace, agent, {_TOTALS_NAMED} FROM roll
    WHERE dimension = 'model' GROUP BY local_day, key, agent;
DELETE FROM roll WHERE dimension = 'model';
INSERT INTO roll ({_NAMES}) SELECT {_NAMES} FROM by_model;
DROP TABLE by_model;
INSERT INTO roll ({_NAMES}) SELECT 'total', local_day, '', '', agent, {_TOTALS} FROM roll
    WHERE dimension = 'day' GROUP BY local_day, agent;
"""  # noqa: S608 - names of our own
