"""Splitting a task in the editor: the figures first, then the diff, then the file or the unsaved text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.domain.errors import BadInput, Refused
from bursar.runs.splitting import LEAVE, WRITE
from bursar.session.model import BufferEdit, Changed, Trusted
from support.world import reply, text

from .conftest import Office

LINE, TITLE = 2, "First thing"
GOOD = reply(text("- Read the rates\n- Write the rates"))
ADDED = "  - [ ] 1.1 Read the rates\n  - [ ] 1.2 Write the rates\n"


async def split(office: Office) -> dict[str, object]:
    return await office.session.split_task(str(office.shop.tasks), LINE, TITLE)


async def test_nothing_is_sent_before_the_user_has_seen_what_it_costs(office: Office) -> None:
    assert await split(office) == {"run": None, "subtasks": [], "written": False}
    (asked,) = office.window.asked
    assert asked.startswith("The request for sub-tasks of 1 goes to acme/claude-sonnet-5-5: ")
    assert "tokens in ~$" in asked
    assert office.model.bodies == []
    assert "plan" in office.adapters.roles_asked


async def test_the_diff_is_shown_and_the_file_written_after_a_yes(office: Office) -> None:
    before = office.shop.tasks.read_text()
    shown: list[str] = []
    show = office.window.show_file

    async def read(path: str) -> bool:
        shown.append(Path(path).read_text())
        return await show(path)

    office.window.show_file = read  # type: ignore[method-assign]
    office.model.script = [GOOD]
    office.window.answers = ["Ask the model", LEAVE]
    done = await split(office)
    assert (done["subtasks"], done["written"]) == (["Read the rates", "Write the rates"], False)
    assert office.shop.tasks.read_text() == before
    assert "+  - [ ] 1.1 Read the rates\n" in shown[0]
    office.model.script = [GOOD]
    office.window.answers = ["Ask the model", WRITE]
    assert (await split(office))["written"] is True
    assert office.shop.tasks.read_text() == before.replace("`src/app.py`\n", "`src/app.py`\n" + ADDED)


async def test_unsaved_text_gets_a_versioned_edit(office: Office) -> None:
    office.open()
    on_disk = office.shop.tasks.read_text()
    office.session.apply(Changed(uri=office.uri, version=2, text=on_disk + "- [ ] 3. Third\n"))

    def apply(edit: BufferEdit) -> bool:
        assert (edit.version, edit.start, edit.end, edit.new_text) == (2, (4, 0), (4, 0), ADDED)
        office.session.apply(
            Changed(uri=office.uri, version=3, text=on_disk.replace("- [ ] 2", ADDED + "- [ ] 2") + "- [ ] 3. Third\n")
        )
        return True

    office.window.applies = apply
    office.model.script = [GOOD]
    office.window.answers = ["Ask the model", WRITE]
    assert (await split(office))["written"] is True
    assert office.shop.tasks.read_text() == on_disk
    assert any("save the file" in words for _, words in office.window.said)


async def test_a_bad_answer_and_an_untrusted_workspace(office: Office) -> None:
    office.model.script = [reply(text("No."))]
    office.window.answers = ["Ask the model"]
    with pytest.raises(BadInput, match="no list of sub-tasks"):
        await split(office)
    office.session.apply(Trusted(trusted=False))
    with pytest.raises(Refused, match="not trusted"):
        await split(office)
