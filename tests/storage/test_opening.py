"""What is found in the place of the store: made, migrated, or named and left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import BadInput, Refused, StorageError, StoreDamaged, StoreFull, StoreNewer, StoreReadOnly
from bursar.storage.connect import check_library
from bursar.storage.errors import Damaged, as_storage_error
from bursar.storage.migrations import MIGRATIONS, migrate, schema_version
from bursar.storage.rows import LEDGER_COLUMNS, RUN_COLUMNS, STEP_COLUMNS

from .building import ask_file, begin, change_file, open_at, owned, settle


def test_a_store_is_made_durable_versioned_and_opened_again(home: Path) -> None:
    open_at(home).close()
    (before,) = ask_file(home, "SELECT value FROM meta WHERE key = 'database_id'")
    assert len(before[0]) == 32
    assert ask_file(home, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(len(MIGRATIONS)),)]
    assert ask_file(home, "PRAGMA journal_mode") == [("wal",)]
    open_at(home).close()
    assert ask_file(home, "SELECT value FROM meta WHERE key = 'database_id'") == [before]
    assert not list(home.glob("*.new*"))


def test_the_writer_is_as_strict_as_money_needs(home: Path) -> None:
    journal = open_at(home)

    def pragmas(db: apsw.Connection) -> dict[str, object]:
        names = ("synchronous", "secure_delete", "foreign_keys", "journal_mode", "busy_timeout")
        return {name: db.pragma(name) for name in names}

    assert journal._writer.submit(pragmas, alone=True).result() == {
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "journal_mode": "wal",
        "busy_timeout": 30_000,
    }
    journal.close()


def test_the_columns_are_those_of_the_values(home: Path) -> None:
    open_at(home).close()
    have = {
        table: {name for (name,) in ask_file(home, f"SELECT name FROM pragma_table_info('{table}')")}
        for table in ("ledger", "run", "step")
    }
    assert have["ledger"] == {*LEDGER_COLUMNS, "n", "chain"}
    assert have["run"] >= set(RUN_COLUMNS)
    wanted = {"hold", "prompt_sha256", "ttft_ms", "duration_ms", "local_day"}
    assert have["step"] >= {*STEP_COLUMNS, *wanted}


def test_a_database_without_tables_is_migrated_from_version_0(home: Path) -> None:
    home.mkdir()
    connection = apsw.Connection(str(home / "bursar.db"))
    connection.execute("CREATE TABLE gone (x); DROP TABLE gone")
    assert schema_version(connection, home) == 0
    connection.close()
    assert (home / "bursar.db").stat().st_size > 0
    open_at(home).close()
    assert ask_file(home, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(len(MIGRATIONS)),)]


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    connection = apsw.Connection(str(path))
    migrate(connection, path)
    later = (*MIGRATIONS, "ALTER TABLE run ADD COLUMN colour TEXT; CREATE TABLE wrong (")
    with pytest.raises(apsw.SQLError):
        migrate(connection, path, later)
    assert schema_version(connection, path) == len(MIGRATIONS)
    columns = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('run')")}
    assert "colour" not in columns
    migrate(connection, path, (*MIGRATIONS, "ALTER TABLE run ADD COLUMN colour TEXT"))
    assert schema_version(connection, path) == len(MIGRATIONS) + 1
    connection.close()


async def test_rows_are_kept_by_a_later_migration(home: Path) -> None:
    journal = open_at(home)
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})
    journal.close()
    connection = apsw.Connection(str(home / "bursar.db"))
    migrate(connection, home, (*MIGRATIONS, "ALTER TABLE step ADD COLUMN colour TEXT DEFAULT 'red'"))
    assert connection.execute("SELECT key, status, colour FROM step").fetchall() == [("m1", "done", "red")]
    connection.close()


def test_a_newer_store_is_refused_and_left_as_it_is(home: Path) -> None:
    open_at(home).close()
    change_file(home, "UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    before = (home / "bursar.db").read_bytes()
    with pytest.raises(StoreNewer, match=r"bursar\.db was written by a newer Bursar .*999"):
        open_at(home)
    assert (home / "bursar.db").read_bytes() == before


def test_another_programs_database_is_left_alone(home: Path) -> None:
    home.mkdir()
    connection = apsw.Connection(str(home / "bursar.db"))
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    with pytest.raises(StoreDamaged, match="not one of Bursar's"):
        open_at(home)
    assert ask_file(home, "SELECT name FROM sqlite_schema") == [("bookmarks",)]


def test_a_link_in_the_files_place_is_not_followed(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    target = tmp_path / "precious"
    target.write_bytes(b"mine")
    (home / "bursar.db").symlink_to(target)
    with pytest.raises((StorageError, Refused)):
        open_at(home)
    assert target.read_bytes() == b"mine"


def test_an_open_folder_and_open_files_are_closed(home: Path) -> None:
    open_at(home).close()
    home.chmod(0o777)
    (home / "bursar.db").chmod(0o666)
    open_at(home).close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "bursar.db").stat().st_mode) == 0o600


def test_a_folder_of_everybody_is_refused_and_left_as_it_is(home: Path) -> None:
    home.mkdir()
    home.chmod(0o1777)
    with pytest.raises(Refused, match="shared by everybody"):
        open_at(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o1777
    assert list(home.iterdir()) == []


def test_a_file_in_the_folders_place_is_refused(home: Path) -> None:
    home.write_text("x")
    with pytest.raises((Refused, StorageError), match="home"):
        open_at(home)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the kernel's table of locks is Linux's")
def test_a_second_journal_in_one_process_leaves_the_locks_of_the_first(home: Path) -> None:
    """Closing any handle of a file frees all of a process's POSIX locks on it, SQLite's too."""

    def locks() -> list[str]:
        inodes = [str(each.stat().st_ino) for each in home.glob("bursar.db*")]
        return sorted(
            line.split(":", 1)[1]
            for line in Path("/proc/locks").read_text().splitlines()
            if "POSIX" in line and line.split()[5].rpartition(":")[2] in inodes
        )

    first = open_at(home)
    before = locks()
    assert before
    second = open_at(home)
    second.close()
    assert locks() == before
    first.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder to another user needs root")
def test_a_folder_of_another_user_is_refused(home: Path) -> None:
    home.mkdir(mode=0o700)
    os.chown(home, 12_345, 12_345)
    with pytest.raises(Refused, match="belongs to another user"):
        open_at(home)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.0"])
def test_an_sqlite_that_can_lose_writes_is_refused(version: str) -> None:
    with pytest.raises(StorageError, match="newer apsw"):
        check_library(version)


def test_this_sqlite_is_new_enough() -> None:
    check_library(apsw.sqlite_lib_version())
    check_library("4.0.0")


EVERY_APSW_ERROR = sorted(
    (each for each in vars(apsw).values() if isinstance(each, type) and issubclass(each, apsw.Error)),
    key=lambda each: each.__name__,
)


@pytest.mark.parametrize("kind", EVERY_APSW_ERROR, ids=lambda each: each.__name__)
def test_every_failure_of_sqlite_names_the_file(kind: type[apsw.Error]) -> None:
    error = as_storage_error(kind("boom"), Path("/state/bursar.db"))
    assert isinstance(error, StorageError)
    assert "/state/bursar.db" in str(error)
    assert (
        "boom" in str(error)
        or type(error) is not StorageError
        or kind in (apsw.BusyError, apsw.LockedError, apsw.ProtocolError)
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (apsw.FullError(), StoreFull),
        (apsw.ReadOnlyError(), StoreReadOnly),
        (apsw.CantOpenError(), StoreReadOnly),
        (apsw.NotADBError(), StoreDamaged),
        (apsw.CorruptError(), StoreDamaged),
        (OSError(28, "No space left on device"), StoreFull),
        (OSError(30, "Read-only file system"), StoreReadOnly),
        (PermissionError(13, "Permission denied"), StoreReadOnly),
    ],
)
def test_failures_with_a_name_of_their_own(error: BaseException, kind: type[StorageError]) -> None:
    found = type(as_storage_error(error, Path("/state/bursar.db")))
    assert found is kind or (kind is StoreDamaged and found is Damaged)


async def test_erase_wants_to_know_what(home: Path) -> None:
    journal = open_at(home)
    for call in (journal.erase(), journal.erase(run="a", everything=True)):
        with pytest.raises(BadInput, match="say what"):
            await call
    journal.close()


def test_folders_with_texts_that_were_left_open_are_closed(home: Path) -> None:
    open_at(home).close()
    for name in ("inflight", "questions", "kept"):
        (home / name).mkdir(mode=0o755, exist_ok=True)
        (home / name).chmod(0o755)
    open_at(home).close()
    modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in ("inflight", "questions", "kept")}
    assert modes == dict.fromkeys(modes, 0o700)
