"""A task with open tasks below it is run as those, one after the other."""

from __future__ import annotations

import asyncio

import pytest

from bursar.domain.errors import BadInput, LimitReached
from bursar.session.shown import annotations_of
from support.world import finish

from .conftest import Office

PLAN = """\
# Plan

- [ ] 1. Group
  - [ ] 1.1 One
  - [ ]* 1.2 Optional
  - [ ] 1.3 Two
- [ ] 2. Other
"""
DONE = PLAN.replace("[ ] 1. ", "[x] 1. ").replace("[ ] 1.1", "[x] 1.1").replace("[ ] 1.3", "[x] 1.3")


@pytest.fixture
def plan(office: Office) -> Office:
    office.shop.tasks.write_text(PLAN)
    return office


async def group(office: Office) -> str:
    return await office.run(2, "Group")


def started(office: Office) -> list[str]:
    return [each.task_address for each in office.shop.journal.runs()]


async def test_the_lens_of_a_parent_sums_up_what_is_below_it(plan: Office) -> None:
    plan.open()

    def title() -> str:
        lenses = annotations_of(plan.session.snapshot(), plan.uri).lenses
        return next(each.title for each in lenses if each.line == 2)

    assert title() == "Run 2 tasks"
    shown = await plan.window.until(lambda: "first" in title() and title())
    estimates = plan.session.snapshot().analyses[plan.uri].estimates.values()
    tokens = sum(each.counted_tokens for each in estimates if each.address in ("1.1", "1.3"))
    assert shown.startswith(f"Run 2 tasks · first requests {tokens:,} in ~$0.0")
    assert shown.endswith(" · at most $1.00 each")


async def test_its_required_open_tasks_are_run_in_order_and_its_mark_follows(plan: Office) -> None:
    plan.model.script = [finish(), finish()]
    run = await group(plan)
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    assert started(plan) == ["1.1", "1.3"]
    assert plan.shop.journal.runs()[0].run == run
    assert plan.shop.tasks.read_text() == DONE
    assert plan.window.said == []


async def test_a_higher_priority_goes_first_also_once_the_batch_runs(plan: Office) -> None:
    wanted = PLAN.replace("1.3 Two\n", "1.3 Two\n    - _Priority: high_\n")
    plan.shop.tasks.write_text(wanted)
    plan.model.script = [finish(), finish()]
    await group(plan)
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    assert started(plan) == ["1.3", "1.1"]


async def test_a_pause_holds_the_rest_back_and_a_resume_goes_on_with_it(plan: Office) -> None:
    plan.model.script = [*[LimitReached("429", retry_after_s=None)] * 4, finish(), finish()]
    run = await group(plan)
    await plan.window.until(lambda: plan.window.ends(run))
    assert started(plan) == ["1.1"]
    await plan.session.resume_run(run)
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    assert plan.shop.tasks.read_text() == DONE


async def test_a_stop_ends_the_whole_of_it(plan: Office) -> None:
    plan.model.script = [*[LimitReached("429", retry_after_s=None)] * 4, finish()]
    run = await group(plan)
    await plan.window.until(lambda: plan.window.ends(run))
    await plan.session.stop_run(run)
    for _ in range(20):
        await asyncio.sleep(0)
    assert started(plan) == ["1.1"]


async def test_a_task_whose_mark_could_not_be_set_is_not_paid_for_again(plan: Office) -> None:
    """The document is dirty and the editor takes no edit: the mark is pending, and the next task has its turn."""
    plan.open(PLAN + "typed\n")
    plan.model.script = [finish(), finish()]
    await group(plan)
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    for _ in range(50):
        await asyncio.sleep(0)
    assert started(plan) == ["1.1", "1.3"]
    assert len(plan.model.bodies) == 2


async def test_a_parent_that_is_done_is_refused(plan: Office) -> None:
    plan.shop.tasks.write_text(DONE)
    with pytest.raises(BadInput, match="done or set aside"):
        await group(plan)


async def test_after_a_reload_a_resume_goes_on_with_the_rest(plan: Office) -> None:
    plan.model.script = [*[LimitReached("429", retry_after_s=None)] * 4, finish(), finish()]
    run = await group(plan)
    await plan.window.until(lambda: plan.window.ends(run))
    await plan.reload()
    await plan.session.resume_run(run)
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    assert started(plan) == ["1.1", "1.3"]
    assert plan.shop.tasks.read_text() == DONE


async def test_a_paused_run_below_it_is_gone_on_with_and_not_refused_or_paid_again(plan: Office) -> None:
    plan.model.script = [*[LimitReached("429", retry_after_s=None)] * 4]
    alone = await plan.run(3, "One")
    await plan.window.until(lambda: plan.window.ends(alone))
    plan.model.script = [finish(), finish()]
    assert await group(plan) == alone
    await plan.window.until(lambda: len(started(plan)) == 2 and plan.window.ends(plan.shop.journal.runs()[1].run))
    assert started(plan) == ["1.1", "1.3"]
    assert plan.shop.tasks.read_text() == DONE


async def test_a_task_below_it_that_is_put_off_is_left_to_its_moment(plan: Office) -> None:
    plan.hold_long_sleeps()
    await plan.session.defer_task(str(plan.shop.tasks), 3, "One", "2099-01-01T00:00:00Z")
    plan.model.script = [finish()]
    run = await group(plan)
    await plan.window.until(lambda: plan.window.ends(run))
    assert started(plan) == ["1.1", "1.3"]
    assert plan.shop.tasks.read_text() == PLAN.replace("[ ] 1.3", "[x] 1.3")
    with pytest.raises(BadInput, match="put off until later"):
        await group(plan)
