"""A process dies at each kind of step, and the next one goes on: nothing is paid twice, nothing is done twice."""

from __future__ import annotations

import pytest

from bursar.domain.money.budget import Scope
from bursar.runs.driver import settle_tick
from bursar.runs.events import Events
from bursar.runs.world import Finished, Paused
from providers.support import a_end, a_start, a_tool, sse
from support.world import MODEL, ScriptedModel, Workshop, call, finish, reply

DAY = Scope(kind="day", key="2026-11-21")
WHOLE = sse(
    a_start({"input_tokens": 7, "output_tokens": 1}, model=MODEL),
    *a_tool('{"summary": "kept"}', name="finish"),
    *a_end({"output_tokens": 3}, stop_reason="tool_use"),
)


async def dead_at(shop: Workshop, point: str, *, arrives: bytes = b"") -> tuple[ScriptedModel, str]:
    """A run whose process died in its first request."""
    model = ScriptedModel(finish("first"), clock=shop.clock)
    model.arrives = arrives
    run = await shop.begin(model)
    shop.dies_at = point
    await shop.die(model, run)
    return model, run


async def test_it_reads_as_paused_by_the_loss_of_its_owner(shop: Workshop) -> None:
    _, run = await dead_at(shop, "after_intent")
    record = shop.summary(run).record
    assert (record.state, record.reason, record.owner_alive) == ("paused", "owner_gone", False)
    assert shop.summary(run).held_pico > 0


async def test_before_the_intent_nothing_was_sent_and_nothing_is_held(shop: Workshop) -> None:
    model, run = await dead_at(shop, "before_intent")
    assert model.bodies == []
    assert shop.journal.held_pico(DAY) == 0
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, run), Finished)
    assert [each.certainty for each in shop.summary(run).requests] == ["billed"]


async def test_after_the_intent_it_may_have_been_sent_and_is_booked_as_at_most(shop: Workshop) -> None:
    model, run = await dead_at(shop, "after_intent")
    assert model.bodies == []
    held = shop.journal.held_pico(DAY)
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, run), Finished)
    unknown, billed = shop.summary(run).requests
    assert (unknown.certainty, unknown.cost_pico, unknown.at_most_pico) == ("unknown", None, held)
    assert unknown.request_id == f"unseen:{run}:m1:1"
    assert (billed.certainty, billed.attempt) == ("billed", 2)
    assert shop.journal.held_pico(DAY) == 0
    assert shop.journal.charged_pico(DAY) == held + (billed.cost_pico or 0)


async def test_in_the_middle_of_an_answer_it_is_known_by_the_providers_id(shop: Workshop) -> None:
    model, run = await dead_at(shop, "mid_stream", arrives=WHOLE[: len(WHOLE) // 2])
    assert len(model.bodies) == 1
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, run), Finished)
    unknown, billed = shop.summary(run).requests
    assert (unknown.request_id, unknown.certainty) == ("req-1", "unknown")
    assert billed.certainty == "billed"
    assert again.bodies == model.bodies


@pytest.mark.parametrize("point", ["mid_stream", "before_result"])
async def test_a_whole_answer_that_was_read_is_not_bought_again(shop: Workshop, point: str) -> None:
    _, run = await dead_at(shop, point, arrives=WHOLE)
    again = ScriptedModel(clock=shop.clock)
    assert await shop.drive(again, run) == Finished(summary="kept", ticked=True)
    assert again.bodies == []
    (row,) = shop.summary(run).requests
    assert (row.request_id, row.certainty, row.usage.uncached_input, row.usage.output) == ("req-1", "billed", 7, 3)
    assert shop.journal.held_pico(DAY) == 0


async def test_after_the_result_nothing_is_asked_again(shop: Workshop) -> None:
    _, run = await dead_at(shop, "after_result")
    again = ScriptedModel(clock=shop.clock)
    assert await shop.drive(again, run) == Finished(summary="first", ticked=True)
    assert again.bodies == []
    assert len(shop.summary(run).requests) == 1


async def test_the_next_body_begins_with_the_bytes_of_the_one_before(shop: Workshop) -> None:
    """A resume neither loses nor changes what was said: the cached prefix is the same to the byte."""
    shop.write("a.txt", "alpha\n")
    model = ScriptedModel(reply(call("read_file", path="a.txt")), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = ("tool_finished", 1)
    await shop.die(model, run)
    shop.write(".kiro/specs/demo/requirements.md", "written meanwhile")
    shop.clock.advance(86_400)
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, run), Finished)
    before, after = model.bodies[0], again.bodies[0]
    assert before != after
    first, second = model.requests[0], again.requests[0]
    assert [first[key] for key in ("system", "tools", "model")] == [second[key] for key in ("system", "tools", "model")]
    assert first["messages"][0]["content"][0] == second["messages"][0]["content"][0]
    said, _, rest = _without_marks(before).partition(b'],"model":')
    assert b"Current task: [1]" in said
    assert _without_marks(after).startswith(said)
    assert _without_marks(after).endswith(rest)
    assert b"written meanwhile" not in after


def _without_marks(body: bytes) -> bytes:
    """The body without the cache marks, which move on with the conversation and are no tokens."""
    for mark in (b'"cache_control":{"type":"ephemeral"},', b',"cache_control":{"type":"ephemeral"}'):
        body = body.replace(mark, b"")
    return body


# --- tools ---------------------------------------------------------------------------------------------------------


async def dead_in_tool(shop: Workshop, one: object, *, on: str = "tool_started", point: str | None = None) -> str:
    model = ScriptedModel(reply(one), clock=shop.clock)  # type: ignore[arg-type]
    run = await shop.begin(model)
    if point is None:
        shop.dies_on = (on, 1)
    else:
        shop.dies_at = point
    await shop.die(model, run)
    return run


async def go_on(shop: Workshop, run: str, **rules: object) -> list[str]:
    """Resume to the end; what the model was told of the call."""
    model = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(model, run, **rules), Finished)
    assert len(model.bodies) == 1
    return shop.results(model)


async def test_a_look_is_looked_again(shop: Workshop) -> None:
    path = shop.write("a.txt", "before\n")
    run = await dead_in_tool(shop, call("read_file", path="a.txt"))
    path.write_text("after\n")
    (result,) = await go_on(shop, run)
    assert "after" in result


WRITE = call("write_file", path="a.txt", content="new\n")


@pytest.mark.parametrize("point", [None, "in_edit"], ids=["before it", "in it"])
async def test_an_edit_that_was_not_made_is_made_once(shop: Workshop, point: str | None) -> None:
    path = shop.write("a.txt", "old\n")
    run = await dead_in_tool(shop, WRITE, point=point)
    assert path.read_text() == "old\n"
    assert await go_on(shop, run) == ["Changed a.txt."]
    assert path.read_text() == "new\n"
    assert [each.name for each in shop.root.iterdir() if each.name.startswith(".a") or "tmp" in each.name] == []


async def test_an_edit_that_was_made_is_not_made_again(shop: Workshop) -> None:
    """The file holds the new text before the result is on record: it is looked at, not written."""
    path = shop.write("a.txt", "old old\n")
    edit = call("edit_file", path="a.txt", old="old old", new="old old old")
    run = await dead_in_tool(shop, edit)
    path.write_text("old old old\n")
    written = path.stat().st_mtime_ns
    assert await go_on(shop, run) == ["Changed a.txt."]
    assert path.read_text() == "old old old\n"
    assert path.stat().st_mtime_ns == written


CASES = [
    (["Run again"], "ask", "new\n", "Changed a.txt."),
    (["Treat as done"], "ask", "somebody's\n", "Interrupted: a.txt was being changed"),
    ([], "rerun", "new\n", "Changed a.txt."),
    ([], "skip", "somebody's\n", "Interrupted: a.txt was being changed"),
]


@pytest.mark.parametrize(("answers", "in_doubt", "content", "said"), CASES)
async def test_an_edit_that_met_another_change_is_the_users_to_decide(
    shop: Workshop, answers: list[str | None], in_doubt: str, content: str, said: str
) -> None:
    path = shop.write("a.txt", "old\n")
    run = await dead_in_tool(shop, WRITE)
    path.write_text("somebody's\n")
    shop.person.answers = answers
    (result,) = await go_on(shop, run, in_doubt=in_doubt)
    assert result.startswith(said)
    assert path.read_text() == content


COMMAND = call("run_command", argv=["make", "release"])


async def command_in_doubt(shop: Workshop) -> str:
    shop.programs.outcomes = [shop.death]
    shop.person.answers = ["Once"]
    model = ScriptedModel(reply(COMMAND), clock=shop.clock)
    run = await shop.begin(model)
    await shop.die(model, run)
    assert shop.programs.ran == [("make", "release")]
    return run


@pytest.mark.parametrize("answer", ["Stop", None])
async def test_a_command_in_doubt_is_not_run_again_unasked(shop: Workshop, answer: str | None) -> None:
    run = await command_in_doubt(shop)
    shop.person.answers = [answer]
    outcome = await shop.drive(ScriptedModel(clock=shop.clock), run)
    assert isinstance(outcome, Paused)
    assert outcome.reason == "in_doubt"
    assert "resume with --in-doubt rerun or --in-doubt skip" in outcome.detail
    summary = shop.summary(run)
    assert summary.record.state == "in_doubt"
    assert [each.key for each in summary.in_doubt] == ["t1.0"]
    assert len(shop.programs.ran) == 1
    # And asked again the next time, until somebody decides.
    shop.person.answers = ["Treat as done"]
    (result,) = await go_on(shop, run)
    assert "The user says to treat it as done" in result
    assert len(shop.programs.ran) == 1
    assert shop.summary(run).in_doubt == ()


async def test_a_command_is_run_again_when_the_user_says_so_and_allows_it(shop: Workshop) -> None:
    run = await command_in_doubt(shop)
    shop.person.answers = ["Run again", "Once"]
    assert await go_on(shop, run) == ["Exit code 0.\nok\n"]
    assert len(shop.programs.ran) == 2


async def test_run_again_is_no_yes_to_the_command(shop: Workshop) -> None:
    """The yes of the dead process died with it."""
    run = await command_in_doubt(shop)
    (result,) = await go_on(shop, run, in_doubt="rerun")
    assert "did not allow the command" in result
    assert len(shop.programs.ran) == 1


async def test_the_mark_is_set_after_the_end(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_at = "in_edit"
    await shop.die(model, run)
    record = shop.summary(run).record
    assert (record.state, record.tick_pending) == ("finished", True)
    assert "[x]" not in shop.tasks.read_text()
    world = shop.world(model)
    assert await settle_tick(world, record, Events(world, run))
    assert shop.tasks.read_text().splitlines()[2] == "- [x] 1. First thing"
    assert not shop.summary(run).record.tick_pending
    assert await settle_tick(world, shop.summary(run).record, Events(world, run))
