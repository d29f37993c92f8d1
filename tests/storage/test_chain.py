"""A ledger row that is not what was written is found, whatever was done to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.storage import SqliteJournal

from .building import ask_file, begin, change_file, entry, open_at, owned, settle


async def three_rows(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    for n in (1, 2, 3):
        await begin(journal, epoch, key=f"m{n}")
        booked = entry(
            key=f"m{n}",
            request_id=f"req-number-{n}",
            cost_pico=n,
            rate_card=f"rate-card-{n}",
            line=None if n == 1 else n,
        )
        await settle(journal, epoch, key=f"m{n}", booked=booked, result={})


async def test_an_untouched_ledger_is_whole(journal: SqliteJournal) -> None:
    assert journal.verify_chain() is None
    await three_rows(journal)
    assert journal.verify_chain() is None


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE ledger SET cost_pico = 3 WHERE n = 2", 2),
        ("UPDATE ledger SET line = NULL WHERE n = 3", 3),
        ("UPDATE ledger SET usage_raw = NULL WHERE n = 1", 1),
        ("UPDATE ledger SET chain = (SELECT chain FROM ledger WHERE n = 1) WHERE n = 2", 2),
        ("DELETE FROM ledger WHERE n = 2", 3),
        ("DELETE FROM ledger WHERE n = 3", 3),
        ("DELETE FROM ledger", 1),
    ],
)
async def test_a_changed_row_is_found(journal: SqliteJournal, home: Path, change: str, broken: int) -> None:
    await three_rows(journal)
    change_file(home, change)
    assert journal.verify_chain() == broken


async def test_a_flipped_bit_is_found_where_sqlite_sees_nothing(home: Path) -> None:
    journal = open_at(home)
    await three_rows(journal)
    journal.close()
    path = home / "bursar.db"
    data = bytearray(path.read_bytes())
    # This name is in the row alone: SQLite has no second copy of it in an index.
    assert data.count(b"rate-card-2") == 1
    data[data.index(b"rate-card-2") + 3] ^= 1
    path.write_bytes(data)
    assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    journal = open_at(home)
    assert "row 2 is not what was written" in journal.notices[0]
    assert journal.verify_chain() is None
    assert ask_file(home, "SELECT rate_card FROM ledger WHERE n = 2") == [("rate-card-2",)]
    journal.close()
