"""A task that is too large: one request, booked whatever comes of it; nothing is written but what was agreed to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bursar.domain.errors import AnswerCut, BadInput, QuotaExhausted, Refused
from bursar.domain.money.budget import Amount
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.specs import decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.runs.splitting import LEAVE, WRITE, NotProposed, Proposed, SplitPlan, agree, plan_split, propose, write
from bursar.runs.world import World
from support.world import (
    MODEL,
    SPEC_PATH,
    MortalJournal,
    ProcessDied,
    ScriptedModel,
    Turn,
    Workshop,
    finish,
    reply,
    text,
)

GOOD = reply(text("- Read the rates\n- Write the rates"))
WRITTEN = (
    "# Plan\n\n- [ ] 1. First thing\n  - Look at `src/app.py`\n"
    "  - [ ] 1.1 Read the rates\n  - [ ] 1.2 Write the rates\n- [ ] 2. Second thing\n"
)


def plan(shop: Workshop, world: World, address: str = "1", *, ceiling_pico: int | None = PICO_PER_USD) -> SplitPlan:
    task = find_task(parse_spec(decode_spec(shop.tasks.read_bytes())), address)
    assert isinstance(task, SpecTask)
    return plan_split(
        world, run=shop.ids.new("split"), spec_path=SPEC_PATH, find=task, model=MODEL, ceiling_pico=ceiling_pico
    )


async def ask(shop: Workshop, *script: Turn) -> tuple[World, SplitPlan, Proposed | NotProposed, ScriptedModel]:
    model = ScriptedModel(*script, clock=shop.clock)
    world = shop.world(model)
    planned = plan(shop, world)
    return world, planned, await propose(world, planned), model


async def test_the_request_has_no_tools_and_is_booked_as_its_own(shop: Workshop) -> None:
    world, planned, found, model = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    assert (found.titles, found.after, found.was_there) == (("Read the rates", "Write the rates"), WRITTEN, False)
    assert shop.tasks.read_text() != WRITTEN, "nothing is written before somebody agrees"
    (body,) = model.requests
    assert "tools" not in body
    assert body["max_tokens"] == 2_048
    summary = shop.summary(found.run)
    assert (summary.record.kind, summary.record.state) == ("split", "finished")
    (row,) = summary.requests
    assert (row.cost_pico, row.certainty, row.task, row.step) == (summary.cost_pico, "billed", "1", "m1")
    assert planned.figures.at_most_pico is not None
    assert 0 < summary.cost_pico <= planned.figures.at_most_pico
    assert shop.journal.runs() == [], "it is no run of the task"
    assert [each.record.run for each in shop.journal.operations(str(shop.root))] == [found.run]
    assert await write(world, planned, found) is None
    assert shop.tasks.read_text() == WRITTEN


async def test_an_answer_that_is_there_is_not_paid_again(shop: Workshop) -> None:
    _, _, first, _ = await ask(shop, GOOD)
    shop.restart()
    world, planned, again, model = await ask(shop)
    assert isinstance(first, Proposed)
    assert isinstance(again, Proposed)
    assert (again.run, again.was_there, model.bodies) == (first.run, True, [])
    await write(world, planned, again)
    assert shop.tasks.read_text() == WRITTEN


async def test_what_the_user_did_not_want_is_asked_anew(shop: Workshop) -> None:
    world, planned, found, _ = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    shop.person.answers = [None, LEAVE]
    assert not await agree(world, planned, found)
    assert shop.summary(found.run).record.state == "finished", "a closed question decides nothing"
    assert not await agree(world, planned, found)
    (asked, _) = shop.person.asked
    assert (asked.kind, asked.detail) == ("split", found.diff)
    assert "+  - [ ] 1.1 Read the rates\n+  - [ ] 1.2 Write the rates\n" in found.diff
    _, _, again, model = await ask(shop, GOOD)
    assert len(model.bodies) == 1
    assert again.run != found.run
    shop.person.answers = [WRITE]
    assert isinstance(again, Proposed)
    assert await agree(world, planned, again)


@pytest.mark.parametrize("answer", ["I would rather not.", "- One\n- 2.2 Two", ""])
async def test_an_answer_in_another_form_costs_and_writes_nothing(shop: Workshop, answer: str) -> None:
    before = shop.tasks.read_bytes()
    _, _, found, _ = await ask(shop, reply(text(answer)))
    assert isinstance(found, NotProposed)
    assert not found.paused
    assert "no list of sub-tasks" in found.message
    assert f"booked as {found.run}; nothing was written" in found.message
    assert shop.summary(found.run).cost_pico > 0
    assert shop.tasks.read_bytes() == before
    _, _, again, model = await ask(shop, GOOD)
    assert isinstance(again, Proposed)
    assert len(model.bodies) == 1, "a bad answer is not used again"


async def test_an_answer_that_was_cut_off_at_its_limit_is_no_proposal(shop: Workshop) -> None:
    cut = replace(reply(text("- Read the rates\n- Write the ra")), stop_reason="max_tokens")
    _, _, found, _ = await ask(shop, cut)
    assert isinstance(found, NotProposed)
    assert "cut off at its limit of tokens" in found.message
    assert shop.summary(found.run).cost_pico > 0


async def test_a_limit_leaves_the_request_to_go_on_with(shop: Workshop) -> None:
    _, _, found, _ = await ask(shop, QuotaExhausted("402"))
    assert isinstance(found, NotProposed)
    assert found.paused
    assert shop.summary(found.run).record.state == "paused"
    assert shop.summary(found.run).held_pico == 0
    _, _, again, model = await ask(shop, GOOD)
    assert (again.run, len(model.bodies)) == (found.run, 1)


async def test_a_budget_that_is_too_small_refuses_before_anything_is_sent(shop: Workshop) -> None:
    shop.day_limit = Amount(unit="usd", value=1_000)
    _, _, found, model = await ask(shop)
    assert isinstance(found, NotProposed)
    assert (found.paused, model.bodies) == (True, [])
    assert "Nothing was sent" in found.message


@pytest.mark.parametrize("point", ["after_intent", "before_result", "after_result"])
async def test_a_killed_process_pays_once_what_it_had_read_and_books_the_rest(shop: Workshop, point: str) -> None:
    model = ScriptedModel(GOOD, clock=shop.clock)
    model.arrives = _stream("- Read the rates\n- Write the rates")
    mortal = MortalJournal(shop.journal)
    shop._mortal = mortal
    shop.dies_at = point
    planned = plan(shop, shop.world(model))
    with pytest.raises(ProcessDied):
        await propose(shop.world(model, journal=mortal), planned)
    shop.restart()
    _, _, found, again = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    asked_again = point == "after_intent"
    assert len(again.bodies) == (1 if asked_again else 0)
    rows = shop.summary(found.run).requests
    assert [each.certainty for each in rows] == (["unknown", "billed"] if asked_again else ["billed"])
    assert len(shop.journal.operations()) == 1


async def test_an_answer_that_broke_off_is_booked_and_asked_again(shop: Workshop) -> None:
    model = ScriptedModel(AnswerCut("broke off", text_seen=True, output_chars=20), clock=shop.clock)
    model.arrives = b""
    world = shop.world(model)
    found = await propose(world, plan(shop, world))
    assert isinstance(found, NotProposed)
    _, _, again, _ = await ask(shop, GOOD)
    assert isinstance(again, Proposed)
    assert again.run == found.run
    assert [each.certainty for each in shop.summary(found.run).requests] == ["unknown", "billed"]


async def test_another_task_text_is_another_request_and_the_old_one_is_closed(shop: Workshop) -> None:
    _, _, found, _ = await ask(shop, QuotaExhausted("402"))
    shop.tasks.write_text(shop.tasks.read_text().replace("  - Look at", "  - Look well at"))
    _, _, again, model = await ask(shop, GOOD)
    assert again.run != found.run
    assert len(model.bodies) == 1
    assert shop.summary(found.run).record.state == "failed"


async def test_a_file_that_was_changed_meanwhile_is_left_alone(shop: Workshop) -> None:
    world, planned, found, _ = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    changed = shop.tasks.read_bytes() + b"- [ ] 3. Third\n"
    shop.tasks.write_bytes(changed)
    with pytest.raises(Refused, match="changed meanwhile: nothing was written"):
        await write(world, planned, found)
    assert shop.tasks.read_bytes() == changed


async def test_unsaved_text_is_changed_in_the_editor(shop: Workshop) -> None:
    on_disk = shop.tasks.read_bytes()
    shop.editor.unsaved[str(shop.tasks)] = on_disk.decode() + "- [ ] 3. Third\n"
    world, planned, found, _ = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    said = await write(world, planned, found)
    assert said is not None
    assert "save the file" in said
    assert shop.editor.unsaved[str(shop.tasks)] == WRITTEN + "- [ ] 3. Third\n"
    assert shop.tasks.read_bytes() == on_disk
    shop.editor.accepts = False
    shop.editor.unsaved[str(shop.tasks)] = planned.text
    with pytest.raises(Refused, match="changed meanwhile"):
        await write(world, planned, found)


async def test_tasks_that_cannot_be_divided(shop: Workshop) -> None:
    world = shop.world(ScriptedModel(clock=shop.clock))
    shop.tasks.write_text("- [ ] 1. a\n  - [ ] 1.1 b\n- [x] 2. c\n")
    with pytest.raises(BadInput, match="open sub-tasks already"):
        plan(shop, world, "1")
    with pytest.raises(BadInput, match="done or set aside"):
        plan(shop, world, "2")
    paused = await shop.begin(ScriptedModel(clock=shop.clock), "1.1")
    with pytest.raises(BadInput, match=f"bursar stop {paused}"):
        plan(shop, world, "1.1")


async def test_documents_that_are_too_large_by_themselves_are_said_to_be(shop: Workshop) -> None:
    world = shop.world(ScriptedModel(clock=shop.clock))
    beside = ".kiro/specs/demo"
    for name in ("requirements", "design", "research"):
        shop.write(f"{beside}/{name}.md", "word " * 79_000)
    with pytest.raises(BadInput, match="alone have 296,"):
        plan(shop, world)
    shop.write(f"{beside}/research.md", "word")
    planned = plan(shop, world)
    assert planned.figures.counted_tokens < 25_000, "what is asked is bounded, whatever the size of the documents"


async def test_sub_tasks_that_do_not_fit_either_are_said_so(shop: Workshop) -> None:
    for name in ("requirements", "design"):
        shop.write(f".kiro/specs/demo/{name}.md", "word " * 78_000)
    _, _, found, _ = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    assert found.still_too_large is not None
    assert "the model takes 200,000" in found.still_too_large
    (shop.tasks.parent / "design.md").unlink()
    _, _, small, _ = await ask(shop, GOOD)
    assert isinstance(small, Proposed)
    assert small.still_too_large is None


async def test_the_sub_tasks_are_run_and_their_parent_follows(shop: Workshop) -> None:
    world, planned, found, _ = await ask(shop, GOOD)
    assert isinstance(found, Proposed)
    await write(world, planned, found)
    for task in ("1.1", "1.2"):
        await shop.play(finish(), task=task)
    assert shop.tasks.read_text() == WRITTEN.replace("[ ] 1", "[x] 1")


def _stream(answer: str) -> bytes:
    import json

    events = [
        {
            "type": "message_start",
            "message": {"id": "m", "model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": answer}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events).encode()
