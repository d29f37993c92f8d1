"""The loop: how a run ends, what it may take before it pauses, and whose wishes it hears."""

from __future__ import annotations

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.errors import OwnedElsewhere
from bursar.domain.ports import HeldElsewhere
from bursar.runs.world import Ceilings, Finished, Paused, Stopped
from support.world import ScriptedModel, Workshop, call, finish, reply, text


def read(path: str = "a.txt") -> ModelReply:
    return reply(call("read_file", path=path))


async def test_from_the_first_request_to_the_mark(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    outcome, model, summary = await shop.play(
        read(), reply(call("write_file", path="b.txt", content="beta\n")), finish("Wrote b.txt.")
    )
    assert outcome == Finished(summary="Wrote b.txt.", ticked=True)
    assert (shop.root / "b.txt").read_text() == "beta\n"
    assert shop.tasks.read_text().splitlines()[2] == "- [x] 1. First thing"
    assert (summary.record.state, summary.record.tick_pending, summary.record.owner) == ("finished", False, None)
    assert len(summary.requests) == len(model.bodies) == 3
    assert shop.kinds()[0] == "run_started"
    assert shop.kinds()[-2:] == ["ticked", "run_finished"]
    assert shop.told("run_finished")["requests"] == 3


async def test_three_answers_without_a_call_pause_it_and_resuming_asks_nothing_new(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(*[reply(text(f"Thinking {n}.")) for n in range(3)])
    assert isinstance(outcome, Paused)
    assert outcome.reason == "repeat"
    assert "without doing anything three times: Thinking 2." in outcome.detail
    assert len(model.bodies) == 3
    last = model.requests[-1]["messages"][-1]["content"]
    assert "call finish when it is done" in str(last)
    assert summary.record.reason == "repeat"


async def test_the_same_call_with_the_same_result_pauses_it_and_resume_tries_on(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    outcome, model, summary = await shop.play(*[read() for _ in range(3)])
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("repeat", 3)
    assert "The same call gave the same result 3 times in a row." in outcome.detail
    again = ScriptedModel(read(), read(), finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, summary.record.run), Finished)


async def test_the_same_call_with_another_result_goes_on(shop: Workshop) -> None:
    path = shop.write("a.txt", "0\n")

    async def changed(body: bytes) -> ModelReply:
        path.write_text(path.read_text() + "more\n")
        return read()

    outcome, model, _ = await shop.play(*[changed] * 6, finish())
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 7


async def test_the_number_of_requests_pauses_it_and_resume_allows_as_many_again(shop: Workshop) -> None:
    for n in range(5):
        shop.write(f"{n}.txt", f"{n}\n")
    reads = [read(f"{n}.txt") for n in range(4)]
    rules = {"ceilings": Ceilings(requests=2)}
    outcome, model, summary = await shop.play(*reads[:2], **rules)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, outcome.detail) == (
        "ceiling",
        "The run has made 2 requests. Resume allows as many again.",
    )
    assert len(model.bodies) == 2
    again = ScriptedModel(*reads[2:], clock=shop.clock)
    outcome = await shop.drive(again, summary.record.run, **rules)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(again.bodies)) == ("ceiling", 2)
    # The result of the last call before the pause is not lost: the next request carries it.
    last = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(last, summary.record.run, **rules), Finished)
    assert "3" in shop.results(last)[0]


async def test_the_time_it_takes_pauses_it(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    shop.write("b.txt", "beta\n")
    model = ScriptedModel(read(), read("b.txt"), clock=shop.clock)
    model.seconds_per_request = 1_000.0
    run = await shop.begin(model)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, outcome.detail) == (
        "ceiling",
        "The run took longer than 1800 s. Resume gives it as long again.",
    )
    assert shop.summary(run).record.seconds_run == 2_000.0
    again = ScriptedModel(finish(), clock=shop.clock)
    again.seconds_per_request = 500.0
    assert isinstance(await shop.drive(again, run), Finished)
    assert shop.summary(run).record.seconds_run == 2_500.0


async def test_a_wish_to_pause_is_heard_between_two_steps(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    run = ""

    async def asked_meanwhile(body: bytes) -> ModelReply:
        assert await shop.journal.request_pause(run)
        return read()

    model = ScriptedModel(asked_meanwhile, finish(), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run)
    assert outcome == Paused(reason="asked", detail="Paused as asked.")
    # The answer under way was taken and paid for; only what comes after it waits.
    assert shop.steps(run)["m1"].status == "done"
    assert "t1.0" not in shop.steps(run)
    assert isinstance(await shop.drive(model, run), Finished)
    assert len(model.bodies) == 2


async def test_a_wish_to_stop_ends_it_for_good(shop: Workshop) -> None:
    run = ""

    async def asked_meanwhile(body: bytes) -> ModelReply:
        assert await shop.journal.request_stop(run)
        return reply(call("write_file", path="never.txt", content="x"))

    model = ScriptedModel(asked_meanwhile, clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Stopped)
    assert not (shop.root / "never.txt").exists()
    record = shop.summary(run).record
    assert (record.state, record.reason) == ("failed", "stopped")
    assert shop.told("run_finished")["reason"] == "stopped"
    assert shop.tasks.read_text().count("[x]") == 0
    assert not await shop.journal.request_stop(run)


async def test_a_paused_run_is_stopped_at_once(shop: Workshop) -> None:
    _, _, summary = await shop.play(*[reply(text("hm"))] * 3)
    assert await shop.journal.request_stop(summary.record.run)
    assert shop.summary(summary.record.run).record.state == "failed"


async def test_a_run_that_is_driven_is_not_driven_twice(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    caught: list[str] = []
    run = ""

    async def second_window(body: bytes) -> ModelReply:
        other = shop.open_again()
        try:
            with pytest.raises(OwnedElsewhere) as refused:
                await shop.drive(ScriptedModel(clock=shop.clock), run, journal=other)
            caught.append(str(refused.value))
        finally:
            other.close()
        return finish()

    model = ScriptedModel(second_window, clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run), Finished)
    (said,) = caught
    assert said.startswith(f"{run} runs in another window (process ")


async def test_of_two_windows_that_begin_a_task_at_the_same_moment_one_is_told_no(shop: Workshop) -> None:
    """Neither has seen a run of the other when it looked; the store itself keeps the second out."""
    model = ScriptedModel(finish(), clock=shop.clock)
    other = shop.open_again()
    try:
        first = await shop.begin(model, only_one=True)
        with pytest.raises(OwnedElsewhere, match=f"task 1 runs in another window as {first}"):
            await shop.begin(model, only_one=True, journal=other)
        assert isinstance(await other.claim(first), HeldElsewhere)
        with pytest.raises(OwnedElsewhere, match=f"{first} runs in another window"):
            await shop.drive(model, first, journal=other)
    finally:
        other.close()
    assert len(shop.journal.runs()) == 1
    await shop.begin(model, "2", only_one=True)
    await shop.drive(model, first)
    await shop.begin(model, only_one=True)
