"""A task's check: done means that it succeeded."""

from __future__ import annotations

from typing import Any

from bursar.domain.specs import parse_spec
from bursar.runs.retrying import steps_to_keep
from bursar.runs.world import Finished, Paused
from support.world import ScriptedModel, Workshop, call, finish, ran_well, reply

CHECK = ("make", "test one")
TASKS = """\
# Plan

- [ ] 1. First thing
  - Look at `src/app.py`
  - _Check: `make 'test one'`_
- [ ] 2. Second thing
"""
ALLOWED = {"allowed_commands": frozenset({CHECK})}


def shop_with_check(shop: Workshop) -> Workshop:
    shop.tasks.write_text(TASKS)
    return shop


def failed(output: str = "1 test failed\n") -> Any:
    return ran_well(output, exit_code=1)


async def test_the_task_is_done_when_its_check_succeeds(shop: Workshop) -> None:
    outcome, model, summary = await shop_with_check(shop).play(finish(), **ALLOWED)
    assert outcome == Finished(summary="All done.", ticked=True)
    assert shop.programs.ran == [CHECK]
    assert (len(model.bodies), summary.steps_done) == (1, 3)
    assert "- [x] 1." in shop.tasks.read_text()


async def test_a_failed_check_goes_back_to_the_agent_as_the_result_of_its_call(shop: Workshop) -> None:
    shop_with_check(shop).programs.outcomes = [failed()]
    outcome, model, _ = await shop.play(finish(), finish("Now it is."), **ALLOWED)
    assert outcome == Finished(summary="Now it is.", ticked=True)
    assert shop.programs.ran == [CHECK, CHECK]
    (said,) = shop.results(model)
    assert said == "The task is not done: its check failed.\nExit code 1.\n1 test failed\n"
    assert model.requests[-1]["messages"][-1]["content"][0]["is_error"] is True


async def test_after_three_failures_it_pauses_and_a_resume_gives_as_many_again(shop: Workshop) -> None:
    shop_with_check(shop).programs.outcomes = [failed(f"{number}\n") for number in range(4)]
    model = ScriptedModel(*[finish() for _ in range(5)], clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **ALLOWED)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(shop.programs.ran), len(model.bodies)) == ("check", 3, 3)
    assert "- [ ] 1." in shop.tasks.read_text()
    assert isinstance(await shop.drive(model, run, **ALLOWED), Finished)
    assert len(model.bodies) == 5


async def test_it_asks_like_any_command_and_no_is_no_failure(shop: Workshop) -> None:
    shop_with_check(shop).person.answers = ["No", "Once"]
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Paused)
    assert outcome.reason == "check"
    assert "did not allow" in outcome.detail
    assert shop.programs.ran == []
    assert "- [ ] 1." in shop.tasks.read_text()
    assert isinstance(await shop.drive(model, run), Finished)
    assert [each.kind for each in shop.person.asked] == ["command", "command"]
    assert len(model.bodies) == 1, "the answer is kept"


async def test_a_program_that_is_not_there_pauses(shop: Workshop) -> None:
    shop.tasks.write_text(TASKS.replace("make 'test one'", "missing"))
    outcome, _, _ = await shop.play(finish())
    assert isinstance(outcome, Paused)
    assert (outcome.reason, "no program 'missing'" in outcome.detail) == ("check", True)


async def test_the_check_of_the_beginning_counts_whatever_the_agent_writes(shop: Workshop) -> None:
    path = ".kiro/specs/demo/tasks.md"
    shop_with_check(shop).person.answers = ["Yes"] * 2
    edit = reply(call("edit_file", path=path, old="  - _Check: `make 'test one'`_\n", new=""))
    shop.programs.outcomes = [failed()]
    outcome, _, _ = await shop.play(edit, finish(), finish(), **ALLOWED)
    assert isinstance(outcome, Finished)
    assert shop.programs.ran == [CHECK, CHECK]


async def test_a_check_that_was_interrupted_is_run_again(shop: Workshop) -> None:
    shop_with_check(shop).programs.outcomes = [shop.death]
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    await shop.die(model, run, **ALLOWED)
    assert isinstance(await shop.drive(model, run, **ALLOWED), Finished)
    assert shop.programs.ran == [CHECK, CHECK]
    assert len(model.bodies) == 1


async def test_a_retry_keeps_what_the_check_said(shop: Workshop) -> None:
    shop_with_check(shop).programs.outcomes = [failed(f"{number}\n") for number in range(3)]
    _, _, summary = await shop.play(finish(), finish(), finish(), **ALLOWED)
    kept = steps_to_keep(shop.journal.steps(summary.record.run))
    assert [each for each in kept if each.startswith("t")] == [f"t{n}.{index}" for n in (1, 2, 3) for index in (0, 900)]


def test_which_lines_are_checks() -> None:
    def check(line: str) -> tuple[str, ...]:
        return parse_spec(f"- [ ] 1. Task\n{line}\n- [ ] 2. Other\n").tasks[0].check

    assert check("  - _Check: `pytest -q`_") == ("pytest", "-q")
    assert check('  **Check: `a "b c"`**') == ("a", "b c")
    for line in ("  - Check: `pytest`", "  - _Check: pytest_", "  - _Check the `code`_", "- _Check: `not indented`_"):
        assert check(line) == (), line
    spec = parse_spec("- [ ] 1. Task\n  - _Check: `it's open`_\n")
    assert (spec.tasks[0].check, [each.code for each in spec.problems]) == ((), ["unreadable-check"])
    fenced = parse_spec("- [ ] 1. Task\n\n  ```\n  - _Check: `pytest`_\n  ```\n")
    assert fenced.tasks[0].check == ()
