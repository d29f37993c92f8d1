"""One thread, one transaction for all that waits, and nobody falls with a neighbour."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import StorageError
from bursar.storage import SqliteJournal

from .building import ask_file, new_run


def held_up(journal: SqliteJournal) -> tuple[threading.Event, Future[None]]:
    """Occupy the writer until the event is set, so that what is handed in meanwhile waits together."""
    started, go = threading.Event(), threading.Event()

    def wait(db: apsw.Connection) -> None:
        started.set()
        go.wait()

    done = journal._writer.submit(wait, alone=True)
    started.wait()
    return go, done


def add(name: str, value: str) -> object:
    return lambda db: db.execute("INSERT INTO meta VALUES (?, ?)", (name, value)).fetchall()


async def test_what_waits_is_committed_together(journal: SqliteJournal, home: Path) -> None:
    go, done = held_up(journal)
    before = journal._writer.commits
    futures = [journal._writer.submit(add(f"key{n}", "x")) for n in range(20)]  # type: ignore[arg-type]
    go.set()
    for each in (done, *futures):
        each.result()
    assert journal._writer.commits - before == 1
    assert ask_file(home, "SELECT count(*) FROM meta WHERE key LIKE 'key%'") == [(20,)]


async def test_one_that_raises_takes_nothing_of_the_others_with_it(journal: SqliteJournal, home: Path) -> None:
    def half(db: apsw.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('half', 'x')")
        raise ValueError("a bug")

    def twice(db: apsw.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('one', 'again')")

    go, _ = held_up(journal)
    before = journal._writer.commits
    works = [add("one", "1"), half, add("two", "2"), twice, add("three", "3")]
    futures = [journal._writer.submit(each) for each in works]  # type: ignore[arg-type]
    go.set()
    for number in (0, 2, 4):
        futures[number].result()
    assert journal._writer.commits - before == 1
    with pytest.raises(ValueError, match="a bug"):
        futures[1].result()
    with pytest.raises(StorageError, match=r"bursar\.db"):
        futures[3].result()
    rows = ask_file(home, "SELECT key, value FROM meta WHERE key IN ('one', 'half', 'two', 'three') ORDER BY 2")
    assert rows == [("one", "1"), ("two", "2"), ("three", "3")]


async def test_a_lost_transaction_fails_all_that_were_in_it(journal: SqliteJournal, home: Path) -> None:
    """SQLite itself may give a whole transaction up, as on a full disk: nobody is told that it was kept."""
    go, _ = held_up(journal)
    works = [add("one", "1"), lambda db: db.execute("ROLLBACK; SELECT raise_it()"), add("two", "2")]
    futures = [journal._writer.submit(each) for each in works]  # type: ignore[arg-type]
    go.set()
    for each in futures:
        with pytest.raises(StorageError, match="raise_it"):
            each.result()
    assert ask_file(home, "SELECT count(*) FROM meta WHERE key IN ('one', 'two')") == [(0,)]
    await journal.append_event(run="r", kind="after", data={})


async def test_an_act_alone_keeps_its_place_among_the_others(journal: SqliteJournal) -> None:
    order: list[str] = []
    go, _ = held_up(journal)
    futures = [
        journal._writer.submit(lambda db, name=name: order.append(name), alone=name == "alone")  # type: ignore[misc]
        for name in ("first", "second", "alone", "third")
    ]
    go.set()
    for each in futures:
        each.result()
    assert order == ["first", "second", "alone", "third"]


async def test_closing_finishes_what_was_handed_in(journal: SqliteJournal, home: Path) -> None:
    go, _ = held_up(journal)
    futures = [journal._writer.submit(add(f"key{n}", "x")) for n in range(3)]  # type: ignore[arg-type]
    threading.Thread(target=journal.close).start()
    go.set()
    for each in futures:
        each.result()
    assert ask_file(home, "SELECT count(*) FROM meta WHERE key LIKE 'key%'") == [(3,)]


async def test_a_write_waits_at_the_gate_and_the_loop_does_not(journal: SqliteJournal, home: Path) -> None:
    handle = os.open(home / "write.lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    writing = asyncio.create_task(journal.append_event(run="r", kind="k", data={}))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not writing.done()
    assert journal.events() == []
    os.close(handle)
    assert (await writing).kind == "k"


async def test_a_writer_that_never_gets_its_turn_says_so_and_has_written_nothing(
    journal: SqliteJournal, home: Path
) -> None:
    handle = os.open(home / "write.lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    journal._writer.give_up_s = 0.01
    with pytest.raises(StorageError, match=r"bursar\.db is in use: .* nothing was written"):
        await journal.append_event(run="r", kind="late", data={})
    os.close(handle)
    journal._writer.give_up_s = 35.0
    await journal.append_event(run="r", kind="next", data={})
    assert [each.kind for each in journal.events()] == ["next"]


async def test_a_caller_that_is_cancelled_does_not_take_its_write_back(journal: SqliteJournal) -> None:
    go, _ = held_up(journal)
    writing = asyncio.create_task(journal.create_run(new_run()))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go.set()
    await journal.append_event(run="run-1", kind="after", data={})
    assert journal.run("run-1") is not None


async def test_writers_that_wait_together_are_all_told(journal: SqliteJournal) -> None:
    events = await asyncio.gather(*(journal.append_event(run="r", kind=str(n), data={}) for n in range(50)))
    assert sorted(each.seq for each in events) == [each.seq for each in journal.events()]
    assert len(events) == 50
