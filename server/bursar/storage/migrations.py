"""The schema, as an ordered list of steps from the empty file on; each is one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import apsw

from bursar.domain.errors import StoreDamaged, StoreNewer
from bursar.domain.ports import Failpoint, nowhere
from bursar.storage.schema_bounds import BOUNDS
from bursar.storage.schema_budgets import BUDGETS
from bursar.storage.schema_pins import PINS
from bursar.storage.schema_responses import RESPONSES
from bursar.storage.schema_rolls import DEAREST, IMPORTED_CERTAINTY, OVER_WORKSPACES, ROLLS
from bursar.storage.schema_warm import WARM

_FIRST = """
CREATE TABLE text (
    sha256 TEXT PRIMARY KEY,
    zlib BLOB NOT NULL
) STRICT;

CREATE TABLE run (
    run TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    spec TEXT NOT NULL,
    task_id TEXT,
    task_address TEXT NOT NULL,
    task_title TEXT NOT NULL,
    task_title_sha256 TEXT NOT NULL,
    task_line INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    ceiling_pico INTEGER CHECK (ceiling_pico >= 0),
    first_request_sha256 TEXT,
    counted_tokens INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'in_doubt', 'finished', 'failed')),
    reason TEXT,
    detail TEXT,
    resume_at TEXT,
    pause_requested INTEGER NOT NULL DEFAULT 0,
    stop_requested INTEGER NOT NULL DEFAULT 0,
    tick_pending INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    seconds_run REAL NOT NULL DEFAULT 0,
    erased_at TEXT
) STRICT;
CREATE INDEX run_by_workspace ON run (workspace, created_at);
CREATE INDEX run_by_age ON run (updated_at) WHERE erased_at IS NULL;

CREATE TABLE step (
    run TEXT NOT NULL REFERENCES run,
    key TEXT NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('model', 'edit', 'command', 'look', 'tick')),
    status TEXT NOT NULL CHECK (status IN ('intent', 'done', 'failed', 'in_doubt')),
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    hold TEXT,
    hold_pico INTEGER NOT NULL DEFAULT 0,
    request_id TEXT,
    body_sha256 TEXT,
    prompt_sha256 TEXT,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    local_day TEXT,
    intent TEXT NOT NULL,
    result TEXT,
    why TEXT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (run, key)
) STRICT;
CREATE INDEX step_by_body ON step (body_sha256);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_run ON event (run, seq);

CREATE TABLE hold (
    hold TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES run,
    key TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    workspace TEXT NOT NULL,
    local_day TEXT NOT NULL,
    amount_pico INTEGER NOT NULL CHECK (amount_pico >= 0),
    amount_tokens INTEGER NOT NULL CHECK (amount_tokens >= 0),
    at TEXT NOT NULL,
    UNIQUE (run, key, attempt)
) STRICT;
CREATE INDEX hold_by_day ON hold (local_day);

CREATE TABLE ledger (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    local_day TEXT NOT NULL,
    workspace TEXT NOT NULL,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    spec TEXT NOT NULL,
    task TEXT NOT NULL,
    file TEXT,
    line INTEGER,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    uncached_input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    usage_raw TEXT,
    unit_prices TEXT,
    rate_card TEXT,
    cost_pico INTEGER,
    at_most_pico INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    certainty TEXT NOT NULL CHECK (certainty IN ('billed', 'estimated', 'unknown')),
    body_sha256 TEXT NOT NULL,
    prompt_sha256 TEXT NOT NULL,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    chain TEXT NOT NULL,
    UNIQUE (run, step, attempt)
) STRICT;
CREATE INDEX ledger_by_day ON ledger (local_day, cost_pico, at_most_pico);
CREATE INDEX ledger_by_workspace ON ledger (workspace, n);

CREATE TABLE roll_day (
    local_day TEXT NOT NULL,
    workspace TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    unpriced_requests INTEGER NOT NULL,
    uncached_input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost_pico INTEGER NOT NULL,
    at_most_pico INTEGER NOT NULL,
    PRIMARY KEY (local_day, workspace, model)
) STRICT;

CREATE TABLE budget (
    kind TEXT PRIMARY KEY,
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens', 'requests')),
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT;
"""

_REWINDS = """
ALTER TABLE run ADD COLUMN rewinding TEXT;

CREATE TABLE set_aside (
    run TEXT NOT NULL REFERENCES run,
    rewind INTEGER NOT NULL,
    key TEXT NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    hold TEXT,
    hold_pico INTEGER NOT NULL,
    request_id TEXT,
    body_sha256 TEXT,
    prompt_sha256 TEXT,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    local_day TEXT,
    intent TEXT NOT NULL,
    result TEXT,
    why TEXT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (run, rewind, key)
) STRICT;
CREATE INDEX set_aside_by_step ON set_aside (run, key);
CREATE INDEX set_aside_by_body ON set_aside (body_sha256);
"""

_OPERATIONS = """
ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'task' CHECK (kind IN ('task', 'split', 'review'));
ALTER TABLE run ADD COLUMN about TEXT;
"""

# A request of another agent is one row, and one more for each difference that a fuller record of it makes: its figures
# are the sums over its versions. ``requests`` and ``unpriced`` are what a row adds to those counts.
_IMPORTS = """
CREATE TABLE imported (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    message_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    session TEXT NOT NULL,
    parent_session TEXT,
    at TEXT NOT NULL,
    local_day TEXT NOT NULL,
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    uncached_input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    cost_pico INTEGER,
    unit_prices TEXT,
    rate_card TEXT,
    reported_pico INTEGER,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    imported_at TEXT NOT NULL,
    UNIQUE (agent, message_id, request_id, version)
) STRICT;
CREATE INDEX imported_by_day ON imported (local_day, agent);

CREATE TABLE imported_file (
    agent TEXT NOT NULL,
    file TEXT NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    line INTEGER NOT NULL,
    head_bytes INTEGER NOT NULL,
    head_sha256 TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (agent, file)
) STRICT;

CREATE TABLE imported_agent (
    agent TEXT PRIMARY KEY,
    imported_at TEXT NOT NULL
) STRICT;
"""

_TRAITS = """
ALTER TABLE run ADD COLUMN task_kind TEXT;
ALTER TABLE run ADD COLUMN task_chars INTEGER;
ALTER TABLE run ADD COLUMN files_named INTEGER;
ALTER TABLE run ADD COLUMN first_pico INTEGER;
CREATE INDEX run_by_end ON run (updated_at) WHERE kind = 'task' AND state IN ('finished', 'failed');
"""

# What is needed to look for the price of a request again that had none when it was imported.
_IMPORTED_TIER = """
ALTER TABLE imported ADD COLUMN tier TEXT NOT NULL DEFAULT '';
CREATE INDEX imported_unpriced ON imported (agent, n) WHERE unpriced > 0;
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _REWINDS,
    _OPERATIONS,
    _IMPORTS,
    ROLLS,
    _TRAITS,
    BUDGETS,
    DEAREST,
    _IMPORTED_TIER,
    IMPORTED_CERTAINTY,
    BOUNDS,
    OVER_WORKSPACES,
    PINS,
    RESPONSES,
    WARM,
)


def migrate(
    connection: apsw.Connection,
    path: Path,
    migrations: Sequence[str] = MIGRATIONS,
    *,
    failpoint: Failpoint = nowhere,
) -> None:
    """Bring the file to the newest schema, one transaction for each step.

    Raises StoreNewer for a file of a newer Bursar and StoreDamaged for another program's; neither is changed.
    """
    version = schema_version(connection, path)
    if version > len(migrations):
        raise StoreNewer(
            f"{path} was written by a newer Bursar (its format is {version}, this one knows {len(migrations)});"
            " it was left alone. Get a newer Bursar, or set BURSAR_HOME to another folder."
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if number == 1:
                _begin_meta(connection)
            connection.execute(script)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(number),))
            failpoint("in_migration")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def schema_version(connection: apsw.Connection, path: Path) -> int:
    """The version of the file's schema; 0 for a database without tables."""
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return 0
    found = None
    if "meta" in tables:
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").get
    if not isinstance(found, str) or not found.isdigit():
        raise StoreDamaged(
            f"{path} is a database, but not one of Bursar's; it was left as it is."
            " Move it away, or set BURSAR_HOME to another folder."
        )
    return int(found)


def _begin_meta(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    for key, value in (("schema_version", "0"), ("database_id", secrets.token_hex(16)), ("chain_head", "")):
        connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
