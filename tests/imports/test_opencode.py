"""opencode: its database, and its files of before, are what the provider billed; damage is told, never counted."""

from __future__ import annotations

import json
import os
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.storage import SqliteJournal

from .logs import imports
from .recorded import FIXTURES, ask, bill_of, database, every_copy_counts, imported, is_the_bill, spent

NEWEST = "opencode-1.18.33"
FILES = ("opencode-1.1.65",)
TABLES = (
    "CREATE TABLE session (id TEXT PRIMARY KEY, parent_id TEXT);"
    "CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_updated INTEGER, data TEXT);"
)
MS = 1_795_000_000_000


def message(number: int, **more: Any) -> dict[str, Any]:
    """A message of 100 tokens of input, 1,000 read, 20 written and 10 of output: 1,140 pico-dollar millions."""
    counts = {"input": 100, "output": 10, "reasoning": 0, "cache": {"read": 1_000, "write": 20}}
    return {
        "id": f"msg_{number}",
        "sessionID": "ses_1",
        "role": "assistant",
        "mode": "build",
        "path": {"cwd": "/home/ada/project"},
        "cost": 0.0125,
        "tokens": counts,
        "modelID": "claude-sonnet-5-5",
        "providerID": "anthropic",
        "time": {"created": MS + number, "completed": MS + number + 500},
        **more,
    }


PICO = (100 + 1_000 + 20 + 2 * 10) * 10**6


def fill(path: Path, *messages: dict[str, Any]) -> Path:
    """A database with these messages, each updated when it was made."""
    with apsw.Connection(str(path)) as db:
        db.execute(TABLES)
        add(db, *messages)
    db.close()
    return path


def add(db: apsw.Connection, *messages: dict[str, Any]) -> None:
    for each in messages:
        updated = each["time"]["created"]
        row = (each["id"], each["sessionID"], updated, json.dumps(each))
        db.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?)", row)


def total(journal: SqliteJournal) -> tuple[int, int]:
    rows = ask(journal, "SELECT coalesce(sum(cost_pico), 0), coalesce(sum(requests), 0) FROM imported")
    return rows[0][0], rows[0][1]


def test_the_imported_total_is_the_bill(journal: SqliteJournal, logs: Path) -> None:
    file = database(NEWEST, logs)
    before = {each.name: each.read_bytes() for each in logs.iterdir()}
    done = imported(journal, NEWEST, logs)
    # The fork holds four copied messages.
    assert (done.files, done.skipped, done.posted.added, done.posted.duplicates) == (1, 0, 6, 4)
    is_the_bill(journal, NEWEST)
    assert {each.name: each.read_bytes() for each in logs.iterdir()} == before
    assert not (journal.path.parent / "import-copy").exists()
    assert imported(journal, NEWEST, logs).records == 0
    os.utime(file, ns=(1, 1))
    again = imported(journal, NEWEST, logs)
    assert (again.posted.added, again.posted.duplicates) == (0, again.records)
    is_the_bill(journal, NEWEST)


def test_control_where_copies_count_the_total_is_too_high(journal: SqliteJournal, logs: Path) -> None:
    database(NEWEST, logs)
    with every_copy_counts("opencode"):
        imported(journal, NEWEST, logs)
    assert spent(journal) > Decimal(bill_of(NEWEST)["total_usd"]) * Decimal("1.3")


def test_a_sub_agent_and_a_fork_are_sessions_of_their_own(journal: SqliteJournal, logs: Path) -> None:
    database(NEWEST, logs)
    imported(journal, NEWEST, logs)
    rows = ask(journal, "SELECT session, parent_session, sum(requests) FROM imported GROUP BY 1, 2")
    sessions = {session: number for session, parent, number in rows if parent is None}
    assert sorted(sessions.values()) == [1, 4]
    assert [(parent in sessions, number) for _, parent, number in rows if parent] == [(True, 1)]
    assert ask(journal, "SELECT DISTINCT reported_pico IS NULL, workspace FROM imported") == [
        (0, "/tmp/bursar-recording/project")
    ]


@pytest.mark.parametrize("recording", FILES)
def test_files_of_older_versions_are_the_bill_too(journal: SqliteJournal, recording: str) -> None:
    done = imported(journal, recording, FIXTURES / recording)
    assert done.skipped == 0
    is_the_bill(journal, recording)
    assert ask(journal, "SELECT count(DISTINCT parent_session) FROM imported") == [(1,)]
    assert imported(journal, recording, FIXTURES / recording).records == 0


def test_files_and_the_database_that_took_them_over_count_once(journal: SqliteJournal, logs: Path) -> None:
    messages = [message(number) for number in range(5)]
    for each in messages:
        file = logs / "storage" / "message" / "ses_1" / f"{each['id']}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(each))
    imports(journal, "opencode", logs)
    fill(logs / "opencode.db", *messages, message(9))
    done = imports(journal, "opencode", logs)
    assert (done.posted.added, done.posted.duplicates) == (1, 5)
    assert total(journal) == (6 * PICO, 6)


def test_a_message_of_several_steps_is_all_of_them(journal: SqliteJournal, logs: Path) -> None:
    """Versions before 1.0 made several requests for one message, whose own figures are those of the last."""
    storage = logs / "storage"
    (storage / "message" / "ses_1").mkdir(parents=True)
    (storage / "message" / "ses_1" / "msg_1.json").write_text(json.dumps(message(1)))
    (storage / "part" / "msg_1").mkdir(parents=True)
    for number in range(3):
        step = {"type": "step-finish", "cost": 0, "tokens": message(1)["tokens"]}
        (storage / "part" / "msg_1" / f"prt_{number}.json").write_text(json.dumps(step))
    (storage / "part" / "msg_1" / "prt_9.json").write_text('{"type": "step-finish", "tokens": {"input": 5')
    (storage / "part" / "msg_1" / "prt_8.json").write_text(json.dumps({"type": "text", "text": "x" * 100_000}))
    imports(journal, "opencode", logs)
    assert total(journal) == (3 * PICO, 1)


def test_what_is_under_way_counts_when_it_has_ended(journal: SqliteJournal, logs: Path) -> None:
    begun = message(1, time={"created": MS})
    fill(logs / "opencode.db", begun, {"id": "u", "sessionID": "ses_1", "role": "user", "time": {"created": MS}})
    assert imports(journal, "opencode", logs).records == 0
    with apsw.Connection(str(logs / "opencode.db")) as db:
        add(db, message(1))
    assert imports(journal, "opencode", logs).posted.added == 1
    assert total(journal) == (PICO, 1)


def test_only_messages_that_changed_are_read_again(journal: SqliteJournal, logs: Path) -> None:
    day_ms = 24 * 3_600_000
    old = [message(number, time={"created": MS - 9 * day_ms + number, "completed": MS}) for number in range(50)]
    fill(logs / "opencode.db", *old, message(60))
    assert imports(journal, "opencode", logs).records == 51
    with apsw.Connection(str(logs / "opencode.db")) as db:
        add(db, message(61))
    done = imports(journal, "opencode", logs)
    assert (done.records, done.posted.added, done.posted.duplicates) == (2, 1, 1)
    # Another file in its place is read from its beginning.
    fill(logs / "new.db", *old, message(62))
    (logs / "new.db").rename(logs / "opencode.db")
    assert imports(journal, "opencode", logs).posted.added == 1


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_half_written_log_of_changes_is_read_up_to_there(journal: SqliteJournal, logs: Path, cut: float) -> None:
    file = database(NEWEST, logs)
    log = file.with_name("opencode.db-wal")
    whole = log.read_bytes()
    log.write_bytes(whole[: int(len(whole) * cut)])
    imported(journal, NEWEST, logs)
    assert spent(journal) <= Decimal(bill_of(NEWEST)["total_usd"])
    log.write_bytes(whole)
    assert imported(journal, NEWEST, logs).skipped == 0
    is_the_bill(journal, NEWEST)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no table 'session'"),
        (b"SQLite format 3\0" + b"\0" * 500, "SQLite says"),
        (b"no database at all" * 100, "SQLite says"),
    ],
)
def test_what_is_no_database_is_told(journal: SqliteJournal, logs: Path, content: bytes, why: str) -> None:
    (logs / "opencode.db").write_bytes(content)
    done = imports(journal, "opencode", logs)
    assert [each.line for each in done.skips] == [0]
    assert why in done.skips[0].why
    assert total(journal) == (0, 0)


def test_a_database_with_a_torn_page_loses_nothing_that_can_be_read(journal: SqliteJournal, logs: Path) -> None:
    file = fill(logs / "opencode.db", *(message(number) for number in range(400)))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3] + b"\xff" * 4_096)
    done = imports(journal, "opencode", logs)
    assert [(each.line, each.why[:11]) for each in done.skips] == [(0, "SQLite says")]
    file.write_bytes(whole)
    assert imports(journal, "opencode", logs).skipped == 0
    assert total(journal) == (400 * PICO, 400)


def test_tables_that_are_others_are_told(journal: SqliteJournal, logs: Path) -> None:
    with apsw.Connection(str(logs / "opencode.db")) as db:
        db.execute("CREATE TABLE session (id, parent_id); CREATE VIEW message AS SELECT 1 AS data")
    assert [each.why for each in imports(journal, "opencode", logs).skips] == [
        "it has no table 'message', so it is not a database that this reader knows"
    ]
    (logs / "opencode.db").unlink()
    with apsw.Connection(str(logs / "opencode.db")) as db:
        db.execute("CREATE TABLE session (id, parent_id); CREATE TABLE message (session_id, data)")
    assert [each.why for each in imports(journal, "opencode", logs).skips] == [
        "its table 'message' has no column 'time_updated'"
    ]


DAMAGE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"tokens": {"input": -5}}, "its input is -5"),
    ({"tokens": {"input": "many"}}, 'its input is "many"'),
    ({"tokens": {"output": 10**13}}, "which cannot be a number of tokens"),
    ({"tokens": {"output": 1.5}}, "its output is 1.5"),
    ({"time": {"created": 10**18, "completed": 1}}, "its time is 1000000000000000000"),
    ({"time": {"created": "soon", "completed": 1}}, 'its time is "soon"'),
    ({"time": {"created": -1, "completed": 1}}, "its time is -1"),
)


def test_figures_that_cannot_be_are_told(journal: SqliteJournal, logs: Path) -> None:
    with apsw.Connection(str(fill(logs / "opencode.db", message(1)))) as db:
        for number, (damage, _) in enumerate(DAMAGE, start=2):
            bad = json.dumps(message(number, **damage))
            db.execute("INSERT INTO message VALUES (?, 'ses_1', ?, ?)", (f"b{number}", MS, bad))
        db.execute("INSERT INTO message VALUES ('c', 'ses_1', ?, ?)", (MS, '{"role": "assistant", "tok'))
        db.execute("INSERT INTO message VALUES ('d', 'ses_1', ?, ?)", (MS, None))
        db.execute("INSERT INTO message VALUES ('e', ?, 'never', CAST(x'7b22ff227d' AS TEXT))", (5,))
    done = imports(journal, "opencode", logs)
    assert [each.line for each in done.skips] == [2, 3, 4, 5, 6, 7, 8, 9, 11]
    for each, (_, why) in zip(done.skips, DAMAGE, strict=False):
        assert why in each.why
    assert [each.why for each in done.skips[7:]] == ["it is not JSON"] * 2
    assert total(journal) == (PICO, 1)


def test_damaged_files_are_told_once_and_read_when_they_are_whole(journal: SqliteJournal, logs: Path) -> None:
    folder = logs / "message" / "ses_1"
    folder.mkdir(parents=True)
    whole = json.dumps(message(1))
    (folder / "msg_1.json").write_text(whole[:100])
    (folder / "msg_2.json").write_text("")
    (folder / "msg_3.json").write_text("[]")
    (folder / "msg_4.json").symlink_to(folder / "msg_1.json")
    done = imports(journal, "opencode", logs)
    assert sorted(each.why for each in done.skips) == [
        "it is a link, and links are not followed",
        "it is not JSON",
        "it is not JSON",
        "it is not a JSON object",
    ]
    (folder / "msg_1.json").write_text(whole)
    assert imports(journal, "opencode", logs).posted.added == 1


def test_a_link_in_the_place_of_the_log_of_changes_is_not_followed(
    journal: SqliteJournal, logs: Path, tmp_path: Path
) -> None:
    file = database(NEWEST, logs)
    log = file.with_name("opencode.db-wal")
    shutil.move(log, tmp_path / "secret")
    log.symlink_to(tmp_path / "secret")
    done = imported(journal, NEWEST, logs)
    assert [each.why[:17] for each in done.skips] == ["it cannot be read"]
    assert total(journal) == (0, 0)


def test_reasoning_is_within_the_output_or_beside_it(journal: SqliteJournal, logs: Path) -> None:
    counts = {"input": 100, "output": 10, "reasoning": 6, "cache": {"read": 0, "write": 0}}
    fill(
        logs / "opencode.db",
        message(1, tokens=counts),
        message(2, tokens={**counts, "total": 110}),
        message(3, tokens={**counts, "total": 116}),
    )
    imports(journal, "opencode", logs)
    assert ask(journal, "SELECT output, reasoning FROM imported ORDER BY n") == [(10, 6), (10, 6), (16, 6)]


def test_a_model_that_nobody_has_a_price_for_is_not_free(journal: SqliteJournal, logs: Path) -> None:
    fill(logs / "opencode.db", message(1, modelID="new"))
    assert imports(journal, "opencode", logs).unpriced == {"new"}
    assert ask(journal, "SELECT cost_pico, unpriced, reported_pico FROM imported") == [(None, 1, 12_500_000_000)]
