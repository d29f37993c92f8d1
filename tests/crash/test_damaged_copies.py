"""A thousand damaged copies of one store: each damage is found or harmless, and no copy shows less spent.

The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.domain.money.budget import Scope
from bursar.storage import SqliteJournal
from storage.building import DAY, ask_file, begin, entry, open_at, owned, settle, unknown
from support.fakes import CountingIds

PAGE = 4_096
Damage = Callable[[bytearray, random.Random], None]


def flip_bit(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def zero_page(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) // PAGE) * PAGE
    data[at : at + PAGE] = bytes(PAGE)


def junk_page(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) // PAGE) * PAGE
    data[at : at + PAGE] = chance.randbytes(PAGE)


def junk_header(data: bytearray, chance: random.Random) -> None:
    data[: chance.randint(1, 100)] = chance.randbytes(100)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data) // 512) * 512 :]


def old_page(data: bytearray, chance: random.Random) -> None:
    """A write that went to another place than it should."""
    source, target = (chance.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[target : target + PAGE] = data[source : source + PAGE]


DAMAGES: tuple[Damage, ...] = (flip_bit, zero_page, junk_page, junk_header, cut, old_page)


async def store(home: Path) -> dict[str, Any]:
    """A store with some days of work in it; what it shows."""
    journal = open_at(home)
    for n in range(1, 31):
        run = f"run-{n}"
        epoch = await owned(journal, run)
        await begin(journal, epoch, run, body=random.Random(n).randbytes(2_000))
        cost = unknown if n % 7 == 0 else entry
        await settle(journal, epoch, run, booked=cost(run, epoch=epoch, line=n), result={"text": "word " * 200})
        await journal.append_event(run=run, kind="tool_finished", data={"n": n})
        await journal.set_state(run=run, epoch=epoch, state="finished")
        await journal.release(run)
    await journal.set_budget("day", "usd", 5 * 10**12)
    shows = shown(journal)
    journal.close()
    return shows


def shown(journal: SqliteJournal) -> dict[str, Any]:
    rows = journal.requests()
    return {
        "charged": journal.charged_pico(Scope(kind="day", key=DAY)),
        "requests": journal.charged_pico(Scope(kind="run", key="run-3")),
        "rows": [(each.request_id, each.cost_pico, each.usage) for each in rows],
        "held": sum(each.held_pico for each in journal.summaries()),
    }


@pytest.mark.parametrize("copies", [60, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_damaged_copies(tmp_path: Path, copies: int, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("BURSAR_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    chance = random.Random(seed)
    first = tmp_path / "first"
    before = await store(first)
    found: Counter[str] = Counter()
    wrong = []
    for number in range(copies):
        damage = DAMAGES[number % len(DAMAGES)]
        home = tmp_path / f"copy-{number}"
        shutil.copytree(first, home)
        data = bytearray((home / "bursar.db").read_bytes())
        damage(data, chance)
        (home / "bursar.db").write_bytes(data)
        journal = open_at(home, ids=CountingIds(f"{number}-"))
        found[f"{damage.__name__} {'found' if journal.notices else 'harmless'}"] += 1
        said = f"copy {number}, {damage.__name__}, {journal.notices}"
        if shown(journal) != before:
            wrong.append(f"{said}: shows {shown(journal)['charged']} instead of {before['charged']}, or other rows")
        if journal.verify_chain() is not None:
            wrong.append(f"{said}: the chain is broken")
        journal.close()
        if ask_file(home, "PRAGMA integrity_check") != [("ok",)]:
            wrong.append(f"{said}: is used as it is")
        shutil.rmtree(home)
    with capsys.disabled():
        counts = ", ".join(f"{what} {many}" for what, many in sorted(found.items()))
        print(f"\ndamaged copies (BURSAR_CRASH_SEED={seed}): {counts}; {len(wrong)} used or lower")
    assert not wrong, "\n".join(wrong)
    for each in DAMAGES[1:5]:
        assert found[f"{each.__name__} found"] > copies // len(DAMAGES) // 3


async def test_the_log_of_another_store_is_not_played_in(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    before = await store(home)
    journal = open_at(other)
    await owned(journal, "run-77")
    wal = subprocess.run(["cat", str(other / "bursar.db-wal")], capture_output=True, check=True).stdout
    journal.close()
    assert wal
    (home / "bursar.db-wal").write_bytes(wal)
    (home / "bursar.db-wal").chmod(0o600)
    journal = open_at(home, ids=CountingIds("b"))
    assert shown(journal) == before
    assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    journal.close()
    journal = open_at(home, ids=CountingIds("c"))
    assert shown(journal) == before
    journal.close()


@pytest.mark.parametrize("what", ["fifo", "link", "null"])
def test_what_is_no_plain_file_is_refused_and_left(tmp_path: Path, what: str) -> None:
    from bursar.domain.errors import Refused, StorageError

    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    path = home / "bursar.db"
    match what:
        case "fifo":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "nowhere")
        case "null":
            path.symlink_to("/dev/null")
    kind = path.lstat()
    with pytest.raises((Refused, StorageError), match=r"bursar\.db"):
        open_at(home)
    assert path.lstat().st_ino == kind.st_ino


async def test_a_row_with_a_text_that_is_no_text_is_taken_from_the_copy_of_the_ledger(tmp_path: Path) -> None:
    """Only that row is lost in the file itself; the rows on both sides of it are still read."""
    home = tmp_path / "home"
    before = await store(home)
    path = home / "bursar.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE ledger SET model = CAST(x'61b062' AS TEXT) WHERE n = 7")
    connection.close()
    data = path.read_bytes()
    path.write_bytes(data[:-4096] + bytes(4096))
    journal = open_at(home)
    assert journal.notices
    assert shown(journal) == before
    assert journal.verify_chain() is None
    journal.close()
