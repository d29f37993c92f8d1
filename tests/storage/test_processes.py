"""Two windows, one truth: locks, owners, fences and limits between real processes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import Refused
from bursar.domain.money.budget import Granted
from bursar.domain.ports import Claimed, HeldElsewhere
from bursar.storage import SqliteJournal
from support.fakes import CountingIds

from .building import ask_file, begin, change_file, day_limit, entry, open_at, owned, settle, taken, unknown
from .processes import Child

SETTLED_OR_HELD = (
    "SELECT (SELECT coalesce(sum(coalesce(cost_pico, at_most_pico)), 0) FROM ledger)"
    " + (SELECT coalesce(sum(amount_pico), 0) FROM hold)"
)


async def test_a_living_owner_keeps_its_run_and_a_dead_one_loses_it(journal: SqliteJournal, home: Path) -> None:
    await owned(journal)
    await journal.release("run-1")
    with Child("own", home, "run-1") as owner:
        said = owner.heard()
        held = await journal.claim("run-1")
        assert isinstance(held, HeldElsewhere)
        assert f"process {said['pid']} on " in held.owner
        record = journal.run("run-1")
        assert record is not None
        assert (record.state, record.owner_alive, record.owner) == ("running", True, held.owner)
        with pytest.raises(Refused, match="run-1 is running"):
            await journal.erase(everything=True)
        assert await journal.request_pause("run-1")

        os.kill(owner.pid, signal.SIGSTOP)
        assert isinstance(await journal.claim("run-1"), HeldElsewhere)
        os.kill(owner.pid, signal.SIGCONT)

        owner.kill()
        record = journal.run("run-1")
        assert record is not None
        assert (record.state, record.reason, record.owner_alive) == ("paused", "owner_gone", False)
        assert not await journal.request_pause("run-1")
        claimed = await journal.claim("run-1")
        assert isinstance(claimed, Claimed)
        assert claimed.epoch == said["epoch"] + 1
        (step,) = journal.steps("run-1")
        assert (step.status, step.hold_pico) == ("intent", 2_000)


async def test_an_owner_that_lost_its_run_writes_nothing_more(journal: SqliteJournal, home: Path) -> None:
    await owned(journal)
    await journal.release("run-1")
    with Child("own", home, "run-1") as owner:
        owner.heard()
        owner.tell("unlock")
        assert owner.heard() == {"unlocked": True}
        await taken(journal)
        owner.tell("write")
        assert "another window owns run-1 now" in owner.heard()["fenced"]
    assert ask_file(home, "SELECT count(*) FROM ledger") == [(0,)]


@pytest.mark.parametrize("race", range(3))
async def test_of_several_who_claim_at_once_one_gets_it(journal: SqliteJournal, home: Path, race: int) -> None:
    await owned(journal)
    await journal.release("run-1")
    children = [Child("claim", home, "run-1") for _ in range(4)]
    try:
        for each in children:
            each.tell("go")
        said = [each.heard() for each in children]
    finally:
        for each in children:
            each.__exit__()
    assert sorted(str(each["epoch"]) for each in said) == ["2", "None", "None", "None"]
    assert journal.run("run-1").epoch == 2  # type: ignore[union-attr]


def test_many_processes_never_pass_a_limit_and_none_sees_a_lock_error(home: Path) -> None:
    open_at(home).close()
    limit_pico = 9_000
    children = [Child("spend", home, f"p{number}", "60", str(limit_pico)) for number in range(4)]
    try:
        said = [each.heard() for each in children]
        assert [each.wait() for each in children] == [0, 0, 0, 0]
    finally:
        for each in children:
            each.__exit__()
    assert sum(each["refused"] for each in said) > 0, "the limit never bound: this test shows nothing"
    assert sum(each["granted"] for each in said) > 20
    ((taken_pico,),) = ask_file(home, SETTLED_OR_HELD)
    assert limit_pico - 500 < taken_pico <= limit_pico
    assert sum(each["granted"] for each in said) == ask_file(home, "SELECT count(*) FROM step")[0][0]


@pytest.mark.parametrize("seed", range(4))
def test_four_threads_never_pass_a_limit(journal: SqliteJournal, home: Path, seed: int) -> None:
    """Looks after every act from a connection of its own; the limit binds most of the time."""
    limit_pico = 3_000

    async def spend(tag: str) -> tuple[int, list[int]]:
        random_ = random.Random(f"{seed}{tag}")
        run = f"run-{tag}"
        epoch = await owned(journal, run)
        open_keys: list[tuple[str, int]] = []
        refused, seen = 0, []
        for n in range(1, 31):
            if open_keys and random_.random() < 0.5:
                key, wanted = open_keys.pop(random_.randrange(len(open_keys)))
                if random_.random() < 0.5:
                    await journal.release_request(run=run, epoch=epoch, key=key, attempt=1, why="no")
                else:
                    cost = random_.choice([None, random_.randint(0, wanted)])
                    make = unknown if cost is None else entry
                    booked = make(run, key, epoch=epoch, cost_pico=cost, at_most_pico=wanted)
                    await settle(journal, epoch, run, key, booked=booked)
            else:
                key, wanted = f"m{n}", random_.randint(1, 700)
                decision = await begin(journal, epoch, run, key, hold_pico=wanted, limits=[day_limit(limit_pico)])
                if isinstance(decision, Granted):
                    open_keys.append((key, wanted))
                else:
                    refused += 1
            seen.append(ask_file(home, SETTLED_OR_HELD)[0][0])
        return refused, seen

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda tag: asyncio.run(spend(tag)), "abcd"))
    assert sum(refused for refused, _ in outcomes) > 0, "the limit never bound: this test shows nothing"
    assert max(most for _, seen in outcomes for most in seen) <= limit_pico
    assert journal.verify_chain() is None


def test_files_are_closed_to_others_under_any_umask(tmp_path: Path) -> None:
    home = tmp_path / "some" / "where" / "home"
    with Child("umask", home) as child:
        assert child.heard() == {"ready": True}
        modes = {str(each.relative_to(tmp_path)): stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")}
    base = "some/where/home"
    folders = {"some", "some/where", base, f"{base}/locks"}
    assert {f"{base}/bursar.db", f"{base}/bursar.db-wal", f"{base}/bursar.db-shm", f"{base}/write.lock"} < set(modes)
    assert {name for name, mode in modes.items() if mode == 0o700} == folders
    assert {mode for name, mode in modes.items() if name not in folders} == {0o600}


@pytest.mark.parametrize(
    ("point", "holds", "entries", "status"),
    [
        ("before_intent", 0, 0, None),
        ("after_intent", 1, 0, "intent"),
        ("before_result", 1, 0, "intent"),
        ("after_result", 0, 1, "done"),
    ],
)
def test_a_kill_at_each_write_point_leaves_all_or_nothing(
    home: Path, point: str, holds: int, entries: int, status: str | None
) -> None:
    with Child("point", home, point) as child:
        assert child.wait() == -signal.SIGKILL
    assert ask_file(home, "SELECT count(*) FROM hold") == [(holds,)]
    assert ask_file(home, "SELECT count(*) FROM ledger") == [(entries,)]
    assert ask_file(home, "SELECT status FROM step") == ([(status,)] if status else [])


def test_nothing_that_was_acknowledged_is_lost_by_a_kill(home: Path) -> None:
    random_ = random.Random(7)
    begun: set[tuple[str, str]] = set()
    settled: dict[tuple[str, str], int] = {}
    events: set[int] = set()
    for number in range(12):
        with Child("churn", home, f"k{number}") as child:
            said = [child.heard() for _ in range(random_.randint(1, 40))]
            said += child.kill()
        begun |= {tuple(each["begun"]) for each in said if "begun" in each}
        settled |= {tuple(each["settled"][:2]): each["settled"][2] for each in said if "settled" in each}
        events |= {each["event"] for each in said if "event" in each}

        rows = {(run, step): cost for run, step, cost in ask_file(home, "SELECT run, step, cost_pico FROM ledger")}
        steps = {(run, key): status for run, key, status in ask_file(home, "SELECT run, key, status FROM step")}
        holds = set(ask_file(home, "SELECT run, key FROM hold"))
        assert settled.items() <= rows.items()
        assert begun <= set(steps)
        assert events <= {seq for (seq,) in ask_file(home, "SELECT seq FROM event")}
        assert {each for each, status in steps.items() if status == "done"} == set(rows)
        assert {each for each, status in steps.items() if status == "intent"} == holds
        assert ask_file(
            home, "SELECT coalesce(sum(cost_pico), 0) FROM roll WHERE dimension = 'day' AND local_day = '*'"
        ) == [(sum(rows.values()),)]
        assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    journal = open_at(home, ids=CountingIds("z"))
    assert journal.verify_chain() is None
    assert {each.reason for each in journal.runs()} == {"owner_gone"}
    journal.close()
    assert len(settled) > 12


def test_a_row_that_was_doubled_behind_our_back_would_be_seen(home: Path) -> None:
    """The control for the sums above: they do differ when the file is not what it should be."""
    with Child("point", home, "after_result") as child:
        child.wait()
    change_file(home, "UPDATE roll SET cost_pico = cost_pico + 1")
    assert ask_file(home, "SELECT sum(cost_pico) FROM roll WHERE dimension = 'day' AND local_day = '*'") != ask_file(
        home, "SELECT sum(cost_pico) FROM ledger"
    )
    assert apsw.sqlite_lib_version() >= "3.51.3"
