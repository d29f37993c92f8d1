"""Skip, retry and defer in the editor."""

from __future__ import annotations

import pytest

from bursar.domain.errors import BadInput, QuotaExhausted, Refused
from bursar.session.model import Trusted
from bursar.session.shown import annotations_of
from support.world import call, finish, reply

from .conftest import Office

LINE, TITLE = 2, "First thing"


def lenses(office: Office, line: int = LINE) -> list[tuple[str, str | None]]:
    shown = annotations_of(office.session.snapshot(), office.uri).lenses
    return [(each.title, each.command) for each in shown if each.line == line]


async def failed_run(office: Office) -> str:
    """A run with two finished steps whose third failed."""
    office.model.script = [reply(call("list_files", path=".")), QuotaExhausted("402")]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    return run


async def skip(office: Office) -> str | None:
    return await office.session.skip_task(str(office.shop.tasks), LINE, TITLE)


async def defer(office: Office, until: str | None) -> tuple[str, str]:
    return await office.session.defer_task(str(office.shop.tasks), LINE, TITLE, until)


async def test_a_skipped_task_says_so_until_it_is_run(office: Office) -> None:
    office.open()
    run = await failed_run(office)
    assert await skip(office) == run
    shown = await office.window.until(lambda: [each for each in lenses(office) if each[0].startswith("Skipped · Run")])
    assert shown[0][1] == "bursar.runTask"
    assert office.shop.summary(run).record.state == "failed"
    office.shop.clock.advance(1)
    office.model.script = [finish()]
    again = await office.run()
    await office.window.until(lambda: office.window.ends(again))
    await office.window.until(lambda: not any(title.startswith("Skipped") for title, _ in lenses(office)))


async def test_a_stopped_run_offers_a_retry_that_keeps_its_steps(office: Office) -> None:
    office.open()
    run = await failed_run(office)
    await office.session.stop_run(run)
    shown = await office.window.until(lambda: [each for each in lenses(office) if each[0].startswith("Retry")])
    assert shown == [("Retry · 2 steps kept", "bursar.retryTask")]
    office.model.script = [finish()]
    again = await office.session.retry_task(str(office.shop.tasks), LINE, TITLE)
    await office.window.until(lambda: office.window.ends(again))
    assert len(office.model.bodies) == 3
    assert office.model.bodies[2] == office.model.bodies[1]
    assert "- [x] 1." in office.shop.tasks.read_text()


async def test_a_deferred_task_goes_on_by_itself_at_its_moment(office: Office) -> None:
    office.open()
    office.model.script = [finish()]
    run, until = await defer(office, "2026-11-21T20:00:00Z")
    assert until == "2026-11-21T20:00:00.000Z"
    await office.window.until(lambda: office.window.ends(run))
    assert office.shop.clock.seconds_until(until) <= 0
    assert "- [x] 1." in office.shop.tasks.read_text()
    assert len(office.model.bodies) == 1


async def test_the_lens_of_a_deferred_task_says_until_when(office: Office) -> None:
    office.open()
    waits = office.hold_long_sleeps()
    run, _ = await defer(office, "2026-11-22T20:00:00Z")
    shown = await office.window.until(lambda: [each for each in lenses(office) if each[0].startswith("Deferred")])
    assert shown == [("Deferred until 2026-11-22 20:00 · 0 steps kept, $0.00 paid", None)]
    assert [title for title, _ in lenses(office)][1:] == ["Resume now", "Pause", "Stop"]
    office.model.script = [finish()]
    await office.session.resume_run(run)
    await office.window.until(lambda: office.window.ends(run))
    waits.set()


async def test_what_another_process_deferred_goes_on_here_once(office: Office) -> None:
    run = await office.shop.begin(office.model)
    claimed = await office.shop.journal.claim(run)
    until = office.shop.clock.utc_in(600)
    await office.shop.journal.set_state(
        run=run,
        epoch=claimed.epoch,  # type: ignore[union-attr]
        state="paused",
        reason="deferred",
        resume_at=until,
    )
    await office.shop.journal.release(run)
    office.model.script = [finish()]
    await office.window.until(lambda: office.window.ends(run))
    assert len(office.model.bodies) == 1


async def test_the_user_is_asked_until_when_and_may_close_the_question(office: Office) -> None:
    with pytest.raises(BadInput, match="was not put off"):
        await defer(office, None)
    office.window.answer = "In the cheaper hours"
    with pytest.raises(BadInput, match="no cheaper hours"):
        await defer(office, None)
    assert office.shop.journal.runs() == []


async def test_nothing_of_it_in_a_workspace_that_is_not_trusted(office: Office) -> None:
    from bursar.domain.errors import Refused

    office.session.apply(Trusted(trusted=False))
    for command in (skip(office), defer(office, "20:00"), office.session.retry_task(str(office.shop.tasks), 2, TITLE)):
        with pytest.raises(Refused, match="not trusted"):
            await command


async def test_a_task_whose_check_failed_can_be_accepted(office: Office) -> None:
    tasks = office.shop.tasks.read_text().replace(
        "- [ ] 1. First thing\n", "- [ ] 1. First thing\n  - _Check: `missing`_\n"
    )
    office.shop.tasks.write_text(tasks)
    office.open()
    office.model.script = [finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    shown = await office.window.until(lambda: [each for each in lenses(office) if each[1] == "bursar.acceptRun"])
    assert shown == [("Accept as done", "bursar.acceptRun")]
    assert await office.session.accept_run(run) is True
    assert "- [x] 1." in office.shop.tasks.read_text()
    await office.window.until(lambda: not [each for each in lenses(office) if each[1] == "bursar.acceptRun"])
    with pytest.raises(BadInput, match="has ended"):
        await office.session.accept_run(run)


async def test_nothing_is_accepted_in_a_workspace_that_is_not_trusted(office: Office) -> None:
    office.open()
    office.session.apply(Trusted(trusted=False))
    with pytest.raises(Refused, match="not trusted"):
        await office.session.accept_run("run-1")
