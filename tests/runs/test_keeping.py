"""What a run keeps of the user's files before it changes them."""

from __future__ import annotations

import shutil

import pytest

from bursar.domain.errors import StorageError
from bursar.domain.ports import CommandOutcome
from bursar.workspace import LocalSnapshots
from bursar.workspace.snapshots import SnapshotLimits
from support.world import ScriptedModel, Workshop, call, finish, ran_well, reply, sha256


def touching(shop: Workshop, path: str, text: str) -> None:
    """Let the next command write a file."""

    def run() -> CommandOutcome:
        shop.write(path, text)
        return ran_well()

    shop.programs.does = run


async def test_the_bytes_before_an_edit_are_kept(shop: Workshop) -> None:
    shop.write("src/app.py", "a = 1\n")
    edit = reply(call("edit_file", path="src/app.py", old="1", new="2"))
    _, _, summary = await shop.play(edit, reply(call("write_file", path="new", content="x")), finish())
    kept = shop.snapshots().content(summary.record.run, sha256("a = 1\n"))
    assert kept == b"a = 1\n"


async def test_the_text_in_the_editor_is_kept_not_the_disks(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 0\n")
    shop.editor.unsaved[str(path)] = "a = 1\n"
    shop.person.answers = ["Yes"]
    _, _, summary = await shop.play(reply(call("edit_file", path="src/app.py", old="1", new="2")), finish())
    assert shop.snapshots().content(summary.record.run, sha256("a = 1\n")) == b"a = 1\n"
    assert shop.snapshots().content(summary.record.run, sha256("a = 0\n")) is None


async def test_nothing_is_changed_that_could_not_be_kept(shop: Workshop) -> None:
    path = shop.write("src/app.py", "a = 1\n")
    (shop.home / "kept").write_text("no folder")
    with pytest.raises(StorageError, match="nothing was changed"):
        await shop.play(reply(call("edit_file", path="src/app.py", old="1", new="2")), finish())
    assert path.read_text() == "a = 1\n"


async def test_what_a_command_changed_is_recorded_with_what_it_was(shop: Workshop) -> None:
    shop.write("made/by.txt", "before")
    shop.person.answers = ["Once"]
    touching(shop, "made/by.txt", "after")
    _, _, summary = await shop.play(reply(call("run_command", argv=["make"])), finish())
    step = shop.steps(summary.record.run)["t1.0"]
    assert step.intent["snapshot"]["kind"] == "copies"
    assert step.result is not None
    assert step.result["changes"] == [
        {"path": "made/by.txt", "before": [sha256("before"), "file"], "after": [sha256("after"), "file"]}
    ]
    assert shop.snapshots().content(summary.record.run, sha256("before")) == b"before"


async def test_a_workspace_that_is_too_large_is_said_once_and_the_command_runs(shop: Workshop) -> None:
    few = LocalSnapshots(
        shop.root, home=shop.home, env={}, failpoint=lambda _: None, limits=SnapshotLimits(copied_files=0)
    )
    shop.person.answers = ["Once", "Once"]
    commands = reply(call("run_command", "c1", argv=["a"]), call("run_command", "c2", argv=["b"]))
    model = ScriptedModel(commands, finish(), clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run, snapshots=few)
    assert len(shop.programs.ran) == 2
    assert shop.kinds().count("not_covered") == 1
    assert "more than 0 files" in shop.told("not_covered")["message"]
    result = shop.steps(run)["t1.1"].result
    assert result is not None and "more than 0 files" in result["not_covered"]


async def test_what_an_interrupted_command_may_have_changed_is_kept_apart(shop: Workshop) -> None:
    shop.write("half.txt", "before")
    model = ScriptedModel(reply(call("run_command", argv=["make"])), clock=shop.clock)
    run = await shop.begin(model)
    shop.person.answers = ["Once"]
    shop.programs.outcomes = [shop.death]
    touching(shop, "half.txt", "half")
    await shop.die(model, run)
    shop.person.answers = ["Run again", "Once"]
    touching(shop, "half.txt", "whole")
    await shop.drive(ScriptedModel(finish(), clock=shop.clock), run)
    step = shop.steps(run)["t1.0"]
    assert [each["path"] for each in step.intent["unsure"]] == ["half.txt"]
    assert step.intent["unsure"][0]["before"][0] == sha256("before")
    assert step.result is not None
    assert step.result["changes"][0]["before"][0] == sha256("half")
    assert step.result["changes"][0]["after"][0] == sha256("whole")


async def test_erasing_a_run_removes_what_was_kept_for_it(shop: Workshop) -> None:
    shop.write("src/app.py", "a = 1\n")
    _, _, one = await shop.play(reply(call("edit_file", path="src/app.py", old="1", new="2")), finish())
    _, _, two = await shop.play(reply(call("edit_file", path="src/app.py", old="2", new="3")), finish(), task="2")
    await shop.journal.erase(run=one.record.run)
    assert sorted(path.name for path in (shop.home / "kept").iterdir()) == [two.record.run]
    shop.clock.advance(31 * 86_400)
    shop.restart()
    assert list((shop.home / "kept").iterdir()) == []
    shutil.rmtree(shop.home / "kept")
