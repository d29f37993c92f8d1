"""A retry keeps what was paid for: the finished steps of the last run are the new one's beginning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bursar.domain.errors import AnswerCut, BadInput, LimitReached, OwnedElsewhere, QuotaExhausted
from bursar.domain.runs import RunRecord
from bursar.domain.specs import find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.runs.driver import drive
from bursar.runs.retrying import check_can_retry, retry
from bursar.runs.world import Finished
from support.world import ScriptedModel, Workshop, call, finish, ran_well, reply, text


def task_one(shop: Workshop) -> SpecTask:
    found = find_task(parse_spec(shop.tasks.read_text()), "1")
    assert isinstance(found, SpecTask)
    return found


def record(shop: Workshop, run: str) -> RunRecord:
    found = shop.journal.run(run)
    assert found is not None
    return found


async def try_again(shop: Workshop, model: ScriptedModel, run: str, **rules: Any) -> str:
    source = check_can_retry(record(shop, run), "1")
    again = await retry(
        shop.world(model, **rules), source, task_one(shop), run=shop.ids.new("run"), ceiling_pico=10**12
    )
    return again.run


async def stopped_run(shop: Workshop, *script: Any) -> tuple[str, ScriptedModel]:
    """A run whose last scripted answer failed, stopped for good."""
    model = ScriptedModel(*script, clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    await shop.journal.request_stop(run)
    return run, model


async def test_finished_steps_are_kept_and_the_failed_one_is_asked_again(shop: Workshop) -> None:
    shop.write("a.txt", "one\n")
    old, first = await stopped_run(
        shop,
        reply(call("read_file", path="a.txt")),
        reply(call("edit_file", path="a.txt", old="one", new="two")),
        QuotaExhausted("402"),
    )
    spent = shop.summary(old).cost_pico
    model = ScriptedModel(finish(), clock=shop.clock)
    new = await try_again(shop, model, old)
    steps = shop.steps(new)
    assert list(steps) == ["m1", "t1.0", "m2", "t2.0"]
    assert all(each.status == "done" and each.intent["from_run"] == old for each in steps.values())
    assert [steps[key].request_id for key in ("m1", "m2")] == ["req-1", "req-2"]
    outcome = await drive(shop.world(model), new)
    assert outcome == Finished(summary="All done.", ticked=True)
    assert len(model.bodies) == 1, "what was answered is not asked again"
    assert model.bodies[0] == first.bodies[-1], "to the byte, so that the provider's cache still holds"
    assert shop.files().read_bytes("a.txt") == b"two\n", "the edit is not applied twice"
    assert (shop.summary(old).cost_pico, shop.summary(new).steps_done) == (spent, 6)
    assert [each.run for each in shop.journal.requests()] == [old, old, new]


async def test_a_paused_run_is_over_once_it_is_tried_again(shop: Workshop) -> None:
    model = ScriptedModel(
        reply(call("list_files", path=".")), *[LimitReached("429", retry_after_s=None)] * 4, clock=shop.clock
    )
    old = await shop.begin(model)
    await shop.drive(model, old)
    new = await try_again(shop, model, old)
    was = record(shop, old)
    assert (was.state, was.reason) == ("failed", "retried")
    assert new in (was.detail or "")
    assert list(shop.steps(new)) == ["m1", "t1.0"]
    assert [each.run for each in shop.journal.runs() if each.state == "running"] == [new]


async def test_answers_that_did_nothing_are_not_kept(shop: Workshop) -> None:
    """Three of them pause a run; with them a new one would stand where the old one stood."""
    idle = [reply(text("I think about it.")) for _ in range(3)]
    old, _ = await stopped_run(shop, reply(call("list_files", path=".")), *idle)
    model = ScriptedModel(finish(), clock=shop.clock)
    new = await try_again(shop, model, old)
    assert list(shop.steps(new)) == ["m1", "t1.0"]
    assert isinstance(await drive(shop.world(model), new), Finished)


async def test_an_answer_that_a_dead_process_had_read_is_kept_too(shop: Workshop) -> None:
    """It was paid for: it is settled on the old run, and the new one begins with it."""
    model = ScriptedModel(reply(call("list_files", path=".")), clock=shop.clock)
    model.arrives = _whole_answer()
    run = await shop.begin(model)
    shop.dies_at = "before_result"
    await shop.die(model, run)
    assert shop.steps(run)["m1"].status == "intent"
    again = ScriptedModel(finish(), clock=shop.clock)
    new = await try_again(shop, again, run)
    assert shop.steps(run)["m1"].status == "done"
    assert shop.summary(run).held_pico == 0
    assert isinstance(await drive(shop.world(again), new), Finished)
    assert len(again.bodies) == 1
    assert len(shop.journal.requests()) == 2


async def test_a_command_in_doubt_stays_in_doubt(shop: Workshop) -> None:
    """It may have done its work: a retry does not run it again by itself."""
    model = ScriptedModel(reply(call("run_command", argv=["make"])), clock=shop.clock)
    run = await shop.begin(model)
    shop.programs.outcomes = [shop.death]
    await shop.die(model, run, allowed_commands=frozenset({("make",)}))
    again = ScriptedModel(finish(), clock=shop.clock)
    new = await try_again(shop, again, run)
    assert shop.steps(new)["t1.0"].status == "intent"
    ran = len(shop.programs.ran)
    outcome = await drive(shop.world(again, allowed_commands=frozenset({("make",)})), new)
    assert getattr(outcome, "reason", None) == "in_doubt"
    assert len(shop.programs.ran) == ran
    shop.programs.outcomes = [ran_well()]
    assert isinstance(await drive(shop.world(again, in_doubt="skip"), new), Finished)


async def test_what_cannot_be_retried_says_what_to_do(shop: Workshop) -> None:
    with pytest.raises(BadInput, match="has not been run"):
        check_can_retry(None, "1")
    _, _, summary = await shop.play(finish())
    with pytest.raises(BadInput, match="is done: run it to begin anew"):
        check_can_retry(summary.record, "1")
    run = await shop.begin(ScriptedModel(clock=shop.clock), "2")
    await shop.journal.claim(run)
    with pytest.raises(OwnedElsewhere, match="pause or stop it first"):
        check_can_retry(record(shop, run), "2")
    await shop.journal.release(run)


async def test_two_retries_at_once_begin_one_run(shop: Workshop) -> None:
    old, _ = await stopped_run(shop, QuotaExhausted("402"))
    model = ScriptedModel(finish(), clock=shop.clock)
    await try_again(shop, model, old)
    with pytest.raises(OwnedElsewhere):
        await try_again(shop, model, old)


async def test_an_answer_that_was_cut_off_is_booked_and_asked_again(shop: Workshop) -> None:
    old, _ = await stopped_run(shop, AnswerCut("cut", text_seen=True, output_chars=10))
    held = shop.summary(old).held_pico
    assert held > 0
    model = ScriptedModel(finish(), clock=shop.clock)
    new = await try_again(shop, model, old)
    assert shop.steps(new) == {}
    assert isinstance(await drive(shop.world(model), new), Finished)
    assert shop.summary(old).held_pico == held, "what it may cost is not forgotten"


def _whole_answer() -> bytes:
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {"id": "m", "model": "claude-sonnet-5-5", "usage": {"input_tokens": 10, "output_tokens": 1}},
        },
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "c1", "name": "list_files", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"path": "."}'},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events).encode()
