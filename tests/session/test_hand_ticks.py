"""A task that is ticked by hand while its run is open: on load, on a save and on an edit from outside."""

from __future__ import annotations

import asyncio

import pytest

from bursar.domain.errors import LimitReached
from bursar.session.beside import Beside
from bursar.session.model import FilesChanged, Saved, Trusted
from bursar.session.shown import annotations_of
from bursar.views.annotations import Lens
from support.world import ScriptedModel, finish

from .conftest import WAIT_S, Office

TICKED = "- [x] 1. First thing"
BESIDE = Beside._told.__qualname__


def tick(office: Office) -> str:
    text = office.shop.tasks.read_text().replace("- [ ] 1. First thing", TICKED)
    office.shop.tasks.write_text(text)
    return text


async def paused_run(office: Office) -> str:
    """A run that a limit without a moment has paused."""
    model = ScriptedModel(*[LimitReached("429", retry_after_s=None)] * 4, clock=office.shop.clock)
    run = await office.shop.begin(model)
    await office.shop.drive(model, run)
    return run


async def asked(office: Office) -> str:
    async with asyncio.timeout(WAIT_S):
        while not office.window.asked:
            await asyncio.sleep(0)
    return office.window.asked[-1]


async def quiet(office: Office) -> None:
    """Until what the session does beside the editor's messages is over, however long a look at the disk takes."""
    async with asyncio.timeout(WAIT_S):
        while any(getattr(each.get_coro(), "__qualname__", "") == BESIDE for each in asyncio.all_tasks()):
            await asyncio.sleep(0.001)


async def test_a_tick_from_outside_asks_once_and_a_closed_question_decides_nothing(office: Office) -> None:
    run = await paused_run(office)
    office.open(tick(office))
    office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
    assert "Task 1 was ticked by hand while its run is paused" in await asked(office)
    office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
    await quiet(office)
    assert len(office.window.asked) == 1
    assert office.shop.summary(run).record.state == "paused"

    def shown() -> list[Lens]:
        lenses = annotations_of(office.session.snapshot(), office.uri).lenses
        found = [each for each in lenses if each.line == 2]
        wanted = ["Ticked by hand · 0 steps kept, $0.00 paid", "Resume", "Stop"]
        return found if [each.title for each in found] == wanted else []

    lenses = await office.window.until(shown)
    assert [each.command for each in lenses] == [None, "bursar.resumeRun", "bursar.stopRun"]


async def test_stop_ends_the_run_and_leaves_the_mark(office: Office) -> None:
    office.window.answer = "Stop the run"
    run = await paused_run(office)
    text = tick(office)
    office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
    await office.window.until(lambda: [each for each in office.window.runs if each.state == "failed"])
    record = office.shop.summary(run).record
    assert (record.state, record.reason) == ("failed", "stopped")
    assert office.shop.tasks.read_text() == text


async def test_keep_going_resumes_the_run(office: Office) -> None:
    office.window.answer = "Keep going"
    office.model.script = [finish()]
    run = await paused_run(office)
    office.open(tick(office))
    office.session.apply(Saved(uri=office.uri))
    await office.window.until(lambda: office.window.ends(run))
    assert office.shop.summary(run).record.state == "finished"


@pytest.mark.parametrize("mark", ["-", "~", " "])
async def test_other_marks_ask_nothing_and_are_left_alone(office: Office, mark: str) -> None:
    await paused_run(office)
    text = office.shop.tasks.read_text().replace("- [ ] 1.", f"- [{mark}] 1.")
    office.shop.tasks.write_text(text)
    office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
    await quiet(office)
    assert office.window.asked == []
    assert office.shop.tasks.read_text() == text


async def test_a_second_tick_is_asked_about_again(office: Office) -> None:
    await paused_run(office)
    before = office.shop.tasks.read_text()
    for number in (1, 2):
        tick(office)
        office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
        async with asyncio.timeout(WAIT_S):
            while len(office.window.asked) < number:
                await asyncio.sleep(0)
        office.shop.tasks.write_text(before)
        office.session.apply(FilesChanged(paths=(str(office.shop.tasks),)))
        await quiet(office)
    assert len(office.window.asked) == 2


async def test_a_tick_from_before_the_session_is_asked_about_when_it_loads(office: Office) -> None:
    await paused_run(office)
    office.session.apply(Trusted(trusted=False))
    tick(office)
    await quiet(office)
    assert office.window.asked == [], "nothing is asked in a workspace that is not trusted"
    office.session.apply(Trusted(trusted=True))
    await asked(office)
