"""Backups are proved before they count, kept apart in time, and hold nothing that was erased."""

from __future__ import annotations

import random
import shutil
import threading
import zlib
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.storage import SqliteJournal
from bursar.storage.backups import BackupsBusy, backups, backups_locked, make_backup
from bursar.storage.errors import Damaged
from bursar.storage.ledger import broken_row
from support.fakes import CountingIds, FakeClock

from .building import ask_file, begin, change_file, entry, open_at, owned, settle
from .test_erasure import BODY, MARK, found_in, planted


def opened(home: Path, **how: Any) -> SqliteJournal:
    """A journal whose start is over: what goes on beside it would else see or hold what the test does next, or not."""
    journal = open_at(home, **how)
    journal._care.upkeep.wait()
    return journal


async def one_more(home: Path, clock: FakeClock, n: int) -> None:
    """Open, spend, close."""
    journal = opened(home, clock=clock, ids=CountingIds(f"{n}-"))
    epoch = await owned(journal, f"run-{n}")
    await begin(journal, epoch, f"run-{n}")
    await settle(journal, epoch, f"run-{n}", booked=entry(f"run-{n}", epoch=epoch), result={})
    await journal.release(f"run-{n}")
    journal.close()


async def test_one_a_day_three_are_kept_and_many_starts_push_none_out(home: Path) -> None:
    clock = FakeClock()
    for n in range(12):
        await one_more(home, clock, n)
        clock.advance(8 * 3_600)
    assert [each.at for each in backups(home)] == [
        "2026-11-24T16:00:00Z",
        "2026-11-23T16:00:00Z",
        "2026-11-22T16:00:00Z",
    ]
    newest = apsw.Connection(str(backups(home)[0].path))
    assert broken_row(newest) is None
    assert newest.execute("SELECT count(*) FROM ledger").get == 10
    newest.close()
    assert {each.stat().st_mode & 0o777 for each in (home / "backups").iterdir()} == {0o600}


async def test_an_unclean_end_is_looked_into_and_backed_up_within_the_hour(home: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    await one_more(home, clock, 1)
    await one_more(home, clock, 2)
    assert len(backups(home)) == 1
    journal = opened(home, clock=clock, ids=CountingIds("k"))
    shutil.copytree(home, tmp_path / "killed")
    journal.close()
    clock.advance(3_601)
    journal = open_at(tmp_path / "killed", clock=clock, ids=CountingIds("l"))
    assert journal._care.unclean
    journal._care.upkeep.wait()
    assert len(backups(tmp_path / "killed")) == 2
    journal.close()
    journal = open_at(tmp_path / "killed", clock=clock, ids=CountingIds("m"))
    assert not journal._care.unclean
    journal.close()


async def test_damage_seen_after_an_unclean_end_is_told_and_mended_at_the_next_start(home: Path) -> None:
    clock = FakeClock()
    for n in range(3):
        await one_more(home, clock, n)
    change_file(home, "UPDATE ledger SET cost_pico = 1 WHERE n = 2")
    (home / "bursar.mark").unlink()
    journal = opened(home, clock=clock, ids=CountingIds("x"))
    assert "a ledger whose row 2 is not what was written" in journal.notices[0]
    journal.close()
    journal = open_at(home, clock=clock, ids=CountingIds("y"))
    assert "The store goes on from what it holds" in journal.notices[0]
    assert ask_file(home, "SELECT cost_pico FROM ledger") == [(1_400,)] * 3
    assert len(journal.runs()) == 3
    journal.close()


async def test_a_copy_that_is_not_whole_does_not_count(home: Path) -> None:
    clock = FakeClock()
    for n in range(3):
        await one_more(home, clock, n)
    have = backups(home)
    change_file(home, "UPDATE ledger SET cost_pico = 1 WHERE n = 2")
    connection = apsw.Connection(str(home / "bursar.db"))
    clock.advance(100)
    with backups_locked(home) as folder, pytest.raises(Damaged, match="row 2"):
        make_backup(connection, folder, clock)
    connection.close()
    assert backups(home) == have
    assert not (home / "backups" / "part").exists()


@pytest.mark.parametrize("how", [{"run": "run-1"}, {"workspace": "/home/ada/project"}, {"everything": True}])
async def test_erased_text_survives_in_no_backup(home: Path, how: dict[str, object]) -> None:
    clock = FakeClock()
    journal = opened(home, clock=clock)
    await planted(journal, home, "run-1", MARK, BODY)
    journal.close()
    journal = opened(home, clock=clock, ids=CountingIds("b"))
    (backup,) = backups(home)
    (home / "bursar.db.damaged-20261101T000000Z").write_bytes(BODY)
    needles = (MARK.encode(), zlib.compress(BODY, 3))
    assert str(backup.path.relative_to(home)) in found_in(home, *needles)
    assert "ledger.jsonl" not in found_in(home, *needles)
    clock.advance(60)
    assert await journal.erase(**how) == 1  # type: ignore[arg-type]
    left = set() if "everything" in how else {"bursar.db.damaged-20261101T000000Z"}
    assert found_in(home, *needles) == left
    assert bool(journal.notices) == bool(left)
    assert [each.at for each in backups(home)] == ["2026-11-21T08:01:00Z"]
    journal.close()


async def test_expired_text_survives_in_no_backup(home: Path) -> None:
    clock = FakeClock()
    journal = opened(home, clock=clock)
    await planted(journal, home, "run-1", MARK, BODY)
    journal.close()
    open_at(home, clock=clock, ids=CountingIds("b")).close()
    clock.advance(86_400 * 31)
    journal = opened(home, clock=clock, ids=CountingIds("c"))
    assert found_in(home, MARK.encode(), zlib.compress(BODY, 3)) == set()
    assert [each.at for each in backups(home)] == ["2026-12-22T08:00:00Z"]
    journal.close()


@pytest.mark.parametrize("number", [pytest.param(5), pytest.param(100, marks=pytest.mark.soak)])
async def test_backups_made_while_others_write_are_whole(home: Path, number: int) -> None:
    clock = FakeClock()
    journal = opened(home, clock=clock)
    epoch = await owned(journal)
    made: list[tuple[int, int | None, str]] = []

    def back_up() -> None:
        connection = apsw.Connection(str(home / "bursar.db"))
        for _ in range(number):
            with backups_locked(home) as folder:
                copy = apsw.Connection(str(make_backup(connection, folder, clock)))
            made.append(
                (
                    copy.execute("SELECT count(*) FROM ledger").get,
                    broken_row(copy),
                    copy.execute("PRAGMA integrity_check").get,
                )
            )
            copy.close()
        connection.close()

    thread = threading.Thread(target=back_up)
    thread.start()
    n = 0
    while thread.is_alive():
        n += 1
        await begin(journal, epoch, key=f"m{n}", body=random.Random(n).randbytes(500))
        await settle(journal, epoch, key=f"m{n}", booked=entry(key=f"m{n}"), result={})
    thread.join()
    assert len(made) == number
    assert {each[1:] for each in made} == {(None, "ok")}
    assert [each[0] for each in made] == sorted(each[0] for each in made)
    journal.close()


async def test_nobody_waits_for_a_process_that_was_stopped_while_it_made_a_backup(home: Path) -> None:
    clock = FakeClock()
    journal = opened(home, clock=clock)
    await planted(journal, home, "run-1", MARK, BODY)
    journal.close()
    clock.advance(86_400 * 31)
    with backups_locked(home):
        journal = open_at(home, clock=clock, ids=CountingIds("b"))
        assert found_in(home, MARK.encode())
        journal.close()
    journal = open_at(home, clock=clock, ids=CountingIds("c"))
    assert found_in(home, MARK.encode()) == set()
    journal.close()


async def test_an_erasure_that_cannot_reach_the_backups_erases_nothing(home: Path) -> None:
    journal = opened(home)
    await planted(journal, home, "run-1", MARK, BODY)
    journal.backup_looks = 3
    with backups_locked(home), pytest.raises(BackupsBusy, match=r"another Bursar process is making a backup"):
        await journal.erase(everything=True)
    assert MARK in journal.run("run-1").first_request  # type: ignore[union-attr]
    assert await journal.erase(everything=True) == 1
    journal.close()
