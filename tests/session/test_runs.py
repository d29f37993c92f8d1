"""Runs as jobs of the session: limits that reset, ceilings that are raised, trust that is withdrawn."""

from __future__ import annotations

import asyncio

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.errors import BadInput, LimitReached, Refused
from bursar.session.model import FoldersChanged, Trusted
from support.world import DEAR, MODEL, call, finish, reply

from .conftest import WAIT_S, Office

LONG_S = 1_000.0


def limit() -> LimitReached:
    """Longer than a run waits by itself."""
    return LimitReached("429 from the provider", retry_after_s=LONG_S)


async def test_a_run_that_a_limit_paused_goes_on_by_itself_when_it_has_reset(office: Office) -> None:
    office.model.script = [limit(), finish()]
    before = office.shop.clock.now_utc()
    run = await office.run()
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert -office.shop.clock.seconds_until(before) >= LONG_S
    assert len(office.model.bodies) == 2
    assert "- [x] 1." in office.shop.tasks.read_text()
    assert "It resets at" in office.window.ends(run)[0]
    assert office.window.said == []


async def test_a_run_that_meets_the_limit_again_at_once_does_not_go_on_by_itself_a_second_time(office: Office) -> None:
    office.model.script = [limit(), limit(), finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.said)
    ((level, text),) = office.window.said
    assert level == "warning"
    assert "It went on by itself once and got nowhere" in text
    assert len(office.model.bodies) == 2
    assert not [each for each in asyncio.all_tasks() if each.get_name().startswith("wake")]
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 3)
    assert office.shop.summary(run).record.state == "finished"


async def test_a_run_that_got_on_between_two_limits_goes_on_by_itself_after_each(office: Office) -> None:
    looks = reply(call("list_files", path="."))
    office.model.script = [limit(), looks, limit(), finish()]
    run = await office.run()
    await office.window.until(lambda: len(office.window.ends(run)) == 3)
    assert office.shop.summary(run).record.state == "finished"
    assert office.window.said == []


async def test_a_run_that_goes_on_by_itself_still_asks_before_it_runs_a_command(office: Office) -> None:
    office.model.script = [limit(), reply(call("run_command", argv=["rm", "-r", "x"])), finish()]
    run = await office.run()
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert len(office.window.asked) == 1
    assert office.shop.programs.ran == []


async def test_while_a_run_waits_the_seconds_are_counted_down(office: Office) -> None:
    office.model.script = [LimitReached("429 from the provider", retry_after_s=62.0), finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    shown = [text for each, kind, text in office.window.progress if (each, kind) == (run, "report")]
    counted = [each for each in shown if each.startswith("waits ")]
    # Others sleep on the same clock and move it: a second may be left out, and none is told twice or out of order.
    every = ["waits 1:01 min more", "waits 1:00 min more", *[f"waits {n} s more" for n in range(59, 0, -1)]]
    assert counted == [each for each in every if each in counted]
    assert len(counted) > 10


async def test_a_run_that_was_stopped_while_it_waited_stays_stopped(office: Office) -> None:
    office.model.script = [limit(), finish()]
    run = await office.run()

    async def stop() -> None:
        await office.session.stop_run(run)

    await office.window.until(lambda: office.window.ends(run))
    office.shop.clock.while_asleep = stop
    await office.window.until(lambda: [each for each in office.window.runs if each.state == "failed"])
    while any(each.get_name().startswith("wake") for each in asyncio.all_tasks()):
        await asyncio.sleep(0)
    assert len(office.model.bodies) == 1
    assert len(office.window.ends(run)) == 1


async def test_a_ceiling_that_the_user_raised_holds_after_resume(office: Office) -> None:
    office.shop.prices.rates[MODEL] = DEAR
    office.adapters.run_limit_pico = 10**9
    office.model.script = [finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    level, text = office.window.said[-1]
    assert (level, office.model.bodies) == ("warning", [])
    assert "Nothing was sent" in text
    office.adapters.run_limit_pico = 10**15
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert len(office.model.bodies) == 1


async def test_two_presses_at_once_begin_one_run(office: Office) -> None:
    office.model.script = [finish()]
    first, second = await asyncio.gather(office.run(), office.run(), return_exceptions=True)
    assert isinstance(first, str)
    assert isinstance(second, BadInput)
    await office.window.until(lambda: office.window.ends(first))
    with pytest.raises(BadInput, match="done or set aside"):
        await office.run()
    assert len(office.shop.journal.runs()) == 1


async def test_trust_that_is_withdrawn_pauses_what_runs(office: Office) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> ModelReply:
        asked.set()
        await go_on.wait()
        return reply(call("list_files", path="."))

    office.model.script = [slow, finish()]
    run = await office.run()
    await asked.wait()
    office.session.apply(Trusted(trusted=False))
    async with asyncio.timeout(WAIT_S):
        while not (record := office.shop.journal.run(run)) or not record.pause_requested:
            await asyncio.sleep(0)
    go_on.set()
    await office.window.until(lambda: office.window.ends(run))
    assert len(office.model.bodies) == 1
    with pytest.raises(Refused, match="not trusted"):
        await office.session.resume_run(run)


async def test_a_question_that_is_open_when_trust_is_withdrawn_is_not_answered_any_more(office: Office) -> None:
    """Whatever the user presses in the box that is still there: the command is not run, and "no" is not kept."""
    asked, pressed = asyncio.Event(), asyncio.Event()

    async def press_late(text: str, choices: tuple[str, ...]) -> str | None:
        asked.set()
        await pressed.wait()
        return "Once"

    office.window.choose = press_late  # type: ignore[method-assign]
    office.model.script = [reply(call("run_command", argv=["ls"])), finish()]
    run = await office.run()
    await asked.wait()
    office.session.apply(Trusted(trusted=False))
    pressed.set()
    (end,) = await office.window.until(lambda: office.window.ends(run))
    assert "no longer trusted" in end
    assert office.shop.programs.ran == []
    assert office.shop.programs.killed >= 1, "a command that runs is ended"
    assert [each.key for each in office.shop.journal.steps(run)] == ["m1"], "the call is still to be decided"
    office.session.apply(Trusted(trusted=True))
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert office.shop.programs.ran == [("ls",)]
    assert len(office.model.bodies) == 2


async def test_a_run_that_is_just_beginning_when_trust_is_withdrawn_sends_nothing(office: Office) -> None:
    office.model.script = [finish()]
    beginning = asyncio.create_task(office.run())
    while not office.shop.journal.runs():
        await asyncio.sleep(0)
    office.session.apply(Trusted(trusted=False))
    run = await beginning
    (end,) = await office.window.until(lambda: office.window.ends(run))
    assert "no longer trusted" in end
    assert office.model.bodies == []


async def test_trust_in_a_folder_is_none_in_what_its_links_lead_to(office: Office) -> None:
    """A tasks.md that is a link opens as the file it leads to, whose own folder nobody opened or trusted."""
    office.model.script = [limit(), finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    other = office.shop.root.parent / "trusted"
    other.mkdir()
    office.session.apply(FoldersChanged(folders=(str(other),)))
    with pytest.raises(Refused, match="outside the folders that are open"):
        await office.run(4, "Second thing")
    with pytest.raises(Refused, match="outside the folders that are open"):
        await office.session.resume_run(run)
    assert len(office.model.bodies) == 1


async def test_a_session_that_closes_lets_the_request_in_flight_end_when_that_is_soon(office: Office) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> ModelReply:
        asked.set()
        await go_on.wait()
        return reply(call("list_files", path="."))

    office.model.script = [slow, finish()]
    run = await office.run()
    await asked.wait()
    closing = asyncio.create_task(office.session.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    record = office.shop.journal.run(run)
    assert record is not None
    assert (record.state, record.reason, record.owner_alive) == ("paused", "asked", False)
    assert office.shop.summary(run).cost_pico > 0


async def test_a_bug_in_a_run_is_said_and_leaves_the_session_and_the_run_usable(office: Office) -> None:
    async def bug(body: bytes) -> ModelReply:
        raise ZeroDivisionError

    office.model.script = [bug, finish()]
    run = await office.run()
    said = await office.window.until(lambda: office.window.said)
    assert said == [("error", "Run 1 was ended by a fault in Bursar: its log says more.")]
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert "- [x] 1." in office.shop.tasks.read_text()
