"""An open editor fetches the reviews that went through a batch API, by whomever they were sent."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

from bursar.domain.batches import BatchSeen, NoAnswer
from bursar.domain.conversation import ModelReply
from bursar.runs.batching import Pending, submit_batch
from bursar.runs.reviewing import plan_review
from support.world import MODEL, call, finish, reply, text

from .conftest import Office


class Slow:
    """A batch API whose one batch has ended at the third look."""

    delay = "up to a day"

    def __init__(self, found: ModelReply | NoAnswer) -> None:
        self.found = found
        self.looks = 0
        self.submitted = 0

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        self.submitted += 1
        return self._seen()

    async def look(self, batch: str) -> BatchSeen:
        self.looks += 1
        return self._seen()

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        return self.found

    async def since(self, moment: str) -> tuple[BatchSeen, ...]:
        return (self._seen(),)

    def _seen(self) -> BatchSeen:
        return BatchSeen(batch="b1", ended=self.looks >= 3, created_at="2026-11-21T08:00:00Z", expires_at=None)


async def sent_from_a_terminal(office: Office, batches: Slow) -> tuple[str, str]:
    """A finished run, and its review as another process has sent it."""
    office.model.batches = lambda: batches  # type: ignore[method-assign]
    _, _, summary = await office.shop.play(reply(call("write_file", path="a.py", content="1\n")), finish())
    world = office.shop.world(office.model)
    plan = plan_review(world, run="review-1", about=summary.record.run, model=MODEL, ceiling_pico=None, batch=True)
    sent = await submit_batch(world, plan.planned)
    assert isinstance(sent, Pending)
    return summary.record.run, sent.run


async def test_what_was_sent_elsewhere_is_fetched_once_and_told(office: Office) -> None:
    batches = Slow(replace(reply(text("All is well.")), request_id="msg_1"))
    run, review = await sent_from_a_terminal(office, batches)
    office.window.answers = ["Show Review"]
    office.open()
    told = f"The review of {run} is there: 'bursar review {run}' prints it, too, and pays nothing again."
    await office.window.until(lambda: office.window.shown)
    summary = office.shop.summary(review)
    assert (summary.record.state, len(summary.requests)) == ("finished", 1)
    assert (batches.submitted, batches.looks) == (1, 3)
    assert office.window.asked.count(told) == 1
    (shown,) = [Path(each) for each in office.window.shown]
    assert (shown.suffix, shown.read_text(), stat.S_IMODE(shown.stat().st_mode)) == (".md", "All is well.\n", 0o600)
    await office.shop.journal.erase(everything=True)
    assert not shown.exists()


async def test_a_review_that_nobody_wants_to_see_is_not_written(office: Office) -> None:
    run, _ = await sent_from_a_terminal(office, Slow(replace(reply(text("All is well.")), request_id="msg_1")))
    office.window.answers = [None]
    office.open()
    await office.window.until(lambda: [each for each in office.window.asked if f"The review of {run}" in each])
    assert office.window.shown == []
    assert not list((office.shop.home / "questions").glob("*.review.md"))


async def test_a_batch_that_expired_is_told_and_given_back(office: Office) -> None:
    batches = Slow(NoAnswer(why="expired", message="acme says that it expired before its turn"))
    run, review = await sent_from_a_terminal(office, batches)
    office.open()
    said = await office.window.until(lambda: [each for each in office.window.said if each[0] == "warning"])
    assert said[0][1].startswith(f"The review of {run}: acme says that it expired before its turn. Nothing is owed")
    assert office.shop.summary(review).held_pico == 0
