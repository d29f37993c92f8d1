"""Money that is held for requests that nobody will settle is booked, never dropped; everything else stays held."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.domain.money.budget import Scope, Unit, Used
from bursar.storage import SqliteJournal
from bursar.storage.reaping import _ORPHANS
from bursar.storage.spool import FileSpool
from support.fakes import CountingIds

from .building import DAY, WORKSPACE, ask_file, begin, change_file, entry, open_at, owned, settle
from .processes import Child

HELD = "SELECT run, key, attempt, amount_pico FROM hold ORDER BY run, key, attempt"
BOOKED = (
    "SELECT run, step, attempt, cost_pico, at_most_pico, at_most_tokens, certainty, local_day FROM ledger ORDER BY n"
)
SCOPES = (Scope(kind="day", key=DAY), Scope(kind="workspace", key=WORKSPACE), Scope(kind="run", key="run-1"))
UNITS: tuple[Unit, ...] = ("usd", "tokens", "requests")
IN_FLIGHT = ("run-1", "m1", 1, None, 2_000, 1_200, "unknown", DAY)


def taken(home: Path) -> list[int]:
    """What is charged and held, in each scope and unit, as the budgets see it once the store is open."""
    with_notices = open_at(home, ids=CountingIds("look"))
    try:
        return [sum_of(with_notices.used(scope, unit)) for scope in SCOPES for unit in UNITS]
    finally:
        with_notices.close()


def sum_of(used: Used) -> int:
    return used.charged + used.held


async def made(home: Path, *runs: str) -> None:
    journal = open_at(home)
    for run in runs:
        await owned(journal, run)
        await journal.release(run)
    journal.close()


async def killed(home: Path, run: str = "run-1") -> None:
    """A run whose owner was killed between the hold and the result."""
    await made(home, run)
    with Child("own", home, run) as owner:
        owner.heard()
        owner.kill()


def end(home: Path, run: str = "run-1", state: str = "failed") -> None:
    change_file(home, "UPDATE run SET state = ? WHERE run = ?", state, run)


@pytest.mark.parametrize("state", ["failed", "finished"])
async def test_what_a_killed_owner_of_an_ended_run_held_is_booked_at_most(home: Path, state: str) -> None:
    await killed(home)
    before = taken(home)
    assert before == [2_000, 1_200, 1] * 3
    end(home, state=state)
    journal = open_at(home, ids=CountingIds("next"))
    assert ask_file(home, HELD) == []
    assert ask_file(home, BOOKED) == [IN_FLIGHT]
    assert ask_file(home, "SELECT status, request_id FROM step") == [("failed", "unseen:run-1:m1:1")]
    (notice,) = journal.notices
    assert notice.startswith("The bill of 1 request of run-1 will not be known any more, and is at most $0.000000002:")
    assert journal.verify_chain() is None
    journal.close()
    assert taken(home) == before
    again = open_at(home, ids=CountingIds("again"))
    assert again.notices == ()
    again.close()
    assert ask_file(home, BOOKED) == [IN_FLIGHT]


async def test_the_request_id_that_had_come_is_kept_with_it(home: Path) -> None:
    await killed(home)
    spool = FileSpool(home)
    spool.start(run="run-1", key="m1", attempt=1, request_id="req-seen")
    spool.stop()
    end(home)
    open_at(home).close()
    assert ask_file(home, "SELECT request_id FROM ledger") == [("req-seen",)]


@pytest.mark.parametrize("state", ["running", "paused", "in_doubt"])
async def test_a_run_that_can_go_on_keeps_its_hold(home: Path, state: str) -> None:
    await killed(home)
    end(home, state=state)
    journal = open_at(home)
    assert (ask_file(home, HELD), ask_file(home, BOOKED)) == ([("run-1", "m1", 1, 2_000)], [])
    assert journal.notices == ()
    journal.close()


async def test_a_living_owner_keeps_its_hold_whatever_the_row_says(home: Path) -> None:
    await killed(home)
    await made(home, "run-2")
    with Child("own", home, "run-2") as owner:
        owner.heard()
        end(home)
        end(home, "run-2")
        journal = open_at(home)
        assert ask_file(home, HELD) == [("run-2", "m1", 1, 2_000)]
        owner.tell("unlock")
        assert owner.heard() == {"unlocked": True}
        assert [each.run for each in journal.reap_holds()] == ["run-2"]
        journal.close()
    assert ask_file(home, HELD) == []


@pytest.mark.parametrize("spoilt", ["the run's row", "the step's row", "both", "the intent"])
async def test_money_is_booked_though_the_rows_around_it_are_lost(home: Path, spoilt: str) -> None:
    await killed(home)
    before = taken(home)
    if spoilt in ("the run's row", "both"):
        change_file(home, "DELETE FROM run")
    if spoilt in ("the step's row", "both"):
        change_file(home, "DELETE FROM step")
    if spoilt == "the intent":
        end(home)
        change_file(home, "UPDATE step SET intent = '[broken'")
    open_at(home).close()
    assert (ask_file(home, HELD), ask_file(home, BOOKED)) == ([], [IN_FLIGHT])
    assert taken(home) == before


def hold_again(home: Path, **changed: Any) -> None:
    """A hold that outlived its settlement, which no version of the store leaves behind."""
    values = {
        "hold": "stray", "run": "run-1", "key": "m1", "attempt": 1, "epoch": 1, "workspace": WORKSPACE,
        "local_day": DAY, "amount_pico": 2_000, "amount_tokens": 1_200, "at": "2026-11-21T08:00:00.000Z", **changed,
    }  # fmt: skip
    names = ", ".join(values)
    change_file(home, f"INSERT INTO hold ({names}) VALUES ({', '.join('?' * len(values))})", *values.values())


async def test_what_the_books_have_is_given_back_and_not_booked_twice(home: Path) -> None:
    journal = open_at(home)
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})
    await begin(journal, epoch, key="m2")
    await journal.release_request(run="run-1", epoch=epoch, key="m2", attempt=1, why="429")
    await begin(journal, epoch, key="m3", hold_pico=700)
    journal.close()
    before = ask_file(home, BOOKED)
    hold_again(home)
    hold_again(home, hold="stray-2", key="m2")
    journal = open_at(home)
    # The run is interrupted and can go on: what it has in flight is not touched.
    assert ask_file(home, HELD) == [("run-1", "m3", 1, 700)]
    assert ask_file(home, BOOKED) == before
    assert "held for 2 requests of run-1, whose outcome is in the books already" in journal.notices[0]
    assert journal.verify_chain() is None
    journal.close()


async def test_an_attempt_that_another_one_followed_is_booked(home: Path) -> None:
    journal = open_at(home)
    epoch = await owned(journal)
    await begin(journal, epoch, attempt=2)
    await settle(journal, epoch, attempt=2, booked=entry(attempt=2), result={})
    journal.close()
    hold_again(home)
    open_at(home).close()
    assert ask_file(home, HELD) == []
    assert [row[:5] for row in ask_file(home, BOOKED)] == [
        ("run-1", "m1", 2, 1_400, 2_000),
        ("run-1", "m1", 1, None, 2_000),
    ]
    assert ask_file(home, "SELECT status, attempt FROM step") == [("done", 2)]


@pytest.mark.parametrize(("intent", "held"), [({"batch": {"custom_id": "x"}}, 1), ({"file": "batch"}, 0)])
async def test_a_batch_whose_answer_can_still_be_fetched_stays_held(
    home: Path, intent: dict[str, Any], held: int
) -> None:
    journal = open_at(home)
    epoch = await owned(journal, kind="review")
    await begin(journal, epoch, intent=intent)
    await journal.set_state(run="run-1", epoch=epoch, state="failed", reason="stopped")
    journal.close()
    open_at(home).close()
    assert len(ask_file(home, HELD)) == held


async def test_two_that_start_at_once_book_it_once(home: Path) -> None:
    await killed(home)
    end(home)

    def start(tag: str) -> SqliteJournal:
        return open_at(home, ids=CountingIds(tag))

    with ThreadPoolExecutor(2) as pool:
        journals = list(pool.map(start, "ab"))
    assert ask_file(home, BOOKED) == [IN_FLIGHT]
    assert sum(len(each.notices) for each in journals) == 1
    for each in journals:
        each.close()


async def test_what_kept_a_prompt_warm_waits_for_its_run_and_is_booked_when_that_is_over(home: Path) -> None:
    await killed(home)
    await made(home, "run-2")
    change_file(home, "UPDATE run SET purpose = 'keep_warm', about = 'run-2' WHERE run = 'run-1'")
    end(home, "run-2", state="paused")
    open_at(home, ids=CountingIds("next")).close()
    assert len(ask_file(home, HELD)) == 1, "whoever goes on with the run settles it"
    end(home, "run-2", state="finished")
    open_at(home, ids=CountingIds("last")).close()
    assert ask_file(home, HELD) == []
    assert ask_file(home, BOOKED) == [IN_FLIGHT]
    assert ask_file(home, "SELECT operation FROM ledger") == [("keep_warm",)]


async def test_the_look_at_start_reads_as_many_rows_as_are_held(home: Path) -> None:
    """All but the holds is found by a key: a start costs the same whatever the ledger has grown to."""
    await made(home, "run-1")
    connection = apsw.Connection(str(home / "bursar.db"), flags=apsw.SQLITE_OPEN_READONLY)
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {_ORPHANS}", (1,))]
    connection.close()
    assert [each for each in plan if each.startswith("SCAN")] == ["SCAN hold"]
    assert sum(each.startswith("SEARCH") for each in plan) == 5
