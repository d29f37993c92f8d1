"""What is shown follows the text at once; counts follow when they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bursar.domain.money.usage import Usage
from bursar.domain.ports import CommandPlan
from bursar.domain.safety.show import question_for_command
from bursar.session.analysis import describe
from bursar.session.asking import EditorAsker
from bursar.session.model import Changed
from bursar.session.shown import annotations_of
from bursar.session.where import workspace_of
from support.fakes import CountingIds
from support.world import TASKS, call, finish, reply

from .conftest import Office, Window


def titles(office: Office) -> dict[int, str]:
    return {each.line: each.title for each in annotations_of(office.session.snapshot(), office.uri).lenses}


async def test_counts_move_with_their_tasks_until_they_are_counted_again(office: Office) -> None:
    office.open()
    assert titles(office) == {2: "Run", 4: "Run"}
    await office.window.until(lambda: "first request" in titles(office)[2])
    before = titles(office)
    hints = annotations_of(office.session.snapshot(), office.uri).hints
    moved = "Intro\n\n" + TASKS
    office.session.apply(Changed(uri=office.uri, version=2, text=moved))
    assert titles(office) == {line + 2: title for line, title in before.items()}
    assert [each.line - 2 for each in annotations_of(office.session.snapshot(), office.uri).hints] == [
        each.line for each in hints
    ]
    await office.window.until(lambda: office.session.snapshot().analyses[office.uri].version == 2)


async def test_a_finished_run_is_shown_on_its_task(office: Office) -> None:
    office.open()
    office.model.script = [finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    office.session.apply(Changed(uri=office.uri, version=2, text=office.shop.tasks.read_text()))
    await office.window.until(lambda: "1 request" in titles(office)[2])
    (finding,) = annotations_of(office.session.snapshot(), office.uri).findings
    assert finding.code == "request-cost"
    await office.window.until(lambda: office.window.meters[-1].running == ())
    (usage,) = office.window.usage
    assert (usage.used, usage.cost_pico) == (1_260, office.shop.summary(run).cost_pico)


async def test_a_lost_prompt_cache_stands_on_its_task_until_it_is_erased(office: Office) -> None:
    office.open()
    looks = reply(call("list_files", path="."), usage=Usage(cache_write_5m=20_000, output=50))
    again = Usage(cache_write_5m=21_000, output=50)
    office.model.script = [looks, replace(finish(), usage=again)]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    office.session.apply(Changed(uri=office.uri, version=2, text=office.shop.tasks.read_text()))

    def told() -> list[str]:
        found = annotations_of(office.session.snapshot(), office.uri).findings
        return [each.message for each in found if each.code == "cache-lost"]

    await office.window.until(lambda: bool(told()))
    (message,) = told()
    assert message.startswith(
        "20,000 tokens were not read from the prompt cache ($0.048 more): the provider gave it up"
    )
    await office.shop.journal.erase(everything=True)
    office.session.apply(Changed(uri=office.uri, version=3, text=office.shop.tasks.read_text()))
    await office.window.until(lambda: not told())


def test_a_document_has_a_kind_and_a_place(tmp_path: Path) -> None:
    spec = tmp_path / "specs" / "x"
    spec.mkdir(parents=True)
    (spec / "tasks.md").write_text(TASKS)

    def kind(path: Path, text: str) -> tuple[str, str]:
        found = describe(
            uri="u", path=str(path), version=1, text=text, folders=(str(tmp_path),), root_of=lambda _: tmp_path
        )
        return found.kind, found.spec

    assert kind(spec / "tasks.md", TASKS) == ("tasks", "specs/x/tasks.md")
    assert kind(spec / "design.md", "# Design\n") == ("design", "specs/x/design.md")
    assert kind(tmp_path / "design.md", "# Design\n") == ("other", "")
    assert kind(tmp_path / "tasks.md", "no tasks here\n") == ("other", "")
    assert kind(spec / "app.py", "x = 1\n") == ("other", "")


def test_the_workspace_is_never_above_an_open_folder(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    file = inner / "specs" / "tasks.md"
    folders = (str(tmp_path / "a"), str(inner))
    assert workspace_of(file, folders, lambda _: tmp_path) == inner
    assert workspace_of(file, folders, lambda _: inner / "specs") == inner / "specs"
    assert workspace_of(file, (), lambda _: tmp_path) == tmp_path


async def test_a_long_question_is_no_where_its_whole_cannot_be_shown(tmp_path: Path) -> None:
    window = Window(answer="Once", shows_files=False)
    asker = EditorAsker(editor=window, home=tmp_path / "home", ids=CountingIds())
    argv = ("echo", *("word" for _ in range(200)))
    plan = CommandPlan(argv=argv, program="/bin/echo", cwd="/w", runs_workspace_files=False)
    long = question_for_command("run-1", plan)
    assert await asker.ask(long) is None
    assert window.asked == []
    assert window.said[0][0] == "warning"
    window.shows_files = True
    assert await asker.ask(long) == "Once"
    assert (tmp_path / "home" / "questions").stat().st_mode & 0o777 == 0o700
