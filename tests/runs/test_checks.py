"""A task's check: done means that it succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.domain.errors import BadInput, QuotaExhausted
from bursar.domain.specs import TaskCheck, parse_spec
from bursar.runs.accepting import accept
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


BY_REQUIREMENT = TASKS.replace("`make 'test one'`", "requirements 1.1, 1.2")
NAMED = "# Validates: Requirements 1.1, 1.2\n"


async def test_the_tests_of_a_requirement_are_found_and_run(shop: Workshop) -> None:
    shop.tasks.write_text(BY_REQUIREMENT)
    shop.write("tests/test_b.py", "# Requirement 1.2\n")
    shop.write("tests/test_a.py", NAMED)
    shop.write("tests/test_other.py", "# Requirement 1.20\n")
    shop.write("docs/about.md", NAMED)
    shop.write("-x_test.py", NAMED)
    shop.person.answers = ["Once"]
    outcome, _, _ = await shop.play(finish(), test_command=("make", "test"))
    assert outcome == Finished(summary="All done.", ticked=True)
    assert shop.programs.ran == [("make", "test", "./-x_test.py", "tests/test_a.py", "tests/test_b.py")]
    assert "tests/test_a.py tests/test_b.py" in shop.person.asked[0].summary, "it is asked like any command"


async def test_the_task_may_say_how_its_tests_are_run(shop: Workshop) -> None:
    shop.tasks.write_text(BY_REQUIREMENT.replace("1.1, 1.2", "1.1, 1.2 with `vitest {files} --run`"))
    shop.write("tests/test_a.py", NAMED)
    shop.person.answers = ["Once"]
    outcome, _, _ = await shop.play(finish(), test_command=("make", "test"))
    assert isinstance(outcome, Finished)
    assert shop.programs.ran == [("vitest", "tests/test_a.py", "--run")]


async def test_tests_that_the_agent_writes_count(shop: Workshop) -> None:
    shop.tasks.write_text(BY_REQUIREMENT)
    shop.person.answers = ["Once"]
    written = reply(call("write_file", path="tests/test_new.py", content=NAMED))
    outcome, _, _ = await shop.play(written, finish(), test_command=("make",))
    assert isinstance(outcome, Finished)
    assert shop.programs.ran == [("make", "tests/test_new.py")]


async def test_without_a_test_for_each_requirement_the_task_is_not_done(shop: Workshop) -> None:
    shop.tasks.write_text(BY_REQUIREMENT)
    shop.write("tests/test_a.py", "# Requirement 1.1\n")
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, test_command=("make",))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, shop.programs.ran) == ("check", [])
    assert "No test names requirement 1.2:" in outcome.detail
    assert "- [ ] 1." in shop.tasks.read_text()
    shop.write("tests/test_b.py", "# Requirement 1.2\n")
    shop.person.answers = ["Once"]
    assert isinstance(await shop.drive(model, run, test_command=("make",)), Finished)
    assert len(model.bodies) == 1, "the answer is kept"


async def test_no_command_is_guessed(shop: Workshop) -> None:
    shop.tasks.write_text(BY_REQUIREMENT)
    shop.write("tests/test_a.py", NAMED)
    outcome, _, _ = await shop.play(finish())
    assert isinstance(outcome, Paused)
    assert (outcome.reason, shop.programs.ran, shop.person.asked) == ("check", [], [])
    assert '"test_command"' in outcome.detail


async def test_the_user_may_say_that_it_is_done(shop: Workshop) -> None:
    shop_with_check(shop).programs.outcomes = [failed(f"{number}\n") for number in range(3)]
    model = ScriptedModel(*[finish() for _ in range(3)], clock=shop.clock)
    run = await shop.begin(model)
    paused = await shop.drive(model, run, **ALLOWED)
    assert isinstance(paused, Paused)
    assert f"bursar accept {run}" in paused.detail
    spent = shop.summary(run).cost_pico
    assert await accept(shop.world(model), run) is True
    record = shop.summary(run).record
    assert (record.state, record.tick_pending, record.owner) == ("finished", False, None)
    assert "- [x] 1." in shop.tasks.read_text()
    assert (len(model.bodies), len(shop.programs.ran), shop.summary(run).cost_pico) == (3, 3, spent)
    assert shop.told("accepted") == {
        "failed_checks": 3,
        "message": "Taken as done on the user's word: its check had failed 3 times.",
    }
    assert shop.told("run_finished")["reason"] == "accepted"
    with pytest.raises(BadInput, match="has ended"):
        await accept(shop.world(model), run)


async def test_an_accepted_task_waits_for_the_editors_save(shop: Workshop) -> None:
    shop_with_check(shop)
    outcome, model, summary = await shop.play(finish())
    assert isinstance(outcome, Paused)
    shop.editor.unsaved[str(shop.tasks)] = TASKS + "\n"
    assert await accept(shop.world(model), summary.record.run) is False
    assert shop.summary(summary.record.run).record.tick_pending
    assert "- [x] 1." in shop.editor.unsaved[str(shop.tasks)]


async def test_only_a_run_that_waits_for_its_check_is_accepted(shop: Workshop) -> None:
    shop_with_check(shop)
    _, model, summary = await shop.play(QuotaExhausted("402"))
    with pytest.raises(BadInput, match="paused for another reason"):
        await accept(shop.world(model), summary.record.run)
    assert "- [ ] 1." in shop.tasks.read_text()


def test_which_lines_are_checks() -> None:
    def check(line: str) -> TaskCheck | None:
        return parse_spec(f"- [ ] 1. Task\n{line}\n- [ ] 2. Other\n").tasks[0].check

    assert check("  - _Check: `pytest -q`_") == TaskCheck(command=("pytest", "-q"))
    assert check('  **Check: `a "b c"`**') == TaskCheck(command=("a", "b c"))
    assert check("  - _Check: requirement 1.2_") == TaskCheck(command=(), requirements=("1.2",))
    assert check("  - **Check: Requirements 1.1, FR-002**  ") == TaskCheck(command=(), requirements=("1.1", "FR-002"))
    own = "  - _Check: requirement 3 with `npx vitest run {files}`_"
    assert check(own) == TaskCheck(command=("npx", "vitest", "run", "{files}"), requirements=("3",))
    for line in ("  - Check: `pytest`", "  - _Check: pytest_", "  - _Check the `code`_", "- _Check: `not indented`_"):
        assert check(line) is None, line
    fenced = parse_spec("- [ ] 1. Task\n\n  ```\n  - _Check: `pytest`_\n  ```\n")
    assert fenced.tasks[0].check is None


@pytest.mark.parametrize(
    "value", ["`it's open`", "``", "requirement", "requirement one", "requirements 1.1 1.2", "requirement 1 with `'`"]
)
def test_a_check_that_cannot_be_read_is_said(value: str) -> None:
    spec = parse_spec(f"- [ ] 1. Task\n  - _Check: {value}_\n")
    assert (spec.tasks[0].check, [each.code for each in spec.problems]) == (None, ["unreadable-check"])


def test_a_long_line_is_read_in_no_time() -> None:
    line = "  - _Check: requirement" + " " * 200_000 + "x"
    assert [each.code for each in parse_spec(f"- [ ] 1. Task\n{line}\n").problems] == ["unreadable-check"]
