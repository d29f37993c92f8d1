"""Power cuts and full disks at any write: what was acknowledged is there, and nothing is half there.

The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import StorageError, StoreFull
from bursar.storage import SqliteJournal
from storage.building import ask_file, begin, entry, open_at, owned, settle, taken
from storage.test_full import ALL_OR_NOTHING
from support.fakes import CountingIds

from .powerloss import WAYS, Disk, Op, image, logging_disk
from .report import Report, seeded

SIDE_FILES = ("bursar.mark", "ledger.jsonl")


class Trace:
    """What a disk saw while requests were begun and settled, and what the callers were told."""

    def __init__(self, base: dict[str, bytes], ops: list[Op]) -> None:
        self.base = base
        self.ops = ops

    def told(self, until: int) -> tuple[dict[str, int | None], dict[str, bytes]]:
        """By key what a caller knows: begun (None) or settled at a cost; and the side files at that moment."""
        keys: dict[str, int | None] = {}
        side: dict[str, bytes] = {}
        for op in self.ops[:until]:
            if op.kind == "ack":
                key, cost_pico, side = op.ack
                keys[key] = cost_pico
        return keys, side


async def traced(home: Path, requests: int, synchronous: str = "FULL") -> Trace:
    """Begin and settle so many requests, with checkpoints among them."""
    with logging_disk(home) as disk:
        journal = open_at(home)
        epoch = await owned(journal)
        journal._writer.submit(
            lambda db: (db.pragma("wal_autocheckpoint", 60), db.pragma("synchronous", synchronous)), alone=True
        ).result()
        base = {name: (home / name).read_bytes() for name in ("bursar.db", "bursar.db-wal")}
        disk.ops.clear()
        chance = random.Random(7)

        def acknowledge(key: str, cost_pico: int | None) -> None:
            disk.acknowledge((key, cost_pico, {name: (home / name).read_bytes() for name in SIDE_FILES}))

        for n in range(1, requests + 1):
            key, cost_pico = f"m{n}", chance.randint(1, 10**9)
            await begin(journal, epoch, key=key, body=chance.randbytes(chance.randint(100, 6_000)))
            acknowledge(key, None)
            await settle(journal, epoch, key=key, booked=entry(key=key, cost_pico=cost_pico), result={"n": n})
            acknowledge(key, cost_pico)
        ops = list(disk.ops)
        journal.close()
    assert {each.kind for each in ops} >= {"write", "sync", "ack"}
    assert sum(each.kind == "write" and each.file == "bursar.db" for each in ops) > 20, "no checkpoint was made"
    return Trace(base, ops)


def lost_in(home: Path, keys: dict[str, int | None]) -> list[str]:
    """What a caller was told and the store does not have, or has by halves."""
    journal = open_at(home, ids=CountingIds("after"))
    try:
        booked = {each.step: each.cost_pico for each in journal.requests(run="run-1")}
        steps = {each.key for each in journal.steps("run-1")}
        found = [f"{key} is not there" for key in keys if key not in steps]
        found += [
            f"{key} cost {booked.get(key)}, not {cost}"
            for key, cost in keys.items()
            if cost is not None and booked.get(key) != cost
        ]
        if journal.verify_chain() is not None:
            found.append("the chain is broken")
        found += list(journal.notices)
    finally:
        journal.close()
    if ask_file(home, ALL_OR_NOTHING) != [(0, 0, 0)]:
        found.append(f"half a transaction: {ask_file(home, ALL_OR_NOTHING)}")
    if ask_file(home, "PRAGMA integrity_check") != [("ok",)]:
        found.append("SQLite finds it damaged")
    return found


def cut_power(folder: Path, trace: Trace, images: int, chance: random.Random) -> tuple[list[str], Counter[str]]:
    """Open so many images of the disk; what was lost in them, and how often each way of losing was tried.

    Every other image has the side files too: they may never claim more than the database has.
    """
    losses, ways = [], Counter[str]()
    for number in range(images):
        until = chance.randint(1, len(trace.ops))
        files, how = image(trace.base, trace.ops[:until], chance)
        keys, side = trace.told(until)
        home = folder / f"image-{number}"
        home.mkdir(mode=0o700)
        for name, data in {**files, **(side if number % 2 else {})}.items():
            (home / name).write_bytes(data)
        ways[how] += 1
        losses += [f"image {number}, cut at {until}, {how}: {each}" for each in lost_in(home, keys)]
    return losses, ways


@pytest.mark.parametrize(
    "images", [pytest.param(50, marks=pytest.mark.soak_short), pytest.param(1_000, marks=pytest.mark.soak)]
)
async def test_no_acknowledged_row_is_lost_by_a_power_cut(
    tmp_path: Path, images: int, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    seed, chance = seeded()
    trace = await traced(tmp_path / "home", requests=60)
    losses, ways = cut_power(tmp_path, trace, images, chance)
    with capsys.disabled():
        tried = ", ".join(f"{way} {ways[way]}" for way in WAYS)
        print(f"\npower cuts (BURSAR_CRASH_SEED={seed}): {images} images ({tried}), {len(losses)} losses")
    report.add("power cuts", kills={"power cut": ways.total()}, lost=len(losses))
    assert not losses, "\n".join(losses)
    assert all(ways[way] for way in WAYS)


@pytest.mark.parametrize(
    "images", [pytest.param(50, marks=pytest.mark.soak_short), pytest.param(1_000, marks=pytest.mark.soak)]
)
async def test_the_check_finds_losses_where_commits_are_not_synced(
    tmp_path: Path, images: int, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    seed, chance = seeded()
    trace = await traced(tmp_path / "home", requests=60, synchronous="NORMAL")
    losses, _ = cut_power(tmp_path, trace, images, chance)
    hit = {each.partition(",")[0] for each in losses}
    with capsys.disabled():
        print(f"\ncontrol with synchronous=NORMAL (BURSAR_CRASH_SEED={seed}): losses in {len(hit)} of {images} images")
    report.add("no syncs", control=len(hit))
    assert len(hit) > images // 10


@pytest.mark.parametrize(
    "points", [pytest.param(15, marks=pytest.mark.soak_short), pytest.param(300, marks=pytest.mark.soak)]
)
async def test_a_disk_that_is_full_at_any_write(
    tmp_path: Path, points: int, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    seed, chance = seeded()
    # As many in requests as while a new store is opened, and in full each of the first 300.
    opening = writes_of_an_opening(tmp_path / "opening")
    few = {
        *chance.sample(range(1, opening), points // 2),
        *chance.sample(range(opening + 5, opening + 150), points // 2),
    }
    chosen = sorted(few) if points < 300 else [*range(1, 301), *range(max(301, opening + 5), opening + 150)]
    said: Counter[str] = Counter()
    for point in chosen:
        home = tmp_path / f"full-{point}"
        with logging_disk(home) as disk:
            said[await fill_up(home, disk, point)] += 1
    with capsys.disabled():
        counts = ", ".join(f"{what} {number}" for what, number in sorted(said.items()))
        print(f"\nfull disk (BURSAR_CRASH_SEED={seed}): at {len(chosen)} writes up to {chosen[-1]}: {counts}")
    report.add("full disks", kills={"full disk": said.total()})
    assert said["in a request"] > points // 4 and said["while opening"] > points // 4


@pytest.mark.soak_short
async def test_the_check_finds_losses_where_a_full_disk_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    seed, chance = seeded()
    opening = writes_of_an_opening(tmp_path / "opening")
    chosen = sorted(chance.sample(range(opening + 5, opening + 150), 5))
    hit = 0
    for point in chosen:
        home = tmp_path / f"lies-{point}"
        with logging_disk(home) as disk:
            hit += bool(await lied_to(home, disk, point))
    with capsys.disabled():
        print(f"\ncontrol with a disk that lies (BURSAR_CRASH_SEED={seed}): losses after {hit} of {len(chosen)} writes")
    report.add("a lying disk", control=hit)
    assert hit


def writes_of_an_opening(home: Path) -> int:
    """How many writes it takes to make a new store."""
    with logging_disk(home) as disk:
        open_at(home).close()
    return disk.writes


async def lied_to(home: Path, disk: Disk, point: int) -> list[str]:
    """Let every write from this one on be lost without a word; what the check finds."""
    disk.full_from, disk.lies = point, True
    journal = open_at(home)
    keys: dict[str, int | None] = {}
    with contextlib.suppress(StorageError):
        epoch = await owned(journal)
        for n in range(1, 100):
            await begin(journal, epoch, key=f"m{n}")
            keys[f"m{n}"] = None
            await settle(journal, epoch, key=f"m{n}", booked=entry(key=f"m{n}", cost_pico=n), result={"n": n})
            keys[f"m{n}"] = n
    with contextlib.suppress(StorageError, apsw.Error):
        journal.close()
    assert disk.refused, f"write {point} was never reached"
    disk.full_from = None
    return lost_in(home, keys)


async def fill_up(home: Path, disk: Disk, point: int) -> str:
    """Let every write from this one on find no space, then give space again; where it was noticed."""
    disk.full_from = point
    journal: SqliteJournal | None = None
    keys: dict[str, int | None] = {}
    where = "while opening"
    try:
        journal = open_at(home)
        epoch = await owned(journal)
        where = "in a request"
        chance = random.Random(point)
        for n in range(1, 200):
            await begin(journal, epoch, key=f"m{n}", body=chance.randbytes(3_000))
            keys[f"m{n}"] = None
            await settle(journal, epoch, key=f"m{n}", booked=entry(key=f"m{n}", cost_pico=n), result={"n": n})
            keys[f"m{n}"] = n
    except StoreFull as error:
        assert "no space is left" in str(error)
    except StorageError as error:
        # A failed sync or a journal that cannot be rolled back is not said to be a full disk.
        assert "could not be read or written" in str(error), error
    assert disk.refused, f"write {point} was never reached"
    disk.full_from = None
    if journal is None:
        journal = open_at(home)
        await owned(journal)
    elif journal.run("run-1") is None:
        await owned(journal)
    else:
        epoch = journal._owning._epochs.get("run-1") or await taken(journal)
        open_keys = [key for key, cost_pico in keys.items() if cost_pico is None]
        for key in open_keys:
            await settle(journal, epoch, key=key, booked=entry(key=key, cost_pico=int(key[1:])), result={"late": True})
            keys[key] = int(key[1:])
        await begin(journal, epoch, key="m999")
        await settle(journal, epoch, key="m999", booked=entry(key="m999", cost_pico=999), result={})
        keys["m999"] = 999
    journal.close()
    found = lost_in(home, keys)
    assert not found, f"full at write {point}: {found}"
    return where
