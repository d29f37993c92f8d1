"""Runs that wait for a moment: they outlive the window, go on by themselves once, and the user can hold them back."""

from __future__ import annotations

import asyncio

import pytest

from bursar.domain.errors import BadInput, LimitReached
from bursar.session.model import FoldersChanged, Trusted
from bursar.session.shown import annotations_of
from bursar.views.annotations import Lens
from support.world import Turn, call, finish, reply

from .conftest import WAIT_S, Office

LONG_S = 1_000.0


def limit() -> LimitReached:
    """Longer than a run waits by itself."""
    return LimitReached("429 from the provider", retry_after_s=LONG_S)


async def parked(office: Office, *script: Turn) -> tuple[str, asyncio.Event]:
    """A run that a limit has parked in a window that is gone, with the script that is still to be played; and what
    lets the moment come that it waits for."""
    moment = office.hold_long_sleeps()
    office.model.script = [limit(), *script]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    await office.session.close()
    assert len(office.model.bodies) == 1
    return run, moment


def alarms() -> list[str]:
    return [each.get_name() for each in asyncio.all_tasks() if each.get_name().startswith("wake")]


async def until_alarms_are_over() -> None:
    async with asyncio.timeout(WAIT_S):
        while alarms():
            await asyncio.sleep(0)


async def test_after_a_reload_it_goes_on_by_itself_when_the_limit_has_reset(office: Office) -> None:
    run, moment = await parked(office, finish())
    before = office.shop.clock.now_utc()
    await office.reload()
    await office.window.until(lambda: alarms())
    moment.set()
    await office.window.until(lambda: office.window.ends(run))
    assert -office.shop.clock.seconds_until(before) >= LONG_S - 100
    assert len(office.model.bodies) == 2
    assert "- [x] 1." in office.shop.tasks.read_text()
    assert office.window.said == []


async def test_two_windows_go_on_with_it_once(office: Office) -> None:
    run, moment = await parked(office, reply(call("list_files", path=".")), finish())
    await office.reload()
    other, session = office.second_window()
    await office.window.until(lambda: len(alarms()) == 2)
    moment.set()
    await until_alarms_are_over()
    await office.window.until(lambda: [each for each in office.window.runs if each.state == "finished"])
    async with asyncio.timeout(WAIT_S):
        # That it ended is told after its state is: in one of the two windows.
        while not (office.window.ends(run) or other.ends(run)):
            await asyncio.sleep(0.01)
    ended = [*office.window.ends(run), *other.ends(run)]
    assert ended == ["done"], "only the window that went on with it showed it"
    assert len(office.model.bodies) == 3
    assert office.window.said == other.said == []
    await session.close()


async def test_one_that_met_the_limit_again_is_not_woken_by_another_window_or_after_a_reload(office: Office) -> None:
    run, moment = await parked(office, limit(), finish())
    await office.reload()
    moment.set()
    await office.window.until(lambda: office.window.said)
    record = office.shop.summary(run).record
    assert (record.state, record.reason) == ("paused", "limit_again")
    assert record.resume_at is not None
    await office.reload()
    office.open()
    shown = await office.window.until(
        lambda: [
            each.title for each in annotations_of(office.session.snapshot(), office.uri).lenses if "kept" in each.title
        ]
    )
    assert "usage limit, still reached" in shown[0]
    await until_alarms_are_over()
    assert len(office.model.bodies) == 2
    await office.session.resume_run(run)
    await office.window.until(lambda: office.window.ends(run))
    assert office.shop.summary(run).record.state == "finished"


async def test_a_pause_holds_it_back_for_good(office: Office) -> None:
    run, moment = await parked(office, finish())
    await office.reload()
    session = office.session
    await office.window.until(lambda: alarms())
    assert await session.pause_run(run) == run
    record = office.shop.summary(run).record
    assert (record.state, record.reason, record.resume_at) == ("paused", "asked", None)
    moment.set()
    await until_alarms_are_over()
    assert len(office.model.bodies) == 1
    with pytest.raises(BadInput, match="nothing to pause"):
        await session.pause_run(run)
    assert office.window.ends(run) == []


async def test_without_trust_it_waits_on_and_with_trust_it_goes_on(office: Office) -> None:
    run, moment = await parked(office, finish())
    moment.set()
    await office.reload()
    office.session.apply(Trusted(trusted=False))
    await office.window.until(lambda: office.window.meters)
    await until_alarms_are_over()
    assert len(office.model.bodies) == 1
    office.session.apply(Trusted(trusted=True))
    await office.window.until(lambda: office.window.ends(run))
    assert len(office.model.bodies) == 2


async def test_a_folder_that_is_not_open_wakes_nothing(office: Office) -> None:
    """Its documents may be open all the same; to trust this window's folders is not to trust it."""
    _, moment = await parked(office, finish())
    other = office.shop.root.parent / "trusted"
    other.mkdir()
    await office.reload()
    office.session.apply(FoldersChanged(folders=(str(other),)))
    office.open()
    await office.window.until(lambda: any(each.title.startswith("Goes on") for each in lenses(office)))
    moment.set()
    await until_alarms_are_over()
    assert len(office.model.bodies) == 1


async def test_a_task_that_was_ticked_by_hand_meanwhile_is_asked_about_and_not_paid_for(office: Office) -> None:
    run, moment = await parked(office, finish())
    office.shop.tasks.write_text(office.shop.tasks.read_text().replace("- [ ] 1.", "- [x] 1."))
    await office.reload()
    await office.window.until(lambda: alarms())
    moment.set()
    await until_alarms_are_over()
    async with asyncio.timeout(WAIT_S):
        while not office.window.asked:
            await asyncio.sleep(0)
    assert "ticked by hand" in office.window.asked[0]
    assert len(office.model.bodies) == 1
    assert office.shop.summary(run).record.state == "paused"


def lenses(office: Office) -> list[Lens]:
    return list(annotations_of(office.session.snapshot(), office.uri).lenses)
