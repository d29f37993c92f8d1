"""What goes in comes out: runs, steps, requests, events, budgets, summaries."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from bursar.domain.errors import BadInput, Fenced, OwnedElsewhere, StorageError
from bursar.domain.money.budget import Granted, RefusedByBudget, Scope
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Claimed, HeldElsewhere, Journal
from bursar.domain.runs import NewRun
from bursar.storage import SqliteJournal
from support.fakes import CountingIds, FakeClock

from .building import (
    DAY,
    WORKSPACE,
    ask_file,
    begin,
    day_limit,
    entry,
    new_run,
    open_at,
    owned,
    run_limit,
    settle,
    taken,
    unknown,
)

RUN = Scope(kind="run", key="run-1")
TODAY = Scope(kind="day", key=DAY)


async def test_a_run_comes_back_as_it_was_given(journal: SqliteJournal) -> None:
    port: Journal = journal
    given = new_run(first_request='{"bad": "\ud800", "nul": "\x00"}', task_title="t\udcff", ceiling_pico=10**12)
    record = await port.create_run(given)
    elsewhere = ("prompt", "traits", "first_pico")
    assert {each.name: getattr(record, each.name) for each in fields(NewRun) if each.name not in elsewhere} == {
        name: value for name, value in asdict(given).items() if name not in elsewhere
    }
    assert (record.state, record.owner_alive, record.epoch) == ("running", True, 1)
    assert record.owner is not None
    assert record.owner.startswith(f"process {os.getpid()} on ")
    assert port.run("run-1") == record
    assert port.run("run-2") is None
    (listed,) = port.runs(WORKSPACE)
    assert listed.first_request == ""
    assert port.runs("/elsewhere") == []


async def test_a_run_in_a_folder_whose_name_is_no_utf8_is_found_by_it(journal: SqliteJournal) -> None:
    odd = "/home/ada/caf\udce9"
    epoch = await owned(journal, workspace=odd)
    await begin(journal, epoch)
    await settle(journal, epoch, booked=entry(workspace=odd, file="n\udce9.py"), result={"blocks": []})
    (summary,) = journal.summaries(odd)
    assert summary.record.workspace == odd
    assert [each.file for each in journal.requests(workspace=odd)] == ["n\udce9.py"]
    assert journal.verify_chain() is None


async def test_a_claim_grows_the_epoch_and_clears_the_wish_to_pause(journal: SqliteJournal) -> None:
    await journal.create_run(new_run())
    first = await journal.claim("run-1")
    assert isinstance(first, Claimed)
    assert (first.epoch, first.run.owner_alive) == (1, True)
    assert isinstance(await journal.claim("run-1"), HeldElsewhere)
    assert await journal.request_pause("run-1")
    assert journal.run("run-1").pause_requested  # type: ignore[union-attr]
    await journal.release("run-1")
    await journal.release("run-1")
    assert journal.run("run-1").owner is None  # type: ignore[union-attr]
    second = await journal.claim("run-1")
    assert isinstance(second, Claimed)
    assert (second.epoch, second.run.pause_requested) == (2, False)


async def test_a_run_is_never_seen_without_its_owner(journal: SqliteJournal, home: Path) -> None:
    seen: list[tuple[bool, str, bool]] = []

    def look(point: str, /) -> None:
        if point in ("before_create", "after_create"):
            seen.extend((point == "after_create", each.state, each.owner_alive) for each in journal.runs())

    other = open_at(home, ids=CountingIds("other"), failpoint=look)
    try:
        await other.create_run(new_run(), only_one=True)
        assert seen == [(True, "running", True)]
        assert isinstance(await journal.claim("run-1"), HeldElsewhere)
        with pytest.raises(OwnedElsewhere, match="runs in another window as run-1"):
            await journal.create_run(new_run("run-2"), only_one=True)
        assert [each.name for each in (home / "locks").iterdir()] == ["run-1.lock"]
        taken_up = await other.claim("run-1")
        assert isinstance(taken_up, Claimed)
        assert taken_up.epoch == 1
        assert isinstance(await other.claim("run-1"), HeldElsewhere)
    finally:
        other.close()
    assert await taken(journal) == 2


async def test_claiming_what_is_not_there_says_so(journal: SqliteJournal) -> None:
    with pytest.raises(BadInput, match="no run 'run-9'"):
        await journal.claim("run-9")
    assert list((journal.path.parent / "locks").iterdir()) == []


async def test_every_write_under_an_old_epoch_is_fenced(journal: SqliteJournal, home: Path) -> None:
    old = await owned(journal)
    await begin(journal, old)
    await journal.begin_step(run="run-1", epoch=old, key="t1.0", n=1_001, kind="look", intent={})
    await journal.release("run-1")
    await taken(journal)
    before = ask_file(home, "SELECT * FROM step, hold, run")
    for write in (
        begin(journal, old, key="m2"),
        settle(journal, old),
        journal.release_request(run="run-1", epoch=old, key="m1", attempt=1, why="no"),
        journal.begin_step(run="run-1", epoch=old, key="t1.1", n=1_002, kind="look", intent={}),
        journal.finish_step(run="run-1", epoch=old, key="t1.0", result={}, seconds_run=1),
        journal.doubt_step(run="run-1", epoch=old, key="t1.0"),
        journal.set_state(run="run-1", epoch=old, state="finished"),
    ):
        with pytest.raises(Fenced, match="run-1"):
            await write
    assert ask_file(home, "SELECT * FROM step, hold, run") == before


async def test_a_request_is_held_then_settled(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    body = b'{"messages": "' + b"x" * 5_000 + b'"}'
    granted = await begin(journal, epoch, body=body, limits=[run_limit(2_000)])
    assert isinstance(granted, Granted)
    assert granted.amount_pico == 2_000
    assert ask_file(home, "SELECT hold, amount_pico FROM hold") == [(granted.hold, 2_000)]
    (step,) = journal.steps("run-1")
    assert (step.status, step.kind, step.attempt, step.hold_pico, step.result) == ("intent", "model", 1, 2_000, None)
    assert journal.body(step.body_sha256 or "") == body
    assert (journal.charged_pico(RUN), journal.held_pico(RUN), journal.held_pico(TODAY)) == (0, 2_000, 2_000)

    await settle(journal, epoch, result={"blocks": [{"text": "\ud800"}]})
    assert ask_file(home, "SELECT count(*) FROM hold") == [(0,)]
    (step,) = journal.steps("run-1")
    assert (step.status, step.result, step.request_id) == ("done", {"blocks": [{"text": "\ud800"}]}, "req-run-1-m1-1")
    assert (journal.charged_pico(RUN), journal.charged_pico(TODAY), journal.held_pico(RUN)) == (1_400, 1_400, 0)
    (row,) = journal.requests(run="run-1")
    assert row.usage == entry().usage
    assert (row.cost_pico, row.unpriced, row.ttft_ms, row.file, row.line) == (1_400, False, 310, "src/words.py", 12)
    assert journal.run("run-1").seconds_run == 1.5  # type: ignore[union-attr]


async def test_settling_twice_books_once(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={"blocks": []})
    await settle(journal, epoch, result={"blocks": ["other"]})
    assert ask_file(home, "SELECT count(*), sum(cost_pico) FROM ledger") == [(1, 1_400)]
    assert ask_file(
        home, "SELECT sum(requests), sum(cost_pico) FROM roll WHERE dimension = 'day' AND local_day = '*'"
    ) == [(1, 1_400)]
    assert journal.steps("run-1")[0].result == {"blocks": []}
    with pytest.raises(StorageError, match="not booked again as other"):
        await settle(journal, epoch, booked=entry(request_id="other"), result={})


async def test_two_attempts_with_one_provider_id_are_both_booked(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    for attempt in (1, 2):
        await begin(journal, epoch, attempt=attempt)
        for _ in range(2):
            await settle(journal, epoch, attempt=attempt, booked=unknown(attempt=attempt, request_id="same"))
    assert ask_file(home, "SELECT sum(at_most_pico), count(*) FROM ledger") == [(4_000, 2)]
    assert [each.request_id for each in journal.requests()] == ["same", "same~run-1.m1.2"]
    assert journal.verify_chain() is None


async def test_an_attempt_whose_bill_is_unknown_stays_charged_and_is_asked_again(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, booked=unknown(), result=None)
    (step,) = journal.steps("run-1")
    assert (step.status, step.attempt) == ("failed", 1)
    assert (journal.charged_pico(RUN), journal.held_pico(RUN)) == (2_000, 0)
    assert isinstance(await begin(journal, epoch, attempt=2, limits=[run_limit(3_999)]), RefusedByBudget)
    assert isinstance(await begin(journal, epoch, attempt=2, limits=[run_limit(4_000)]), Granted)
    summary = journal.summary("run-1")
    assert summary is not None
    assert (summary.cost_pico, summary.held_pico) == (0, 4_000)


async def test_a_refused_reservation_writes_nothing(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    before = journal.changes()
    refused = await begin(journal, epoch, hold_pico=2_001, limits=[run_limit(5_000), day_limit(2_000)])
    assert refused == RefusedByBudget(scope=TODAY, unit="usd", limit=2_000, spent=0, reserved=0, wanted=2_001)
    assert journal.changes() == before
    assert ask_file(home, "SELECT (SELECT count(*) FROM step) + (SELECT count(*) FROM hold)") == [(0,)]


async def test_the_day_is_over_all_workspaces_and_the_run_is_not(journal: SqliteJournal) -> None:
    one, two = await owned(journal, "run-1"), await owned(journal, "run-2", workspace="/other")
    await begin(journal, one, "run-1")
    await settle(journal, one, "run-1", result={})
    assert isinstance(await begin(journal, two, "run-2", limits=[run_limit(2_000, "run-2")]), Granted)
    await journal.release_request(run="run-2", epoch=two, key="m1", attempt=1, why="429")
    refused = await begin(journal, two, "run-2", attempt=2, limits=[day_limit(3_399)])
    assert isinstance(refused, RefusedByBudget)
    assert refused.taken == 1_400


@pytest.mark.parametrize(("unit", "enough"), [("requests", 2), ("tokens", 1_070 + 1_200)])
async def test_limits_in_other_units_are_kept(journal: SqliteJournal, unit: str, enough: int) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})
    assert isinstance(await begin(journal, epoch, key="m2", limits=[day_limit(enough - 1, unit)]), RefusedByBudget)
    assert isinstance(await begin(journal, epoch, key="m2", limits=[day_limit(enough, unit)]), Granted)


async def test_a_released_request_owes_nothing_and_is_to_be_done(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    for _ in range(2):
        await journal.release_request(run="run-1", epoch=epoch, key="m1", attempt=1, why="429 \ud800")
    (step,) = journal.steps("run-1")
    assert (step.status, journal.held_pico(RUN), journal.charged_pico(RUN)) == ("failed", 0, 0)
    assert isinstance(await begin(journal, epoch, attempt=2), Granted)
    assert journal.steps("run-1")[0].attempt == 2


async def test_what_has_its_answer_or_is_in_flight_is_not_asked_again(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    with pytest.raises(StorageError, match="attempt 1 at m1 of run-1 is not settled"):
        await begin(journal, epoch, attempt=2)
    await settle(journal, epoch, result={})
    with pytest.raises(StorageError, match="has its answer"):
        await begin(journal, epoch, attempt=2)
    with pytest.raises(StorageError, match="not in flight"):
        await settle(journal, epoch, key="m2", result={})
    assert len(journal.requests()) == 1


async def test_a_tool_step_is_begun_doubted_begun_again_and_finished_once(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    step = {"run": "run-1", "epoch": epoch, "key": "t1.0"}
    await journal.begin_step(**step, n=1_001, kind="command", intent={"argv": ["make"]})  # type: ignore[arg-type]
    await journal.doubt_step(**step)  # type: ignore[arg-type]
    summary = journal.summary("run-1")
    assert summary is not None
    assert [each.key for each in summary.in_doubt] == ["t1.0"]
    await journal.begin_step(**step, n=1_001, kind="command", intent={"argv": ["make"]})  # type: ignore[arg-type]
    for _ in range(2):
        await journal.finish_step(**step, result={"content": "ok"}, seconds_run=3.0)  # type: ignore[arg-type]
    (record,) = journal.steps("run-1")
    assert (record.status, record.attempt, record.result) == ("done", 2, {"content": "ok"})
    for write in (
        journal.finish_step(**step, result={"content": "other"}, seconds_run=3.0),  # type: ignore[arg-type]
        journal.begin_step(**step, n=1_001, kind="command", intent={}),  # type: ignore[arg-type]
        journal.doubt_step(**step),  # type: ignore[arg-type]
        journal.finish_step(run="run-1", epoch=epoch, key="t9.9", result={}, seconds_run=0),
    ):
        with pytest.raises(StorageError):
            await write
    assert journal.summary("run-1").steps_done == 1  # type: ignore[union-attr]


async def test_states_reasons_and_the_pending_tick(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    await journal.set_state(
        run="run-1", epoch=epoch, state="paused", reason="limit", detail="d\ud800", resume_at="2026-11-21T09:00:00.000Z"
    )
    record = journal.run("run-1")
    assert record is not None
    assert (record.state, record.reason, record.detail) == ("paused", "limit", "d\ud800")
    await journal.set_state(run="run-1", epoch=epoch, state="running", seconds_run=9.5)
    await journal.set_state(run="run-1", epoch=epoch, state="finished", tick_pending=True)
    record = journal.run("run-1")
    assert record is not None
    assert (record.state, record.reason, record.resume_at, record.tick_pending) == ("finished", None, None, True)
    assert record.seconds_run == 9.5
    await journal.clear_tick_pending("run-1")
    assert not journal.run("run-1").tick_pending  # type: ignore[union-attr]


async def test_a_run_that_nobody_owns_any_more_reads_as_paused(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    await journal.set_state(run="run-1", epoch=epoch, state="running")
    assert journal.run("run-1").state == "running"  # type: ignore[union-attr]
    await journal.release("run-1")
    for record in (journal.run("run-1"), journal.runs()[0], journal.summary("run-1").record):  # type: ignore[union-attr]
        assert record is not None
        assert (record.state, record.reason, record.owner_alive) == ("paused", "owner_gone", False)
    assert ask_file(home, "SELECT state FROM run") == [("running",)]


async def test_wishes_go_to_the_owner_and_a_stop_without_one_ends_the_run(journal: SqliteJournal, home: Path) -> None:
    assert not await journal.request_pause("run-1")
    assert not await journal.request_stop("run-1")
    epoch = await owned(journal)
    await journal.set_state(run="run-1", epoch=epoch, state="running")
    assert await journal.request_stop("run-1")
    record = journal.run("run-1")
    assert record is not None
    assert (record.state, record.stop_requested) == ("running", True)
    await owned(journal, "run-2")
    await journal.release("run-2")
    assert not await journal.request_pause("run-2")
    assert await journal.request_stop("run-2")
    record = journal.run("run-2")
    assert record is not None
    assert (record.state, record.reason) == ("failed", "stopped")
    assert not await journal.request_stop("run-2")


async def test_events_ascend_over_all_runs(journal: SqliteJournal) -> None:
    one = await journal.append_event(run="run-1", kind="a", data={"text": "\ud800 é"})
    two = await journal.append_event(run="run-2", kind="b", data={})
    assert one.seq < two.seq
    assert journal.events() == [one, two]
    assert journal.events(run="run-2") == [two]
    assert journal.events(after_seq=one.seq) == [two]
    assert journal.events(run="run-1", after_seq=one.seq) == []


async def test_budgets_and_ceilings_are_replaced(journal: SqliteJournal) -> None:
    await journal.set_budget("day", "usd", 5)
    await journal.set_budget("day", "requests", 300)
    await journal.set_budget("run", "usd", 7)
    assert journal.stored_budgets() == {"day": ("requests", 300), "run": ("usd", 7)}
    await journal.create_run(new_run())
    await journal.raise_ceiling("run-1", 9)
    assert journal.run("run-1").ceiling_pico == 9  # type: ignore[union-attr]
    await journal.raise_ceiling("run-1", None)
    assert journal.run("run-1").ceiling_pico is None  # type: ignore[union-attr]


async def test_summaries_add_up_as_plain_sql_does(journal: SqliteJournal, home: Path) -> None:
    for run in ("run-1", "run-2"):
        epoch = await owned(journal, run)
        for n in range(1, 4):
            await begin(journal, epoch, run, f"m{n}")
            booked = [
                entry(run, f"m{n}", epoch=epoch, cost_pico=n * 100),
                unknown(run, f"m{n}", epoch=epoch),
                entry(run, f"m{n}", epoch=epoch, cost_pico=None, unpriced=True, at_most_pico=5, certainty="estimated"),
            ][n - 1]
            await settle(journal, epoch, run, f"m{n}", booked=booked, result=None if n == 2 else {})
        await begin(journal, epoch, run, "m4", hold_pico=77)
    summaries = journal.summaries(WORKSPACE)
    assert [each.record.run for each in summaries] == ["run-1", "run-2"]
    for each in summaries:
        run = each.record.run
        ((cost, unpriced),) = ask_file(
            home, "SELECT sum(ifnull(cost_pico, 0)), sum(unpriced) FROM ledger WHERE run = ?", run
        )
        ((held,),) = ask_file(home, "SELECT sum(amount_pico) FROM hold WHERE run = ?", run)
        ((done,),) = ask_file(home, "SELECT count(*) FROM step WHERE run = ? AND status = 'done'", run)
        assert (each.cost_pico, each.unpriced_requests, each.steps_done) == (cost, unpriced, done) == (100, 1, 2)
        assert each.held_pico == held + 2_000
        assert [row.step for row in each.requests] == ["m1", "m2", "m3"]
        alone = journal.summary(run)
        assert alone is not None
        assert (alone.cost_pico, alone.held_pico, alone.requests) == (each.cost_pico, each.held_pico, each.requests)


async def test_the_daily_sums_are_those_of_the_ledger(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    for n, day in enumerate(["2026-11-20", DAY, DAY], start=1):
        await begin(journal, epoch, key=f"m{n}")
        usage = Usage(uncached_input=n, cache_read=2 * n, cache_write_1h=3, output=n)
        booked = entry(key=f"m{n}", local_day=day, usage=usage, cost_pico=n, model=f"model-{n % 2}")
        await settle(journal, epoch, key=f"m{n}", booked=booked, result={})
    wanted = ask_file(
        home,
        "SELECT local_day, model, '' AS workspace, count(*), sum(unpriced), sum(uncached_input), sum(cache_read),"
        " sum(cache_write_5m), sum(cache_write_1h), sum(output), sum(reasoning), sum(cost_pico), 0"
        " FROM ledger GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    kept = ask_file(
        home,
        "SELECT local_day, key, workspace, requests, unpriced_requests, uncached_input, cache_read, cache_write_5m,"
        " cache_write_1h, output, reasoning, cost_pico, at_most_pico FROM roll"
        " WHERE dimension = 'model' AND local_day <> '*' ORDER BY 1, 2, 3",
    )
    assert kept == wanted
    assert len(wanted) == 3


async def test_changes_differ_after_a_commit_here_or_elsewhere(journal: SqliteJournal, home: Path) -> None:
    start = journal.changes()
    assert journal.changes() == start
    await journal.append_event(run="run-1", kind="a", data={})
    own = journal.changes()
    assert own != start
    other = open_at(home, ids=CountingIds("b"))
    await other.append_event(run="run-1", kind="b", data={})
    other.close()
    assert journal.changes() != own


async def test_money_above_what_can_be_counted_is_said_and_not_written(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    with pytest.raises(StorageError, match="million USD"):
        await begin(journal, epoch, hold_pico=2**63)
    await begin(journal, epoch, hold_pico=2**63 - 1)
    await settle(journal, epoch, booked=entry(cost_pico=2**63 - 1), result={})
    await begin(journal, epoch, key="m2")
    with pytest.raises(StorageError, match="million USD"):
        await settle(journal, epoch, key="m2", booked=entry(key="m2", cost_pico=5), result={})
    assert ask_file(home, "SELECT count(*) FROM ledger") == [(1,)]
    assert journal.steps("run-1")[1].status == "intent"


async def test_a_closed_journal_says_so(home: Path, clock: FakeClock) -> None:
    opened = open_at(home, clock=clock)
    opened.close()
    opened.close()
    with pytest.raises(StorageError, match="closed"):
        await opened.append_event(run="r", kind="k", data={})
