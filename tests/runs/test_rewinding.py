"""A run goes back to just before a step: files, conversation, mark; what the user changed stays without a yes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bursar.domain.errors import BadInput, OwnedElsewhere, Refused
from bursar.domain.ports import CommandOutcome, CommandPlan
from bursar.runs.rewinding import ALL, CANCEL, MINE, OVERWRITE, Rewound, live_steps, plan_rewind, rewind
from support.world import Programs, ScriptedModel, Workshop, call, finish, reply, sha256, text


def edit(old: str, new: str, id: str = "c1", path: str = "src/app.py") -> Any:
    return call("edit_file", id, path=path, old=old, new=new)


async def back(shop: Workshop, run: str, step: str, *answers: str | None) -> Rewound:
    """Rewind with a user who answers; without answers there is nobody to ask."""
    world = shop.world(ScriptedModel(clock=shop.clock))
    shop.person.answers = list(answers)
    return await rewind(world, await plan_rewind(world, run, step), can_ask=bool(answers))


async def played(shop: Workshop, *script: Any) -> tuple[str, ScriptedModel]:
    _, model, summary = await shop.play(*script)
    return summary.record.run, model


async def test_files_and_conversation_go_back_and_the_next_request_is_the_same(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    run, before = await played(
        shop,
        reply(edit("1", "2")),
        reply(edit("2", "3"), call("write_file", "c2", path="deep/new.txt", content="x")),
        reply(text("I am lost")),
        finish(),
    )
    ledger = shop.journal.requests(run=run)
    done = await back(shop, run, "m2")
    assert done.done and set(done.files) == {"src/app.py", "deep/new.txt"}
    assert path.read_text() == "a = 2\n"
    assert not (shop.root / "deep" / "new.txt").exists()
    record = shop.summary(run).record
    assert (record.state, record.tick_pending, record.rewinding) == ("paused", False, None)
    assert shop.journal.requests(run=run) == ledger
    after = ScriptedModel(reply(edit("2", "9")), finish(), clock=shop.clock)
    await shop.drive(after, run)
    assert after.bodies[0] == before.bodies[1]
    assert path.read_text() == "a = 9\n"
    assert len(shop.journal.requests(run=run)) == len(ledger) + 2
    assert shop.journal.verify_chain() is None


async def test_a_step_can_be_named_by_its_number_and_a_tool_call_in_the_middle_is_done_again(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    run, _ = await played(shop, reply(edit("1", "2"), edit("2", "3", "c2")), finish())
    assert (await back(shop, run, "3")).plan.step.key == "t1.1"
    assert path.read_text() == "a = 2\n"
    after = ScriptedModel(finish(), clock=shop.clock)
    await shop.drive(after, run)
    assert path.read_text() == "a = 3\n"
    assert len(after.bodies) == 1


async def test_a_dry_plan_changes_nothing_and_shows_the_diff_without_secrets(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\nkey = 'sk-ant-api03-" + "a1B2" * 20 + "'\n")
    run, _ = await played(shop, reply(edit("a = 1", "a = 2")), finish())
    events = shop.journal.events(run=run)
    plan = await plan_rewind(shop.world(ScriptedModel(clock=shop.clock)), run, "t1.0")
    assert "-a = 2\n+a = 1\n" in plan.text()
    assert "a1B2a1B2" not in plan.text()
    assert path.read_text().startswith("a = 2")
    assert shop.journal.events(run=run) == events


async def test_what_the_user_changed_after_it_is_refused_kept_or_undone_as_they_say(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    shop.write("other", "1")
    run, _ = await played(shop, reply(edit("1", "2"), edit("1", "2", "c2", "other")), finish())
    path.write_text("a = 2\nmine\n")
    steps = shop.journal.steps(run)
    with pytest.raises(BadInput, match=r"src/app\.py"):
        await back(shop, run, "t1.0")
    assert not (await back(shop, run, "t1.0", CANCEL)).done
    assert not (await back(shop, run, "t1.0", None)).done
    assert (path.read_text(), shop.journal.steps(run)) == ("a = 2\nmine\n", steps)
    kept = await back(shop, run, "t1.0", MINE)
    assert (path.read_text(), (shop.root / "other").read_text()) == ("a = 2\nmine\n", "1")
    assert any("src/app.py" in each for each in kept.left)


async def test_what_the_user_changed_between_two_steps_is_a_change_of_theirs(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")

    async def meanwhile(_: bytes) -> Any:
        path.write_text("a = 2\nmine\n")
        return reply(edit("2", "3"))

    run, _ = await played(shop, reply(edit("1", "2")), meanwhile, finish())
    assert path.read_text() == "a = 3\nmine\n"
    with pytest.raises(BadInput, match="somebody else"):
        await back(shop, run, "t1.0")
    assert (await back(shop, run, "m2", ALL)).done  # only to after what they did
    assert path.read_text() == "a = 2\nmine\n"
    assert (await back(shop, run, "t1.0", OVERWRITE)).done
    assert path.read_text() == "a = 1\n"
    assert shop.snapshots().content(run, sha256("a = 2\nmine\n")) is not None


async def test_a_document_with_unsaved_changes_is_changed_in_the_editor_and_never_unasked(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    run, _ = await played(shop, reply(edit("1", "2")), finish())
    shop.editor.unsaved[str(path)] = "a = 2\nmine\n"
    with pytest.raises(BadInput):
        await back(shop, run, "t1.0")
    await back(shop, run, "t1.0", OVERWRITE)
    assert shop.editor.unsaved[str(path)] == "a = 1\n"
    assert path.read_text() == "a = 2\n"


async def test_what_commands_did_is_undone_and_what_the_user_did_around_them_stays(shop: Workshop) -> None:
    shop.write("data.txt", "one")
    shop.person.answers = ["Once"]

    def work() -> None:
        shop.write("data.txt", "two")
        shop.write("made.txt", "made")

    shop.programs.does = work
    run, _ = await played(shop, reply(call("run_command", argv=["make"])), finish())
    shop.write("users.txt", "mine")
    await back(shop, run, "t1.0")
    assert (shop.root / "data.txt").read_text() == "one"
    assert not (shop.root / "made.txt").exists()
    assert (shop.root / "users.txt").read_text() == "mine"


async def test_an_interrupted_command_is_not_taken_for_the_author_of_what_is_different(shop: Workshop) -> None:
    shop.write("data.txt", "one")
    model = ScriptedModel(reply(call("run_command", argv=["make"])), clock=shop.clock)
    run = await shop.begin(model)
    shop.person.answers = ["Once"]
    shop.programs.outcomes = [shop.death]
    shop.programs.does = lambda: shop.write("data.txt", "half")
    await shop.die(model, run)
    with pytest.raises(BadInput, match=r"data\.txt"):
        await back(shop, run, "t1.0")
    await back(shop, run, "t1.0", OVERWRITE)
    assert (shop.root / "data.txt").read_text() == "one"


GROUP = "# Plan\r\n\r\n- [ ] 1. Group\r\n  - [ ] 1.1 Inner\r\n  - [x] 1.2 Other\r\n- [x] 2. Not ours"


async def test_the_marks_above_that_were_set_with_it_are_taken_back_with_it(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUP.encode())
    _, _, summary = await shop.play(finish(), task="1.1")
    assert shop.tasks.read_bytes() == GROUP.replace("[ ]", "[x]").encode()
    done = await back(shop, summary.record.run, "m1", ALL, "Yes")
    assert done.mark_taken_back
    assert done.plan.mark == "1.1 Inner and, set with it, 1 Group in .kiro/specs/demo/tasks.md."
    assert shop.tasks.read_bytes() == GROUP.encode()
    # Once more: what an earlier time wrote does not count for this one.
    await shop.drive(ScriptedModel(finish(), clock=shop.clock), summary.record.run)
    assert shop.tasks.read_bytes() == GROUP.replace("[ ]", "[x]").encode()


async def test_a_mark_above_that_somebody_else_has_set_stays(shop: Workshop) -> None:
    theirs = GROUP.replace("- [ ] 1. ", "- [x] 1. ")
    shop.tasks.write_bytes(theirs.encode())
    _, _, summary = await shop.play(finish(), task="1.1")
    done = await back(shop, summary.record.run, "m1", ALL, "Yes")
    assert done.plan.mark == "1.1 Inner in .kiro/specs/demo/tasks.md."
    assert shop.tasks.read_bytes() == theirs.encode()


async def test_a_mark_above_that_was_taken_back_by_hand_and_set_by_nobody_stays_open(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUP.encode())
    _, _, summary = await shop.play(finish(), task="1.1")
    shop.tasks.write_bytes(shop.tasks.read_bytes().replace(b"- [x] 1. ", b"- [-] 1. "))
    await back(shop, summary.record.run, "m1", ALL, "Yes")
    assert shop.tasks.read_bytes() == GROUP.replace("- [ ] 1. ", "- [-] 1. ").encode()


async def test_in_a_dirty_document_all_marks_are_taken_back_there(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUP.encode())
    shop.editor.unsaved[str(shop.tasks)] = GROUP + " typed"
    _, _, summary = await shop.play(finish(), task="1.1")
    assert shop.editor.unsaved[str(shop.tasks)] == GROUP.replace("[ ]", "[x]") + " typed"
    assert (await back(shop, summary.record.run, "m1", ALL, "Yes")).mark_taken_back
    assert shop.editor.unsaved[str(shop.tasks)] == GROUP + " typed"
    assert shop.tasks.read_bytes() == GROUP.encode()


@pytest.mark.parametrize(("answer", "mark"), [("Yes", " "), ("No", "x"), (None, "x")])
async def test_the_mark_is_taken_back_only_after_asking(shop: Workshop, answer: str | None, mark: str) -> None:
    run, _ = await played(shop, finish())
    assert "[x] 1." in shop.tasks.read_text()
    done = await back(shop, run, "1", ALL, answer)
    assert f"[{mark}] 1." in shop.tasks.read_text()
    assert done.mark_taken_back == (answer == "Yes")


async def test_a_running_run_and_one_that_is_not_there_are_refused(shop: Workshop) -> None:
    async def while_it_runs(_: bytes) -> Any:
        other = shop.open_again()
        world = shop.world(ScriptedModel(clock=shop.clock), journal=other)
        with pytest.raises(OwnedElsewhere, match="is running"):
            await plan_rewind(world, run, "m1")
        other.close()
        return finish()

    model = ScriptedModel(while_it_runs, clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    world = shop.world(model)
    with pytest.raises(BadInput, match="no run"):
        await plan_rewind(world, "run-none", "m1")
    with pytest.raises(BadInput, match="no step 'm9'"):
        await plan_rewind(world, run, "m9")
    await shop.journal.erase(run=run)
    with pytest.raises(Refused, match="erased"):
        await plan_rewind(world, run, "m1")


async def test_an_answer_in_flight_is_booked_before_its_request_is_set_aside(shop: Workshop) -> None:
    model = ScriptedModel(reply(call("list_files", path=".")), finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = ("request_started", 2)
    await shop.die(model, run)
    held = shop.summary(run).held_pico
    await back(shop, run, "m1")
    (entry,) = [each for each in shop.journal.requests(run=run) if each.step == "m2"]
    assert (entry.certainty, entry.at_most_pico) == ("unknown", held)
    after = ScriptedModel(finish(), clock=shop.clock)
    await shop.drive(after, run)
    assert [each.attempt for each in shop.journal.requests(run=run) if each.step == "m1"] == [1, 2]


@pytest.mark.parametrize("passing", range(1, 5))
async def test_a_rewind_that_was_killed_goes_on_where_it_was(shop: Workshop, passing: int) -> None:
    """The run does not go on half rewound; the same order again brings it to its end."""
    paths = [shop.write(f"f{number}", "1") for number in range(3)]
    edits = [edit("1", "2", f"c{number}", f"f{number}") for number in range(3)]
    run, model = await played(shop, reply(*edits), finish())
    world = shop.world(model)
    plan = await plan_rewind(world, run, "t1.0")
    passed: list[str] = []

    def strike(name: str, /) -> None:
        passed.append(name)
        if passed.count("in_rewind") == passing:
            raise RuntimeError("struck")

    with pytest.raises(RuntimeError):
        await rewind(shop.world(model, failpoint=strike), plan, can_ask=False)
    if shop.summary(run).record.rewinding is not None:
        with pytest.raises(Refused, match="bursar rewind"):
            await shop.drive(model, run)
        with pytest.raises(Refused, match="interrupted"):
            await back(shop, run, "t1.2")
    assert (await back(shop, run, "t1.0")).done
    assert [path.read_text() for path in paths] == ["1", "1", "1"]
    assert [each.key for each in live_steps(shop.journal.steps(run))] == ["m1"]


async def test_bytes_that_are_gone_are_said_and_the_rest_goes_back(shop: Workshop) -> None:
    shop.write("a", "1")
    shop.write("b", "1x")
    run, _ = await played(shop, reply(edit("1", "2", "c1", "a"), edit("1", "2", "c2", "b")), finish())
    (shop.home / "kept" / run / sha256("1")).unlink()
    done = await back(shop, run, "m1")
    assert ((shop.root / "a").read_text(), (shop.root / "b").read_text()) == ("2", "1x")
    assert any("a held before is not kept" in each for each in done.left)


async def test_a_rewind_can_be_rewound_further_and_everything_stays_in_the_journal(shop: Workshop) -> None:
    shop.write("a", "1")
    run, _ = await played(shop, reply(edit("1", "2", path="a")), reply(edit("2", "3", path="a")), finish())
    await back(shop, run, "m3")
    await back(shop, run, "m1")
    assert (shop.root / "a").read_text() == "1"
    aside = [(number, each.key) for number, each in shop.journal.set_aside(run)]
    assert [key for number, key in aside if number == 1] == ["m3", "t3.0"]
    assert {key for number, key in aside if number == 2} >= {"m1", "t1.0", "m2", "t2.0"}
    assert [each.kind for each in shop.journal.events(run=run)].count("rewound") == 2
    assert [each.key for each in shop.journal.outlines([run])[run]] == []


async def test_bytes_that_were_kept_for_the_run_that_a_retry_goes_on_from_are_found(shop: Workshop) -> None:
    shop.write("a", "1")
    run, model = await played(shop, reply(edit("1", "2", path="a")), finish())
    kept = shop.home / "kept"
    (kept / run).rename(kept / "run-before")
    plan = await plan_rewind(shop.world(model), run, "m1")
    assert plan.files == () and any("not kept" in each for each in plan.left)
    steps = shop.journal.steps
    shop.journal.steps = lambda run: [  # type: ignore[method-assign]
        replace(each, intent={**each.intent, "from_run": "run-before"}) for each in steps(run)
    ]
    assert (await back(shop, run, "m1")).files == ("a",)
    assert (shop.root / "a").read_text() == "1"


class Slow(Programs):
    """Takes so long that something else happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    async def run(self, plan: CommandPlan) -> CommandOutcome:
        outcome = await super().run(plan)
        await self.meanwhile()
        return outcome


@pytest.mark.parametrize("beside", [True, False], ids=["while it ran", "before it"])
async def test_what_another_run_wrote_while_a_command_ran_is_not_the_commands_work(
    shop: Workshop, beside: bool
) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    made = shop.root / "made"
    other = ScriptedModel(reply(edit("1", "2")), finish(), clock=shop.clock)

    async def other_run() -> None:
        shop.clock.advance(1)
        await shop.drive(other, await shop.begin(other, "2"))
        shop.clock.advance(1)

    async def nothing() -> None: ...

    if not beside:
        await other_run()
    slow = Slow(other_run if beside else nothing)
    slow.does = lambda: made.write_text("made")
    model = ScriptedModel(reply(call("run_command", argv=["make"])), finish(), clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run, commands=slow, allowed_commands=frozenset({("make",)}))
    assert path.read_text() == "a = 2\n"
    ticked = shop.tasks.read_text()
    if beside:
        with pytest.raises(BadInput, match="somebody else") as refused:
            await back(shop, run, "t1.0")
        assert (
            "src/app.py" in str(refused.value) and "tasks.md" in str(refused.value) and "made" not in str(refused.value)
        )
    assert (await back(shop, run, "t1.0", *([MINE] if beside else []))).done
    assert not made.exists()
    assert path.read_text() == "a = 2\n"
    assert shop.tasks.read_text() == ticked
