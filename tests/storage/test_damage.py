"""What may happen to the files while nobody looks: each is found, named and set aside, and no sum falls by it."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.domain.errors import StoreDamaged
from bursar.domain.money.budget import Granted, Scope
from bursar.storage import SqliteJournal
from bursar.storage.aside import asides
from bursar.storage.mirror import read_mirror
from support.fakes import CountingIds, FakeClock

from .building import DAY, WORKSPACE, ask_file, begin, entry, open_at, owned, settle, unknown
from .processes import Child

DAY_SCOPE = Scope(kind="day", key=DAY)


async def spent(home: Path, *, first: int = 1, last: int = 40) -> SqliteJournal:
    """A journal with known and unknown costs, still open."""
    journal = open_at(home, ids=CountingIds(f"{first}-"))
    for n in range(first, last + 1):
        run = f"run-{n}"
        epoch = await owned(journal, run)
        await begin(journal, epoch, run, body=random.Random(n).randbytes(3_000))
        booked = unknown(run, epoch=epoch, at_most_pico=7) if n % 5 == 0 else entry(run, epoch=epoch, cost_pico=1_000)
        await settle(journal, epoch, run, booked=booked, result={"n": n})
        await journal.set_state(run=run, epoch=epoch, state="finished")
        await journal.release(run)
    return journal


def figures(journal: SqliteJournal) -> tuple[int, int, int]:
    """What a user sees of the money: the day's charge, the known cost, the bounds."""
    rows = journal.requests()
    return (
        journal.charged_pico(DAY_SCOPE),
        sum(each.cost_pico or 0 for each in rows),
        sum(each.held_pico for each in journal.summaries()),
    )


def killed(home: Path, to: Path) -> Path:
    """A state folder as a kill at this moment would leave it."""
    shutil.copytree(home, to)
    return to


def in_place(data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(data(path.read_bytes()))

    return change


def garbage_page(data: bytes) -> bytes:
    middle = len(data) // 8_192 * 4_096
    return data[:middle] + random.Random(1).randbytes(4_096) + data[middle + 4_096 :]


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "garbage header": (in_place(lambda data: random.Random(1).randbytes(100) + data[100:]), "file is not a database"),
    "text file": (lambda path: path.write_text("This is a shopping list, and a long one.\n" * 50), "not a database"),
    "zeros": (in_place(lambda data: b"\0" * 8_192), "is damaged"),
    "50 bytes": (in_place(lambda data: data[:50]), "is damaged"),
    "half": (in_place(lambda data: data[: len(data) // 2]), "is (damaged|cut short)"),
    "1,000 bytes cut off the end": (in_place(lambda data: data[:-1_000]), "is cut short"),
    "a page cut off the end": (in_place(lambda data: data[:-4_096]), "is (damaged|cut short)"),
    "one garbage page": (in_place(garbage_page), "is damaged"),
    "0 bytes": (in_place(lambda data: b""), "is empty"),
    "a folder in its place": (folder, "is a folder"),
    "gone": (Path.unlink, "is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_named_set_aside_and_costs_no_money(home: Path, damage: str) -> None:
    journal = await spent(home)
    before = figures(journal)
    journal.close()
    path = home / "bursar.db"
    change, says = DAMAGES[damage]
    change(path)
    left = path.read_bytes() if path.is_file() else None

    journal = open_at(home, ids=CountingIds("later"))
    assert len(journal.notices) == 1
    assert str(path) in journal.notices[0]
    assert re.search(says, journal.notices[0]), journal.notices
    assert figures(journal) == before
    assert journal.verify_chain() is None
    assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    aside = asides(home / "bursar.db")
    if left is not None:
        assert [each.read_bytes() for each in aside] == [left]
        assert aside[0].name in journal.notices[0]
    assert {each.state for each in journal.runs(WORKSPACE)} <= {"finished", "failed"}
    journal.close()

    journal = await spent(home, first=41, last=42)
    assert journal.notices == ()
    assert figures(journal)[0] == before[0] + 2_000
    journal.close()


@pytest.mark.parametrize("damage", ["cut", "garbled", "deleted", "header"])
async def test_a_log_that_lost_commits_is_found(home: Path, tmp_path: Path, damage: str) -> None:
    (await spent(home, last=5)).close()
    journal = await spent(home, first=6, last=30)
    before = figures(journal)
    later = killed(home, tmp_path / "later")
    journal.close()
    wal = later / "bursar.db-wal"
    data = wal.read_bytes()
    assert len(data) > 100_000
    match damage:
        case "cut":
            wal.write_bytes(data[: len(data) // 2])
        case "garbled":
            wal.write_bytes(data[:20_000] + random.Random(2).randbytes(200) + data[20_200:])
        case "header":
            wal.write_bytes(random.Random(3).randbytes(32) + data[32:])
        case "deleted":
            wal.unlink()
    journal = open_at(later)
    assert re.search(r"is older than it was: its ledger ends at entry \d+, and 30 were written", journal.notices[0])
    assert figures(journal) == before
    assert journal.verify_chain() is None
    journal.close()


async def test_a_lost_shm_file_is_harmless(home: Path, tmp_path: Path) -> None:
    journal = await spent(home, last=5)
    before = figures(journal)
    later = killed(home, tmp_path / "later")
    journal.close()
    (later / "bursar.db-shm").unlink()
    journal = open_at(later)
    assert journal.notices == ()
    assert figures(journal) == before
    journal.close()


async def test_a_log_without_its_database_is_not_played_into_a_new_one(home: Path, tmp_path: Path) -> None:
    journal = await spent(home, last=5)
    before = figures(journal)
    later = killed(home, tmp_path / "later")
    journal.close()
    wal = (later / "bursar.db-wal").read_bytes()
    (later / "bursar.db").unlink()
    journal = open_at(later)
    assert "is missing" in journal.notices[0]
    assert figures(journal) == before
    assert [each.read_bytes() for each in later.glob("*.damaged-*-wal")] == [wal]
    journal.close()


async def test_an_older_copy_put_in_its_place_is_found(home: Path, tmp_path: Path) -> None:
    (await spent(home, last=5)).close()
    shutil.copy(home / "bursar.db", tmp_path / "older.db")
    journal = await spent(home, first=6, last=9)
    before = figures(journal)
    journal.close()
    shutil.copy(tmp_path / "older.db", home / "bursar.db")
    journal = open_at(home)
    assert "its ledger ends at entry 5, and 9 were written" in journal.notices[0]
    assert figures(journal) == before
    assert len(journal.runs(WORKSPACE)) == 9
    assert {each.task_title for each in journal.runs(WORKSPACE)[:5]} == {"Count the words"}
    journal.close()


async def test_another_store_put_in_its_place_is_found(home: Path, tmp_path: Path) -> None:
    journal = await spent(home, last=3)
    before = figures(journal)
    journal.close()
    (await spent(tmp_path / "other", last=9)).close()
    shutil.copy(tmp_path / "other" / "bursar.db", home / "bursar.db")
    journal = open_at(home)
    assert "is not the store that was here before" in journal.notices[0]
    assert figures(journal) == before
    journal.close()


@pytest.mark.parametrize("side", ["bursar.mark", "ledger.jsonl"])
@pytest.mark.parametrize("how", ["gone", "empty", "garbage", "half", "folder"])
async def test_the_side_files_alone_may_be_lost(home: Path, side: str, how: str) -> None:
    journal = await spent(home, last=6)
    before = figures(journal)
    journal.close()
    file = home / side
    data = file.read_bytes()
    match how:
        case "gone":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "garbage":
            file.write_bytes(random.Random(4).randbytes(len(data)))
        case "half":
            file.write_bytes(data[: len(data) // 2])
        case "folder":
            folder(file)
    journal = open_at(home)
    assert figures(journal) == before
    journal.close()
    mirrored = read_mirror(home)
    assert ([each.n for each in mirrored.lines], mirrored.spoilt) == (list(range(1, 7)), 0)
    in_place(lambda data: b"")(home / "bursar.db")
    journal = open_at(home)
    assert figures(journal) == before
    journal.close()


async def test_database_and_copy_of_the_ledger_lost_at_once_keep_the_sum(home: Path) -> None:
    journal = await spent(home, last=10)
    charged, cost, held = figures(journal)
    journal.close()
    (home / "bursar.db").write_bytes(b"x" * 10_000)
    lines = (home / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    spoilt = [b"garbage\n" if number in (3, 5, 8) else line for number, line in enumerate(lines)]
    (home / "ledger.jsonl").write_bytes(b"".join(spoilt))
    journal = open_at(home)
    after = figures(journal)
    assert after[0] >= charged
    assert after[1] >= cost
    assert after[2] >= held
    assert after[0] == charged
    assert journal.verify_chain() is None
    journal.close()


async def test_a_request_in_flight_is_booked_at_its_bound(home: Path, tmp_path: Path) -> None:
    journal = await spent(home, last=2)
    epoch = await owned(journal, "run-9")
    assert isinstance(await begin(journal, epoch, "run-9", hold_pico=5_000), Granted)
    taken = journal.charged_pico(DAY_SCOPE) + journal.held_pico(DAY_SCOPE)
    later = killed(home, tmp_path / "later")
    journal.close()
    for suffix in ("", "-wal", "-shm"):
        (later / f"bursar.db{suffix}").unlink()
    journal = open_at(later)
    assert journal.charged_pico(DAY_SCOPE) + journal.held_pico(DAY_SCOPE) == taken
    summary = journal.summary("run-9")
    assert summary is not None
    assert (summary.record.state, summary.record.reason, summary.held_pico) == ("failed", "storage", 5_000)
    journal.close()


async def test_runs_that_went_on_after_the_copy_end_and_the_others_go_on(home: Path) -> None:
    clock = FakeClock()
    journal = open_at(home, clock=clock)
    journal._care.upkeep.wait()  # An empty store is not backed up; the copy is to be made below.
    for run in ("run-idle", "run-paid", "run-taken"):
        epoch = await owned(journal, run)
        await begin(journal, epoch, run)
        await settle(journal, epoch, run, booked=entry(run), result={"n": 1})
        await journal.release(run)
    journal.close()
    journal = open_at(home, clock=clock, ids=CountingIds("b"))
    journal._care.upkeep.wait()
    assert len(list((home / "backups").glob("*.db"))) == 1
    claimed = await journal.claim("run-paid")
    await begin(journal, claimed.epoch, "run-paid", "m2")  # type: ignore[union-attr]
    booked = entry("run-paid", "m2", epoch=claimed.epoch)  # type: ignore[union-attr]
    await settle(journal, claimed.epoch, "run-paid", "m2", booked=booked, result={"n": 2})  # type: ignore[union-attr]
    await journal.release("run-paid")
    await journal.claim("run-taken")
    await journal.release("run-taken")
    before = figures(journal)
    journal.close()
    (home / "bursar.db").write_bytes(b"x" * 10_000)
    journal = open_at(home, clock=clock, ids=CountingIds("c"))
    assert "from its backup of 2026-11-21T08:00:00Z" in journal.notices[0]
    assert "2 open runs" in journal.notices[0]
    assert figures(journal) == before
    states = {each.run: (each.state, each.reason) for each in journal.runs()}
    assert states == {
        "run-idle": ("paused", "owner_gone"),
        "run-paid": ("failed", "storage"),
        "run-taken": ("failed", "storage"),
    }
    assert [each.result for each in journal.steps("run-idle")] == [{"n": 1}]
    journal.close()


def test_a_damaged_store_that_another_has_open_is_left_alone(home: Path) -> None:
    with Child("umask", home) as child:
        assert child.heard()["ready"]
        in_place(lambda data: b"x" * 8_192)(home / "bursar.db")
        with pytest.raises(StoreDamaged, match=r"bursar\.db is damaged.*End Bursar everywhere"):
            open_at(home)
        assert (home / "bursar.db").read_bytes() == b"x" * 8_192
    journal = open_at(home)
    assert "It was set aside as bursar.db.damaged-" in journal.notices[0]
    journal.close()


async def test_damage_found_by_a_read_stops_new_requests_and_is_mended_at_the_next_start(home: Path) -> None:
    (await spent(home)).close()
    journal = open_at(home, ids=CountingIds("b"))
    before = figures(journal)
    epoch = await owned(journal, "run-90")
    await begin(journal, epoch, "run-90")
    journal._reader.execute("PRAGMA cache_size = 0")
    ((page,),) = ask_file(home, "SELECT rootpage FROM sqlite_schema WHERE name = 'event_by_run'")
    data = subprocess.run(["cat", str(home / "bursar.db")], capture_output=True, check=True).stdout
    spoil = f"conv=notrunc bs=4096 seek={page - 1} of={home / 'bursar.db'}".split()
    subprocess.run(["dd", "status=none", *spoil], input=b"x" * 4_096, check=True)
    assert len(data) == (home / "bursar.db").stat().st_size
    with pytest.raises(StoreDamaged):
        for _ in range(3):
            journal.events(run="run-1")
    assert "End Bursar everywhere" in journal.notices[0]
    with pytest.raises(StoreDamaged):
        await begin(journal, epoch, "run-90", "m2")
    await settle(journal, epoch, "run-90", booked=entry("run-90", epoch=epoch), result={})
    journal.close()
    journal = open_at(home, ids=CountingIds("c"))
    assert "was set aside" in journal.notices[0]
    assert figures(journal)[0] == before[0] + 1_400
    journal.close()


async def test_a_text_that_cannot_be_read_is_damage_and_its_run_ends(home: Path) -> None:
    journal = open_at(home)
    for run in ("run-1", "run-2"):
        epoch = await owned(journal, run)
        await begin(journal, epoch, run)
        await settle(journal, epoch, run, booked=entry(run), result={"said": "a word to be spoilt"})
        await journal.release(run)
    before = figures(journal)
    journal.close()
    data = bytearray((home / "bursar.db").read_bytes())
    data[data.rindex(b"a word to be spoilt")] ^= 0x80
    (home / "bursar.db").write_bytes(data)
    assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    journal = open_at(home, ids=CountingIds("b"))
    assert "has a text in 'step' that cannot be read" in journal.notices[0]
    assert "1 open run" in journal.notices[0]
    assert figures(journal) == before
    assert sorted(each.state for each in journal.runs()) == ["failed", "paused"]
    assert len(journal.steps("run-1")) + len(journal.steps("run-2")) == 2
    journal.close()
