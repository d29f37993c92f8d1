"""Erased is gone: no byte of it is in any file, and the sums stay."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

import pytest

from bursar.domain.errors import Refused
from bursar.domain.money.budget import Scope
from bursar.storage import SqliteJournal
from bursar.storage.spool import FileSpool
from support.fakes import CountingIds, FakeClock

from .building import DAY, ask_file, begin, entry, open_at, owned, settle

MARK = "zebra-quartz-4711"
BODY = f"a body with {MARK} in it".encode()


def found_in(home: Path, *needles: bytes) -> set[str]:
    """The files with one of the needles, read by another process: see ``check_file`` for why."""
    found = set()
    for each in home.rglob("*"):
        if each.is_file():
            read = subprocess.run(["cat", str(each)], capture_output=True, check=False)
            # What an open store makes beside it may be gone again by now.
            assert read.returncode == 0 or not each.exists(), read.stderr
            if any(needle in read.stdout for needle in needles):
                found.add(str(each.relative_to(home)))
    return found


async def planted(journal: SqliteJournal, home: Path, run: str, mark: str, body: bytes) -> None:
    """A run with the mark in every place that holds text."""
    epoch = await owned(journal, run, first_request=f'{{"prompt": "{mark}"}}', task_title=f"Do {mark}")
    await begin(journal, epoch, run, body=body, intent={"said": mark})
    await settle(journal, epoch, run, result={"blocks": [mark]})
    step = {"run": run, "epoch": epoch, "key": "t1.0"}
    await journal.begin_step(**step, n=1_001, kind="look", intent={"input": mark})  # type: ignore[arg-type]
    await journal.finish_step(**step, result={"content": mark * 3_000}, seconds_run=1.0)  # type: ignore[arg-type]
    await begin(journal, epoch, run, "m2", body=body + b"!")
    await journal.release_request(run=run, epoch=epoch, key="m2", attempt=1, why=f"refused: {mark}")
    await journal.append_event(run=run, kind="tool_finished", data={"said": mark})
    await journal.set_state(run=run, epoch=epoch, state="paused", reason="repeat", detail=f"said {mark}")
    spool = FileSpool(home)
    spool.start(run=run, key="m2", attempt=1, request_id="req")
    spool.keep(mark.encode())
    spool.stop()
    (home / "questions").mkdir(mode=0o700, exist_ok=True)
    (home / "questions" / f"{run}.question-1.txt").write_text(f"May I {mark}?")
    (home / "kept" / run).mkdir(mode=0o700, parents=True)
    (home / "kept" / run / "abc").write_text(f"A file of yours with {mark}")
    await journal.release(run)


@pytest.mark.parametrize("how", [{"run": "run-1"}, {"workspace": "/w\udce9"}, {"everything": True}])
async def test_a_byte_search_finds_nothing_after_erase(home: Path, how: dict[str, object]) -> None:
    journal = open_at(home)
    await planted(journal, home, "run-1", MARK, BODY)
    if "workspace" in how:
        other = await owned(journal, "run-9", workspace="/w\udce9", first_request=MARK)
        assert other == 1
        await journal.release("run-9")
        assert await journal.erase(run="run-1") == 1
    needles = [MARK.encode(), zlib.compress(BODY, 3), zlib.compress(f'{{"prompt": "{MARK}"}}'.encode(), 3)]
    if "workspace" not in how:
        assert found_in(home, needles[0]) >= {
            "bursar.db-wal",
            "inflight/run-1.m2.1",
            "questions/run-1.question-1.txt",
        }
        assert all(found_in(home, each) for each in needles), "the search must be able to find it"
    assert await journal.erase(**how) == 1  # type: ignore[arg-type]
    assert found_in(home, *needles) == set()
    assert ask_file(home, "SELECT count(*) FROM text") == [(0,)]
    assert ask_file(home, "PRAGMA freelist_count") == [(0,)]
    assert await journal.erase(**how) == 0  # type: ignore[arg-type]
    journal.close()
    assert found_in(home, *needles) == set()


async def test_erase_keeps_the_sums_and_ends_what_was_open(journal: SqliteJournal, home: Path) -> None:
    await planted(journal, home, "run-1", MARK, BODY)
    before = ask_file(home, "SELECT * FROM ledger"), ask_file(home, "SELECT * FROM roll")
    await journal.erase(run="run-1")
    assert (ask_file(home, "SELECT * FROM ledger"), ask_file(home, "SELECT * FROM roll")) == before
    assert journal.charged_pico(Scope(kind="day", key=DAY)) == 1_400
    assert journal.verify_chain() is None
    summary = journal.summary("run-1")
    assert summary is not None
    assert (summary.cost_pico, summary.steps_done, len(summary.requests)) == (1_400, 2, 1)
    record = summary.record
    assert (record.state, record.reason, record.first_request, record.task_title) == ("failed", "erased", "", "")
    assert len(record.task_title_sha256) == 64
    with pytest.raises(Refused, match="was erased"):
        await journal.claim("run-1")


async def test_a_finished_run_stays_finished(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    await journal.set_state(run="run-1", epoch=epoch, state="finished")
    await journal.release("run-1")
    assert await journal.erase(everything=True) == 1
    assert journal.run("run-1").state == "finished"  # type: ignore[union-attr]


async def test_what_another_run_still_needs_stays(journal: SqliteJournal, home: Path) -> None:
    await planted(journal, home, "run-1", MARK, BODY)
    epoch = await owned(journal, "run-2")
    await begin(journal, epoch, "run-2", body=BODY)
    await settle(journal, epoch, "run-2", booked=entry("run-2"), result={})
    await journal.release("run-2")
    assert await journal.erase(run="run-1") == 1
    sha256 = journal.steps("run-2")[0].body_sha256
    assert journal.body(sha256 or "") == BODY
    assert "naïve" in journal.run("run-2").first_request  # type: ignore[union-attr]


async def test_a_run_that_is_driven_is_refused_and_nothing_is_erased(journal: SqliteJournal, home: Path) -> None:
    await planted(journal, home, "run-1", MARK, BODY)
    await owned(journal, "run-2")
    with pytest.raises(Refused, match="run-2 is running"):
        await journal.erase(everything=True)
    assert MARK in journal.run("run-1").first_request  # type: ignore[union-attr]


async def test_text_goes_30_days_after_it_was_last_used(home: Path) -> None:
    clock = FakeClock()
    journal = open_at(home, clock=clock)
    await planted(journal, home, "run-1", MARK, BODY)
    clock.advance(86_400)
    await planted(journal, home, "run-2", "other-mark", b"another body")
    journal.close()

    clock.advance(86_400 * 29 - 1)
    open_at(home, clock=clock, ids=CountingIds("b")).close()
    assert found_in(home, MARK.encode())
    clock.advance(2)
    journal = open_at(home, clock=clock, ids=CountingIds("c"))
    assert found_in(home, MARK.encode()) == set()
    assert found_in(home, b"other-mark")
    record = journal.run("run-1")
    assert record is not None
    assert (record.reason, record.detail) == ("erased", "Its text was removed 30 days after it was last used.")
    assert journal.charged_pico(Scope(kind="day", key=DAY)) == 2_800
    journal.close()
