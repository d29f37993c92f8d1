"""The attempts of one request: how long is waited between them, how often it is sent, and what ends a wait."""

from __future__ import annotations

import json

import pytest

from bursar.domain.errors import AnswerCut, LimitReached, Overloaded, ProviderError, Unreachable
from bursar.runs.world import Ceilings, Finished, Paused, Stopped
from support.fakes import ToldJitter
from support.world import ScriptedModel, Workshop, call, finish, reply

UNSEEN = "the answer broke off"


def limit(seconds: float | None) -> LimitReached:
    return LimitReached("the limit is reached", retry_after_s=seconds)


def cut(kept: bytes = b"") -> AnswerCut:
    return AnswerCut(UNSEEN, text_seen=bool(kept), output_chars=len(kept))


async def test_what_was_asked_for_is_waited_and_up_to_a_tenth_more(shop: Workshop) -> None:
    shop.jitter = ToldJitter(0.5)
    outcome, _, _ = await shop.play(limit(20.0), finish())
    assert isinstance(outcome, Finished)
    assert shop.clock.slept_s == pytest.approx(21.0, abs=0.01)
    assert shop.told("waiting")["seconds"] == 21.0


async def test_without_a_word_each_wait_is_a_share_of_a_bound_that_doubles(shop: Workshop) -> None:
    shop.jitter = ToldJitter(0.5, 0.25, 0.75)
    outcome, model, _ = await shop.play(limit(None), Overloaded("busy"), Unreachable("no connection"), finish())
    assert isinstance(outcome, Finished)
    waited = [data["seconds"] for kind, data in shop.events if kind == "waiting"]
    assert waited == [0.5, 0.5, 3.0]
    assert [data["reason"] for kind, data in shop.events if kind == "waiting"] == ["limit", "provider", "provider"]
    assert len(model.bodies) == 4


async def test_all_waits_of_one_request_together_are_bounded(shop: Workshop) -> None:
    """150 s and 120 s fit into 300 s, 60 s more do not: the run is parked until the moment that was named."""
    outcome, model, summary = await shop.play(limit(150.0), limit(120.0), limit(60.0), finish())
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("limit", 3)
    assert shop.clock.slept_s == pytest.approx(270.0, abs=0.01)
    assert outcome.resume_at == "2026-11-21T08:05:30.000Z"
    assert summary.held_pico == 0


async def test_the_next_request_has_its_own_bound(shop: Workshop) -> None:
    reads = reply(call("list_files", path="."))
    outcome, _, _ = await shop.play(limit(200.0), reads, limit(200.0), finish())
    assert isinstance(outcome, Finished)


async def test_a_wait_that_is_too_long_at_once_is_not_begun(shop: Workshop) -> None:
    shop.jitter = ToldJitter(usual=0.5)
    outcome, model, _ = await shop.play(limit(100.0), ceilings=Ceilings(wait_s=60.0))
    assert isinstance(outcome, Paused)
    assert (outcome.resume_at, shop.clock.slept_s) == ("2026-11-21T08:01:45.000Z", 0)
    assert len(model.bodies) == 1
    assert "'bursar resume run-000001'" in outcome.detail


async def test_after_four_attempts_nothing_is_sent_again_by_itself(shop: Workshop) -> None:
    outcome, model, _ = await shop.play(*[limit(1.0)] * 4)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, outcome.resume_at, len(model.bodies)) == ("limit", None, 4)


async def test_a_wish_to_stop_ends_the_run_within_the_wait(shop: Workshop) -> None:
    model = ScriptedModel(limit(200.0), clock=shop.clock)
    run = await shop.begin(model)
    shop.clock.while_asleep = lambda: shop.journal.request_stop(run)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Stopped)
    assert shop.clock.slept_s <= 0.3
    assert shop.summary(run).record.state == "failed"
    assert len(model.bodies) == 1


async def test_trust_that_is_withdrawn_ends_the_wait(shop: Workshop) -> None:
    trusted = [True]
    model = ScriptedModel(limit(200.0), clock=shop.clock)
    run = await shop.begin(model)

    async def withdraw() -> None:
        trusted[0] = False

    shop.clock.while_asleep = withdraw
    outcome = await shop.drive(model, run, trusted=lambda: trusted[0])
    assert isinstance(outcome, Paused)
    assert "no longer trusted" in outcome.detail
    assert shop.clock.slept_s <= 0.3


# --- what may be billed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [limit(1.0), Overloaded("busy"), Unreachable("no connection")])
async def test_a_refusal_before_does_not_use_up_the_one_repeat_of_a_cut_answer(
    shop: Workshop, first: ProviderError
) -> None:
    outcome, model, summary = await shop.play(first, cut(), finish())
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 3
    assert [each.certainty for each in summary.requests] == ["unknown", "billed"]


async def test_a_cut_answer_is_repeated_once_whatever_comes_between(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(cut(), limit(1.0), cut())
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("cut", 3)
    assert len(summary.requests) == 2


def arrived(*datas: dict[str, object]) -> bytes:
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in datas)


START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}}
TEXT = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I shall list"}},
]
CALL = [
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "c7", "name": "write_file", "input": {"path": "x", "text": "y"}},
    },
    {"type": "content_block_stop", "index": 1},
]


class Cutting(ScriptedModel):
    """Keeps these bytes before each answer that breaks off with text."""

    def __init__(self, kept: bytes, *script: object, shop: Workshop) -> None:
        super().__init__(*script, clock=shop.clock)  # type: ignore[arg-type]
        self._kept_bytes = kept

    async def send(self, body, /, *, on_stream, keep):  # type: ignore[no-untyped-def]
        def keep_these(data: bytes) -> None:
            keep(self._kept_bytes if data == b"event: message_start\n" else data)

        return await super().send(body, on_stream=on_stream, keep=keep_these)


async def test_resume_goes_on_from_what_arrived(shop: Workshop) -> None:
    data = arrived(START, *TEXT)
    model = Cutting(data, cut(data), reply(call("list_files", path=".")), finish(), shop=shop)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("cut", 1)
    assert outcome.detail.endswith("Resume goes on from what arrived.")
    assert isinstance(await shop.drive(model, run), Finished)
    first, second, third = (each["messages"] for each in model.requests)
    assert [each["role"] for each in second] == ["user", "assistant", "user"]
    assert unmarked(second[:1]) == unmarked(first)
    assert second[1]["content"][0]["text"] == "I shall list"
    assert unmarked(third[:3]) == unmarked(second), "what was said stays said, byte for byte"
    assert [each.certainty for each in shop.summary(run).requests] == ["unknown", "billed", "billed"]


async def test_a_call_of_an_answer_that_broke_off_is_told_back_and_never_run(shop: Workshop) -> None:
    data = arrived(START, *TEXT, *CALL)
    model = Cutting(data, cut(data), finish(), shop=shop)
    run = await shop.begin(model)
    await shop.drive(model, run)
    assert isinstance(await shop.drive(model, run), Finished)
    said, told = model.requests[1]["messages"][1:]
    assert [each["type"] for each in said["content"]] == ["text", "tool_use"]
    assert told["content"][0]["type"] == "tool_result"
    assert told["content"][0]["is_error"]
    assert not (shop.root / "x").exists()
    assert [each.key for each in shop.journal.steps(run) if each.kind != "model"] == ["t1.0"]
    assert shop.steps(run)["t1.0"].intent["tool"] == "finish"


async def test_a_killed_process_loses_nothing_of_what_had_arrived(shop: Workshop) -> None:
    data = arrived(START, *TEXT)
    model = Cutting(data, cut(data), finish(), shop=shop)
    run = await shop.begin(model)
    shop.dies_at = "mid_stream"
    await shop.die(model, run)
    model.script = [finish()]
    assert isinstance(await shop.drive(model, run), Finished)
    assert len(model.bodies) == 2
    assert model.requests[1]["messages"][1]["content"][0]["text"] == "I shall list"
    assert [each.certainty for each in shop.summary(run).requests] == ["unknown", "billed"]


def unmarked(messages: list[dict[str, object]]) -> str:
    """The messages without their cache marks, which move on with each request."""
    return json.dumps(messages).replace('"cache_control": {"type": "ephemeral"}, ', "")
