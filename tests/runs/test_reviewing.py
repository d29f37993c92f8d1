"""A review: the diff of exactly what a run changed, one request without tools, booked as its own operation."""

from __future__ import annotations

import pytest

from bursar.domain.errors import BadInput, QuotaExhausted, Refused
from bursar.domain.money.price import PICO_PER_USD
from bursar.runs.changed import changed_by
from bursar.runs.operations import Answered, Unanswered, ask_once
from bursar.runs.reviewing import ReviewPlan, plan_review
from support.world import MODEL, ScriptedModel, Turn, Workshop, call, finish, ran_well, reply, text

FINDING = reply(text("src/app.py: the rate is wrong."))


async def changing_run(shop: Workshop) -> str:
    """A finished run that made a file, changed it twice, and changed another one with a command."""
    shop.write("src/old.py", "a = 1\n")
    shop.programs.does = lambda: shop.write("src/old.py", "a = 2\n")
    shop.programs.outcomes = [ran_well()]
    _, _, summary = await shop.play(
        reply(call("write_file", path="src/app.py", content="rate = 1\nname = 'x'\n")),
        reply(call("edit_file", id="c2", path="src/app.py", old="rate = 1", new="rate = 2")),
        reply(call("run_command", id="c3", argv=["sed"])),
        reply(call("edit_file", id="c4", path="src/app.py", old="rate = 2", new="rate = 3")),
        finish(),
        allowed_commands=frozenset({("sed",)}),
    )
    assert summary.record.state == "finished"
    return summary.record.run


DIFF = """\
--- /dev/null
+++ src/app.py
@@ -0,0 +1,2 @@
+rate = 3
+name = 'x'
--- src/old.py
+++ src/old.py
@@ -1 +1 @@
-a = 1
+a = 2
"""


def plan(shop: Workshop, about: str, *script: Turn) -> tuple[ReviewPlan, ScriptedModel]:
    model = ScriptedModel(*script, clock=shop.clock)
    planned = plan_review(
        shop.world(model), run=shop.ids.new("review"), about=about, model=MODEL, ceiling_pico=PICO_PER_USD
    )
    return planned, model


async def test_the_diff_is_what_the_run_did_whatever_the_files_hold_now(shop: Workshop) -> None:
    run = await changing_run(shop)
    world = shop.world(ScriptedModel(clock=shop.clock))
    found = changed_by(world, run)
    assert (found.files, found.diff, found.left_out) == (("src/app.py", "src/old.py"), DIFF, ())
    shop.write("src/app.py", "rate = 77\n")
    shop.write("src/new.py", "mine\n")
    assert changed_by(world, run) == found, "what others did since is not the run's"
    shop.write("src/old.py", "a = 78\n")
    after = changed_by(world, run)
    assert after.files == ("src/app.py",)
    assert after.left_out == ("What src/old.py held is not kept, so its change is not in the diff.",)


async def test_secrets_are_masked(shop: Workshop) -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    _, _, summary = await shop.play(
        reply(call("write_file", path="src/app.py", content=f"key = '{key}'\n")),
        reply(call("write_file", id="c2", path="src/b.py", content="1\n")),
        finish(),
    )
    found = changed_by(shop.world(ScriptedModel(clock=shop.clock)), summary.record.run)
    assert found.files == ("src/app.py", "src/b.py")
    assert key not in found.diff
    assert "+key = '" in found.diff


async def test_a_review_is_asked_for_without_tools_and_booked_as_its_own(shop: Workshop) -> None:
    run = await changing_run(shop)
    spent = shop.summary(run).cost_pico
    planned, model = plan(shop, run, FINDING)
    found = await ask_once(shop.world(model), planned.planned)
    assert isinstance(found, Answered)
    assert found.text == "src/app.py: the rate is wrong."
    (body,) = model.requests
    assert "tools" not in body
    said = body["messages"][0]["content"]
    assert f"<diff>\n{DIFF}</diff>" in said[-1]["text"]
    assert "Current task: [1] First thing" in said[-1]["text"]
    summary = shop.summary(found.run)
    assert (summary.record.kind, summary.record.about, summary.record.state) == ("review", run, "finished")
    assert summary.cost_pico > 0
    assert shop.summary(run).cost_pico == spent
    assert [each.run for each in shop.journal.runs()] == [run]
    again, silent = plan(shop, run)
    there = await ask_once(shop.world(silent), again.planned)
    assert isinstance(there, Answered)
    assert (there.text, there.was_there, silent.bodies) == (found.text, True, [])


async def test_a_review_that_met_a_limit_goes_on(shop: Workshop) -> None:
    run = await changing_run(shop)
    planned, model = plan(shop, run, QuotaExhausted("402"))
    found = await ask_once(shop.world(model), planned.planned)
    assert isinstance(found, Unanswered)
    assert found.reason == "limit"
    planned, model = plan(shop, run, FINDING)
    again = await ask_once(shop.world(model), planned.planned)
    assert isinstance(again, Answered)
    assert again.run == found.run


async def test_runs_that_cannot_be_reviewed(shop: Workshop) -> None:
    with pytest.raises(BadInput, match="there is no run"):
        plan(shop, "run-0")
    _, _, nothing = await shop.play(finish())
    with pytest.raises(BadInput, match="changed no file"):
        plan(shop, nothing.record.run)
    _, _, paused = await shop.play(QuotaExhausted("402"), task="2")
    with pytest.raises(BadInput, match="is not over"):
        plan(shop, paused.record.run)


async def test_erasing_a_run_erases_its_reviews(shop: Workshop) -> None:
    run = await changing_run(shop)
    planned, model = plan(shop, run, FINDING)
    found = await ask_once(shop.world(model), planned.planned)
    assert await shop.journal.erase(run=run) == 2
    assert shop.summary(found.run).record.first_request == ""
    assert shop.steps(found.run)["m1"].result is None
    with pytest.raises(Refused, match="was erased"):
        plan(shop, run)
