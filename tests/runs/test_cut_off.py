"""A process dies where nothing was to be done, or where nobody goes on: a refusal, and a stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.domain.conversation import ModelReply, ToolCall
from bursar.domain.money.budget import Scope
from bursar.domain.specs import find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.runs.retrying import retry
from bursar.runs.world import Finished, Stopped
from runs.test_reattach import GPT, provider_of, scenario
from runs.test_recovery import WHOLE
from simulator.support import simulator
from support.world import ScriptedModel, Workshop, call, finish, reply

DAY = Scope(kind="day", key="2026-11-21")


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (call("edit_file", path="a.txt", old="not there", new="x"), "a.txt was not changed"),
        (call("run_command", argv=["missing"]), "there is no program 'missing'"),
    ],
    ids=["edit", "command"],
)
async def test_a_refusal_that_was_cut_off_is_no_act_in_doubt(shop: Workshop, refused: ToolCall, said: str) -> None:
    shop.write("a.txt", "old\n")
    model = ScriptedModel(reply(refused), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = ("tool_started", 1)
    await shop.die(model, run)
    assert shop.steps(run)["t1.0"].status == "intent"
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, run), Finished)
    assert shop.person.asked == []
    assert said in shop.results(again)[0]


async def test_a_stop_without_an_owner_books_what_was_in_flight(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_at = "mid_stream"
    await shop.die(model, run)
    held = shop.journal.held_pico(DAY)
    assert held > 0
    assert await shop.journal.request_stop(run)
    assert shop.journal.held_pico(DAY) == 0
    (row,) = shop.summary(run).requests
    assert (row.request_id, row.certainty, row.cost_pico, row.at_most_pico) == ("req-1", "unknown", None, held)
    assert shop.journal.charged_pico(DAY) == held
    assert shop.journal.verify_chain() is None


async def test_a_stop_that_its_owner_did_not_live_to_see_settles_the_answer_that_was_had(shop: Workshop) -> None:
    async def stop_and_die(body: bytes) -> ModelReply:
        await shop.journal.request_stop(run)
        shop.dies_at = "before_result"
        return finish()

    model = ScriptedModel(stop_and_die, clock=shop.clock)
    model.arrives = WHOLE
    run = await shop.begin(model)
    await shop.die(model, run)
    assert shop.journal.held_pico(DAY) > 0
    silent = ScriptedModel(clock=shop.clock)
    assert isinstance(await shop.drive(silent, run), Stopped)
    assert silent.bodies == []
    assert shop.journal.held_pico(DAY) == 0
    (row,) = shop.summary(run).requests
    assert (row.certainty, row.usage.input, row.usage.output) == ("billed", 7, 3)


async def test_a_retry_fetches_the_answer_that_the_provider_has(shop: Workshop, tmp_path: Path) -> None:
    """Nothing was asked in this process before: what is fetched is waited for like any other."""
    cut = {"kind": "cut", "times": 1, "after_chunks": 3}
    busy = {"kind": "529", "times": 1, "headers": {"retry-after": "1"}}
    async with simulator(tmp_path, scenario(cut, busy)) as server:
        provider = provider_of(shop, server)
        run = await shop.begin(provider, named=GPT)
        shop.dies_at = "mid_stream"
        await shop.die(provider, run)
        source = shop.journal.run(run)
        task = find_task(parse_spec(shop.tasks.read_text()), "1")
        assert source is not None
        assert isinstance(task, SpecTask)
        new = await retry(shop.world(provider), source, task, run=shop.ids.new("run"), ceiling_pico=10**12)
        rows = server.rows()
    assert [each["outcome"] for each in rows] == ["complete"]
    assert [each.request_id for each in shop.journal.requests()] == [rows[0]["request_id"]]
    assert "m1" in shop.steps(new.run)
    assert shop.journal.held_pico(DAY) == 0
