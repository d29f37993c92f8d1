"""What the agent's calls do, what it is told when they may not, and for how long a yes lasts."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.runs.world import Finished
from support.world import ScriptedModel, Workshop, broken, call, finish, ran_well, reply


async def told(shop: Workshop, *calls: Any, **rules: Any) -> list[str]:
    """What the model is told of these calls of one answer."""
    outcome, model, _ = await shop.play(reply(*calls), finish(), **rules)
    assert isinstance(outcome, Finished)
    return shop.results(model)


async def test_a_broken_call_is_never_run_and_the_model_is_told_why(shop: Workshop) -> None:
    assert await told(shop, broken()) == ["This call was not run: its arguments are not JSON"]
    assert sorted(each.name for each in shop.root.iterdir()) == [".kiro"]
    assert shop.programs.ran == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (call("delete_all"), "there is no tool named 'delete_all'; use one of: list_files, read_file"),
        (call("read_file"), "read_file needs 'path'"),
        (call("read_file", path=3), "read_file: 'path' must be of type string"),
        (call("read_file", path="a", first_line=True), "read_file: 'first_line' must be of type integer"),
        (call("write_file", path="a"), "write_file needs 'content'"),
        (call("list_files", path=".", recursive=True), "list_files has no parameter 'recursive'"),
        (call("run_command", argv="rm -rf"), "run_command: 'argv' must be of type array"),
        (call("run_command", argv=[]), "run_command: 'argv' must be of type array"),
        (call("run_command", argv=["ls", 1]), "run_command: 'argv' must be of type array"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_call_that_does_not_fit_is_told_to_the_model(shop: Workshop, bad: Any, said: str) -> None:
    (result,) = await told(shop, bad)
    assert result.startswith(f"This call was not run: {said}")
    assert shop.programs.ran == []


async def test_paths_do_not_leave_the_workspace(shop: Workshop) -> None:
    (shop.root.parent / "outside.txt").write_text("canary")
    (shop.root / "link").symlink_to(shop.root.parent)
    calls = [
        call("read_file", "1", path="../outside.txt"),
        call("read_file", "2", path="link/outside.txt"),
        call("list_files", "3", path=".."),
        call("search", "4", pattern="canary", path="link"),
        call("write_file", "5", path="link/new.txt", content="x"),
        call("edit_file", "6", path=str(shop.root.parent / "outside.txt"), old="canary", new="x"),
    ]
    results = await told(shop, *calls)
    assert len(results) == 6
    assert not any("canary" in each for each in results)
    assert (shop.root.parent / "outside.txt").read_text() == "canary"
    assert not (shop.root.parent / "new.txt").exists()
    assert shop.person.asked == []


@pytest.mark.parametrize("answer", ["No", None])
async def test_a_protected_file_is_not_read_without_a_yes(shop: Workshop, answer: str | None) -> None:
    shop.write(".env", "NAME=canary\n")
    shop.person.answers = [answer]
    (result,) = await told(shop, call("read_file", path=".env"))
    assert result == "The user did not allow reading .env."
    (question,) = shop.person.asked
    assert question.kind == "path"
    assert ".env" in question.summary


async def test_a_yes_to_reading_lasts_for_the_run_and_is_none_to_changing(shop: Workshop) -> None:
    shop.write(".env", "NAME=canary\n")
    shop.person.answers = ["Yes", "No"]
    results = await told(
        shop,
        call("read_file", "1", path=".env"),
        call("read_file", "2", path=".env"),
        call("write_file", "3", path=".env", content="NAME=other\n"),
    )
    assert "canary" in results[0]
    assert "canary" in results[1]
    assert results[2] == "The user did not allow changing .env. It was not changed."
    assert [each.kind for each in shop.person.asked] == ["path", "path"]
    assert (shop.root / ".env").read_text() == "NAME=canary\n"


async def test_with_a_yes_a_protected_file_is_changed(shop: Workshop) -> None:
    shop.write(".env", "NAME=canary\n")
    shop.person.answers = ["Yes"]
    await told(shop, call("write_file", path=".env", content="NAME=other\n"))
    assert (shop.root / ".env").read_text() == "NAME=other\n"


LS = call("run_command", "1", argv=["ls", "-l"])


def again(number: int, *argv: str) -> Any:
    return call("run_command", str(number), argv=list(argv or ("ls", "-l")))


@pytest.mark.parametrize("answer", ["No", None])
async def test_a_command_is_not_run_without_a_yes(shop: Workshop, answer: str | None) -> None:
    shop.person.answers = [answer]
    (result,) = await told(shop, LS)
    assert result == 'The user did not allow the command ["ls", "-l"]. It was not run.'
    assert shop.programs.ran == []
    assert shop.told("approval_answered")["answer"] == "No"


async def test_once_is_once(shop: Workshop) -> None:
    shop.person.answers = ["Once", "No"]
    await told(shop, LS, again(2))
    assert shop.programs.ran == [("ls", "-l")]
    assert len(shop.person.asked) == 2


async def test_for_this_run_is_exactly_this_command_in_this_run(shop: Workshop) -> None:
    shop.person.answers = ["For this run", "No"]
    await told(shop, LS, again(2), again(3, "ls"))
    assert shop.programs.ran == [("ls", "-l"), ("ls", "-l")]
    shop.person.answers = ["No"]
    await shop.play(reply(LS), finish(), task="2")
    assert len(shop.programs.ran) == 2
    assert len(shop.person.asked) == 3


async def test_for_this_run_ends_when_a_file_changes_that_the_command_may_run(shop: Workshop) -> None:
    shop.programs.runs_workspace_files = True
    shop.person.answers = ["For this run", "No"]
    edit = call("write_file", "3", path="test_x.py", content="import os\n")
    await told(shop, LS, again(2), edit, again(4))
    assert shop.programs.ran == [("ls", "-l"), ("ls", "-l")]
    assert "'For this run' ends when a file changes" in shop.person.asked[0].detail


async def test_for_this_run_ends_whoever_changes_the_files(shop: Workshop) -> None:
    """The user, another run or a command: the files that were approved are not those that would run."""
    shop.programs.runs_workspace_files = True
    shop.person.answers = ["For this run", "Once", "No"]

    def write_something() -> None:
        shop.programs.state = "changed"

    shop.on_event = [lambda kind: write_something() if shop.programs.ran and kind == "tool_finished" else None]
    await told(shop, LS, again(2), again(3))
    assert len(shop.programs.ran) == 2
    assert len(shop.person.asked) == 3


async def test_for_this_run_is_once_where_nobody_can_tell_whether_files_changed(shop: Workshop) -> None:
    shop.programs.runs_workspace_files = True
    shop.programs.state = None
    shop.person.answers = ["For this run", "No"]
    await told(shop, LS, again(2))
    assert shop.programs.ran == [("ls", "-l")]


async def test_and_stays_for_a_program_that_runs_no_files_of_the_workspace(shop: Workshop) -> None:
    shop.person.answers = ["For this run"]
    edit = call("write_file", "3", path="test_x.py", content="import os\n")
    await told(shop, LS, edit, again(4))
    assert len(shop.programs.ran) == 2


async def test_a_command_that_was_allowed_beforehand_is_not_asked_about(shop: Workshop) -> None:
    allowed = frozenset({("ls", "-l")})
    await told(shop, LS, again(2, "ls", "-l", "/"), allowed_commands=allowed)
    assert shop.programs.ran == [("ls", "-l")]
    assert len(shop.person.asked) == 1


async def test_what_a_command_did_is_told(shop: Workshop) -> None:
    shop.programs.outcomes = [
        ran_well("3 failed\n", 1),
        ran_well("", 0),
        ran_well("half", None, timed_out=True),
    ]
    results = await told(shop, LS, again(2), again(3), again(4, "missing"), allowed_commands=frozenset({("ls", "-l")}))
    assert results[0] == "Exit code 1.\n3 failed\n"
    assert results[1] == "Exit code 0. It printed nothing."
    assert results[2] == "The command was ended after 2 s: it took too long.\nhalf"
    assert results[3] == "The command was not run: there is no program 'missing'."


# --- the editor's truth --------------------------------------------------------------------------------------------


def dirty(shop: Workshop, path: str, words: str) -> str:
    absolute = str(shop.root / path)
    shop.editor.unsaved[absolute] = words
    return absolute


async def test_what_is_read_is_what_the_user_sees(shop: Workshop) -> None:
    shop.write("a.txt", "on the disk\n")
    dirty(shop, "a.txt", "in the editor\n")
    (result,) = await told(shop, call("read_file", path="a.txt"))
    assert "in the editor" in result
    assert "on the disk" not in result


@pytest.mark.parametrize("answer", ["No", None])
async def test_an_unsaved_file_is_not_changed_without_a_yes(shop: Workshop, answer: str | None) -> None:
    shop.write("a.txt", "old\n")
    absolute = dirty(shop, "a.txt", "older\n")
    shop.person.answers = [answer]
    (result,) = await told(shop, call("edit_file", path="a.txt", old="older", new="new"))
    assert result == "a.txt has unsaved changes in the editor and the user did not allow changing it."
    assert shop.editor.unsaved[absolute] == "older\n"
    assert (shop.root / "a.txt").read_text() == "old\n"


async def test_with_a_yes_it_is_changed_in_the_editor_and_never_on_the_disk(shop: Workshop) -> None:
    shop.write("a.txt", "old\n")
    absolute = dirty(shop, "a.txt", "older\n")
    shop.person.answers = ["Yes"]
    (result,) = await told(shop, call("edit_file", path="a.txt", old="older", new="new"))
    assert result == "Changed a.txt. (in the editor, not saved yet)"
    assert shop.editor.unsaved[absolute] == "new\n"
    assert (shop.root / "a.txt").read_text() == "old\n"


async def test_an_edit_that_the_editor_refuses_is_told_as_not_made(shop: Workshop) -> None:
    shop.write("a.txt", "old\n")
    dirty(shop, "a.txt", "older\n")
    shop.person.answers = ["Yes"]
    shop.editor.accepts = False
    (result,) = await told(shop, call("edit_file", path="a.txt", old="older", new="new"))
    assert "The editor did not accept the change of a.txt" in result


async def test_the_mark_of_a_dirty_tasks_file_waits_for_it_to_be_saved(shop: Workshop) -> None:
    text = shop.tasks.read_text() + "\nA note that is not saved.\n"
    absolute = dirty(shop, ".kiro/specs/demo/tasks.md", text)
    outcome, _, summary = await shop.play(finish("Done."))
    assert outcome == Finished(summary="Done.", ticked=False)
    assert shop.editor.unsaved[absolute] == text.replace("[ ] 1.", "[x] 1.")
    assert "[x]" not in shop.tasks.read_text()
    assert (summary.record.state, summary.record.tick_pending) == ("finished", True)
    assert "save the file to keep it" in shop.told("tick_pending")["message"]


async def test_a_task_that_is_gone_is_ticked_by_hand(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.tasks.write_text("- [ ] 7. Something else\n")
    assert await shop.drive(model, run) == Finished(summary="All done.", ticked=False)
    assert "has no task 'First thing' any more: tick it by hand" in shop.told("tick_pending")["message"]
    assert shop.tasks.read_text() == "- [ ] 7. Something else\n"


async def test_a_task_that_moved_is_found_by_its_title(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.tasks.write_text("# New\n\n- [ ] 9. Something else\n- [ ] 1. First thing\n")
    assert await shop.drive(model, run) == Finished(summary="All done.", ticked=True)
    assert shop.tasks.read_text() == "# New\n\n- [ ] 9. Something else\n- [x] 1. First thing\n"
