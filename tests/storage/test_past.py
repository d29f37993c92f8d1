"""What tasks took, as a forecast reads it: one bounded statement over indices, against plain arithmetic."""

from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.past import EndedRun, Known
from bursar.domain.money.usage import Usage
from bursar.domain.specs.traits import TaskTraits
from bursar.storage import SqliteJournal
from bursar.storage.past import _ENDED
from storage.building import begin, change_file, entry, new_run, owned, settle, unknown

TRAITS = TaskTraits(kind="test", text_chars=321, files_named=4)
USAGE = Usage(uncached_input=100, cache_read=900, cache_write_5m=20, cache_write_1h=3, output=50, reasoning=7)


async def ended(journal: SqliteJournal, run: str, *entries: dict[str, Any], state: str = "finished", **of_run: Any):
    epoch = await owned(journal, run, **of_run)
    for number, each in enumerate(entries, start=1):
        await begin(journal, epoch, run, f"m{number}")
        made = unknown if each.get("certainty") == "unknown" else entry
        await settle(journal, epoch, run, f"m{number}", booked=made(run, f"m{number}", epoch=epoch, **each))
    await journal.set_state(run=run, epoch=epoch, state=state, seconds_run=41.25)
    await journal.release(run)


async def test_the_sums_of_a_run_with_what_was_known_before_it(journal: SqliteJournal) -> None:
    await ended(
        journal,
        "run-1",
        {"usage": USAGE, "cost_pico": 500},
        {"usage": USAGE, "cost_pico": 700},
        {"cost_pico": None, "unpriced": True, "usage": Usage()},
        {"certainty": "unknown"},
        traits=TRAITS,
        first_pico=360,
    )
    assert journal.ended_runs(10) == [
        EndedRun(
            known=Known(
                traits=TRAITS,
                model="claude-sonnet-5-5",
                workspace="/home/ada/project",
                spec=".kiro/specs/demo/tasks.md",
                first_tokens=1_204,
                first_pico=360,
            ),
            task=("2.1", new_run().task_title_sha256),
            finished=True,
            began_at=journal.runs()[0].created_at,
            tokens=2 * (100 + 900 + 20 + 3 + 50),
            cost_pico=1_200,
            time_ms=41_250,
            requests=4,
            unpriced=1,
            unknown=1,
        )
    ]


async def test_open_runs_and_operations_are_left_out_and_failed_ones_are_said_to_be_so(journal: SqliteJournal) -> None:
    await ended(journal, "paused", state="paused")
    await ended(journal, "review", kind="review", about="run-1")
    await ended(journal, "failed", {}, state="failed", workspace="/other/\udcff", task_id=None)
    (found,) = journal.ended_runs(10)
    assert (found.finished, found.known.workspace, found.task[0], found.known.traits) == (
        False,
        "/other/\udcff",
        None,
        None,
    )


async def test_only_the_newest_are_read(journal: SqliteJournal) -> None:
    for number in range(6):
        await ended(journal, f"run-{number}", {"cost_pico": number}, task_title_sha256=str(number))
    assert sorted(each.task[1] for each in journal.ended_runs(2)) == ["4", "5"]


async def test_a_kind_of_a_newer_version_is_no_kind(journal: SqliteJournal, home: Path) -> None:
    await ended(journal, "run-1", traits=TRAITS)
    assert journal.ended_runs(1)[0].known.traits == TRAITS
    change_file(home, "UPDATE run SET task_kind = 'dance'")
    assert journal.ended_runs(1)[0].known.traits is None


@pytest.mark.parametrize("wanted", ["run_by_end", "sqlite_autoindex_ledger_2"])
async def test_the_statement_reads_no_table_from_end_to_end(journal: SqliteJournal, wanted: str) -> None:
    plan = [str(row[3]) for row in journal._reader.execute(f"EXPLAIN QUERY PLAN {_ENDED}", (300,))]
    assert any(wanted in each for each in plan), plan
    assert not any(each.startswith("SCAN") and "USING" not in each and "ended" not in each for each in plan), plan
