"""The mark of a finished task: what is written, what waits, and what is left alone."""

from __future__ import annotations

import pytest

from bursar.domain.conversation import ModelReply
from bursar.runs.world import Finished
from support.world import ScriptedModel, Workshop, finish


def and_then_somebody_writes(shop: Workshop, text: str):
    """The last answer of a run, with an edit of the tasks file just before it."""

    async def answer(body: bytes) -> ModelReply:
        shop.tasks.write_bytes(text.encode())
        return finish()

    return answer


@pytest.mark.parametrize("mark", ["-", "~"])
async def test_a_mark_of_somebody_elses_meaning_is_left_alone(shop: Workshop, mark: str) -> None:
    """In a spec-kit file these marks mean what their author says."""
    shop.tasks.write_text("# Tasks\n\n- [ ] T001 First thing\n- [ ] T002 Second thing\n")
    set_aside = f"# Tasks\n\n- [{mark}] T001 First thing\n- [ ] T002 Second thing\n"
    outcome, _, summary = await shop.play(and_then_somebody_writes(shop, set_aside), task="T001")
    assert outcome == Finished(summary="All done.", ticked=False)
    assert shop.tasks.read_text() == set_aside
    assert not summary.record.tick_pending, "nobody waits for this tick any more"
    assert f"[{mark}]" in shop.told("tick_pending")["message"]


async def test_in_progress_and_queued_of_a_kiro_file_become_done(shop: Workshop) -> None:
    before = shop.tasks.read_text()
    for mark in "-~":
        shop.tasks.write_text(before)
        marked = before.replace("- [ ] 1.", f"- [{mark}] 1.")
        outcome, _, _ = await shop.play(and_then_somebody_writes(shop, marked))
        assert outcome == Finished(summary="All done.", ticked=True)
        assert shop.tasks.read_text() == before.replace("- [ ] 1.", "- [x] 1.")


async def test_a_task_that_is_being_run_keeps_its_mark_until_it_is_done(shop: Workshop) -> None:
    before = shop.tasks.read_bytes()
    seen: list[bytes] = []

    async def look(body: bytes) -> ModelReply:
        seen.append(shop.tasks.read_bytes())
        return finish()

    model = ScriptedModel(look, clock=shop.clock)
    await shop.drive(model, await shop.begin(model))
    assert seen == [before]
    assert shop.tasks.read_bytes() == before.replace(b"- [ ] 1.", b"- [x] 1.")


GROUPS = (
    "\ufeff# Plan\r\n\r\n- [ ] 1. Group\r\n  - [ ] 1.1 Inner\r\n    - [X] 1.1.1 Deep done\r\n    - [ ] 1.1.2 Deep\r\n"
    "  - [ ]* 1.2 Optional\r\n\r\n\r\n  - [X] 1.3 Done"
)


async def test_the_parents_marks_follow_in_the_same_write(shop: Workshop) -> None:
    """Two levels at once, with a byte order mark, other line ends, the file's own X and no line end at the end."""
    shop.tasks.write_bytes(GROUPS.encode())
    outcome, _, summary = await shop.play(finish(), task="1.1.2")
    after = GROUPS
    for each in ("1. Group", "1.1 Inner", "1.1.2 Deep"):
        after = after.replace(f"- [ ] {each}", f"- [X] {each}")
    assert shop.tasks.read_bytes() == after.encode()
    assert outcome == Finished(summary="All done.", ticked=True)
    assert not summary.record.tick_pending
    assert [data["task"] for kind, data in shop.events if kind == "ticked"] == ["1.1.2", "1.1", "1"]


async def test_parents_are_the_users_where_the_user_ticked_the_last_child(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUPS.encode())
    ticked = GROUPS.replace("- [ ] 1.1.2", "- [X] 1.1.2")
    outcome, _, _ = await shop.play(and_then_somebody_writes(shop, ticked), task="1.1.2")
    assert outcome == Finished(summary="All done.", ticked=True)
    assert shop.tasks.read_bytes() == ticked.encode()


async def test_a_parent_with_an_open_run_of_its_own_is_not_ticked(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUPS.encode())
    await shop.begin(ScriptedModel(clock=shop.clock), "1")
    await shop.play(finish(), task="1.1.2")
    text = shop.tasks.read_bytes().decode()
    assert "- [X] 1.1 Inner" in text
    assert "- [ ] 1. Group" in text


async def test_in_a_dirty_document_all_marks_wait_for_one_save(shop: Workshop) -> None:
    shop.tasks.write_bytes(GROUPS.encode())
    shop.editor.unsaved[str(shop.tasks)] = GROUPS + " and typed"
    outcome, _, summary = await shop.play(finish(), task="1.1.2")
    assert outcome == Finished(summary="All done.", ticked=False)
    assert summary.record.tick_pending
    assert shop.tasks.read_bytes() == GROUPS.encode()
    shown = shop.editor.unsaved[str(shop.tasks)]
    assert [shown.count(f"- [X] {each}") for each in ("1. Group", "1.1 Inner", "1.1.2 Deep")] == [1, 1, 1]
    assert shown.endswith(" and typed")
