"""An answer breaks off while its run goes on: it is fetched under the same attempt, or waited for, and paid once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.budget import Scope
from bursar.domain.money.price import Rates, usd_text
from bursar.domain.ports import ModelProvider
from bursar.providers import Deadlines, make_provider
from bursar.runs.world import Finished, Paused
from simulator.support import GPT, Simulator, simulator
from support.world import Workshop

DAY = Scope(kind="day", key="2026-11-21")
PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"}
DEADLINES = Deadlines(connect_s=2, first_byte_s=2, progress_s=2, total_s=5, look_again_s=0.01)
DONE = {"text": "one two three four five six seven eight", "chunk_tokens": 1}
DONE |= {"tool_calls": [{"name": "finish", "input": {"summary": "All done."}}]}
CUT = {"kind": "cut", "times": 1, "after_chunks": 3}


def scenario(*faults: dict[str, Any]) -> dict[str, Any]:
    models = {GPT: {"wire": "openai-responses", "prices": PRICES}}
    return {"models": models, "replies": [DONE], "faults": list(faults)}


def provider_of(shop: Workshop, server: Simulator) -> ModelProvider:
    shop.prices.rates[GPT] = Rates(
        **{name: Decimal(price) for name, price in PRICES.items()}, cache_write_1h=Decimal("2.5")
    )
    return make_provider(
        name="acme",
        wire="openai-responses",
        base_url=server.url,
        key=lambda: None,
        key_name=None,
        clock=shop.clock,
        ids=shop.ids,
        deadlines=DEADLINES,
    )


def check_paid_once(shop: Workshop, run: str, server: Simulator) -> None:
    """One answer on the bill, one row in the ledger, equal to the pico-dollar, and nothing held."""
    (billed,) = server.rows()
    (row,) = shop.summary(run).requests
    assert (row.certainty, row.attempt, row.request_id) == ("billed", 1, billed["request_id"])
    assert row.cost_pico is not None
    assert usd_text(row.cost_pico) == billed["cost_usd"]
    assert shop.journal.held_pico(DAY) == 0
    assert not list((shop.home / "inflight").iterdir())


async def test_it_is_fetched_at_once_and_the_run_goes_on(shop: Workshop, tmp_path: Path) -> None:
    async with simulator(tmp_path, scenario(CUT)) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        check_paid_once(shop, run, server)
    assert "request_unknown" not in shop.kinds()
    assert "waiting" not in shop.kinds()


@pytest.mark.parametrize("kind", ["429", "529"])
async def test_a_provider_that_cannot_be_asked_now_is_waited_for(shop: Workshop, tmp_path: Path, kind: str) -> None:
    away = {"kind": kind, "times": 2, "headers": {"retry-after": "20"}}
    async with simulator(tmp_path, scenario(CUT, away)) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        check_paid_once(shop, run, server)
    assert shop.kinds().count("waiting") == 2
    assert shop.clock.slept_s == pytest.approx(40)


async def test_while_it_cannot_be_asked_the_run_stands_and_resume_fetches_the_answer(
    shop: Workshop, tmp_path: Path
) -> None:
    attempts = 4
    away = {"kind": "529", "times": attempts, "headers": {"retry-after": "1"}}
    async with simulator(tmp_path, scenario(CUT, away)) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        outcome = await shop.drive(provider, run)
        assert isinstance(outcome, Paused)
        assert outcome.reason == "provider"
        assert "resume fetches it" in outcome.detail
        # Nothing was booked: what it costs is not known, so all of it stays held.
        assert shop.summary(run).requests == ()
        held = shop.journal.held_pico(DAY)
        assert held > 0
        shop.restart()
        assert shop.journal.held_pico(DAY) == held
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        check_paid_once(shop, run, server)


async def test_an_answer_that_the_provider_gave_up_is_booked_as_it_is_billed_and_asked_once_more(
    shop: Workshop, tmp_path: Path
) -> None:
    async with simulator(tmp_path, scenario({"kind": "failed", "after_chunks": 0})) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        rows = server.rows()
    booked = shop.summary(run).requests
    assert [each["outcome"] for each in rows] == ["cut", "complete"]
    assert [each.certainty for each in booked] == ["billed", "billed"]
    assert [(each.request_id, usd_text(each.cost_pico or 0)) for each in booked] == [
        (each["request_id"], each["cost_usd"]) for each in rows
    ]
    assert booked[0].usage.output == 0 < booked[0].usage.input
    assert shop.told("request_given_up")["cost_usd"] == rows[0]["cost_usd"]
    assert "request_unknown" not in shop.kinds()


async def test_one_that_was_given_up_in_the_middle_goes_on_from_what_arrived_and_every_part_is_paid(
    shop: Workshop, tmp_path: Path
) -> None:
    async with simulator(tmp_path, scenario({"kind": "failed", "after_chunks": 3})) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        outcome = await shop.drive(provider, run)
        assert isinstance(outcome, Paused)
        assert outcome.reason == "cut"
        assert "3 out, which are billed. Resume goes on from what arrived." in outcome.detail
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        rows = server.rows()
    booked = shop.summary(run).requests
    assert [usd_text(each.cost_pico or 0) for each in booked] == [each["cost_usd"] for each in rows]
    assert booked[0].usage.output == 3


async def test_one_that_was_given_up_after_the_process_died_is_booked_by_the_next(
    shop: Workshop, tmp_path: Path
) -> None:
    async with simulator(tmp_path, scenario({"kind": "failed", "after_chunks": 2})) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        shop.dies_at = "mid_stream"
        await shop.die(provider, run)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        rows = server.rows()
    booked = shop.summary(run).requests
    assert [each["outcome"] for each in rows] == ["cut", "complete"]
    assert [usd_text(each.cost_pico or 0) for each in booked] == [each["cost_usd"] for each in rows]
    assert shop.journal.held_pico(DAY) == 0


async def test_options_that_are_refused_count_among_the_four_requests(shop: Workshop, tmp_path: Path) -> None:
    busy = {"kind": "529", "times": 2, "headers": {"retry-after": "1"}}
    known = scenario(busy)
    known["models"][GPT]["refuses"] = ["background", "store", "prompt_cache_key"]
    async with simulator(tmp_path, known) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        bodies = [each["body"] for each in server.log()]
        rows = server.rows()
    assert ["background" in each for each in bodies] == [True, False, False, False]
    assert [each["outcome"] for each in rows] == ["refused"] * 3 + ["complete"]
    (row,) = shop.summary(run).requests
    assert (row.attempt, usd_text(row.cost_pico or 0)) == (4, rows[3]["cost_usd"])
    # What the journal says was sent is what was sent.
    steps = {each.key: each for each in shop.journal.steps(run)}
    assert steps["m1"].body_sha256 == server.log()[3]["sha256_of_body"]
    assert shop.clock.slept_s == pytest.approx(2, rel=0.2)


async def test_options_that_are_refused_and_no_peace_after_it_are_four_requests_and_no_more(
    shop: Workshop, tmp_path: Path
) -> None:
    known = scenario({"kind": "529", "times": 99, "headers": {"retry-after": "1"}})
    known["models"][GPT]["refuses"] = ["background"]
    async with simulator(tmp_path, known) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert isinstance(await shop.drive(provider, run), Paused)
        assert len(server.log()) == 4
    assert shop.journal.held_pico(DAY) == 0


async def test_an_answer_that_the_provider_lost_is_booked_as_at_most_and_asked_again(
    shop: Workshop, tmp_path: Path
) -> None:
    """The same cut before the answer had a name: there is nothing to fetch."""
    async with simulator(tmp_path, scenario({**CUT, "after_chunks": 0})) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        assert await shop.drive(provider, run) == Finished(summary="All done.", ticked=True)
        unknown, billed = shop.summary(run).requests
        rows = await server.rows_when(2)
    assert [unknown.certainty, billed.certainty] == ["unknown", "billed"]
    assert [unknown.request_id, billed.request_id] == [each["request_id"] for each in rows]
    assert [each["outcome"] for each in rows] == ["complete", "complete"]
