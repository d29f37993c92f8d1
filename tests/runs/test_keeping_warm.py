"""A prompt is kept in the provider's cache while its run waits: the simulator's cache, by bytes, is the oracle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.budget import Amount
from bursar.domain.money.price import PICO_PER_USD, Rates
from bursar.domain.money.scopes import keep_warm_scope
from bursar.domain.ports import Question
from bursar.domain.runs import KEEP_WARM, RunRecord
from bursar.domain.safety.show import KEEP_WARM_CHOICES
from bursar.providers import make_provider
from bursar.runs.events import Events
from bursar.runs.keeping_warm import KeepWarm
from bursar.runs.warming import KEPT_WARM, NOT_KEPT_WARM, due, keep_warm, warm_id
from bursar.runs.world import Ceilings, Finished, Paused, World
from simulator.support import Simulator, simulator
from support.fakes import CountingIds
from support.world import ProcessDied, Workshop

MODEL = "claude-sonnet-5"
PRICES = {"input": "2", "output": "10", "cache_read": "0.20", "cache_write_5m": "2.5", "cache_write_1h": "4"}
RATES = Rates(**{bucket: Decimal(price) for bucket, price in PRICES.items()})
LONG = "\n".join(f"Rule {n}: keep function number {n} short, and say in words why it is there." for n in range(1_900))
MADE = {"name": "run_command", "input": {"argv": ["make"]}}
DONE = {"name": "finish", "input": {"summary": "Done."}}
DAY = "2026-11-21"


@dataclass
class Waits:
    """A user who lets a question wait so long, in seconds of every clock, and then allows what was asked."""

    shop: Workshop
    server: Simulator
    seconds: float
    sent_first: bool = True
    asked: list[Question] = field(default_factory=list)
    keep_warm: str | None = None

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        if question.kind == "keep_warm":
            return self.keep_warm
        begun = self.shop.clock.monotonic_s()
        if self.sent_first:
            await until(lambda: {KEPT_WARM, NOT_KEPT_WARM} & {*self.shop.kinds()})
        pass_time(self.shop, self.server, self.seconds - (self.shop.clock.monotonic_s() - begun))
        return "Once"


async def until(happened: Any) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.01)


def pass_time(shop: Workshop, server: Simulator, seconds: float) -> None:
    shop.clock.advance(seconds)
    server.hand.seconds += seconds


def asleep(shop: Workshop, server: Simulator) -> None:
    """The provider's clock goes on while the run's sleeps."""
    usual = shop.clock.sleep

    async def sleep(seconds: float) -> None:
        server.hand.seconds += seconds
        await usual(seconds)

    shop.clock.sleep = sleep  # type: ignore[method-assign]


@dataclass
class Stage:
    shop: Workshop
    server: Simulator
    provider: Any
    run: str

    async def drive(self, seconds: float, **rules: Any) -> Any:
        sent_first = rules.pop("sent_first", True)
        person = Waits(self.shop, self.server, seconds, sent_first=sent_first, keep_warm=rules.pop("answer", None))
        self.person = person
        return await self.shop.drive(self.provider, self.run, asker=person, **{"keep_warm": "on", **rules})

    async def bill(self, requests: int) -> list[dict[str, int]]:
        return [row["billed_tokens"] for row in await self.server.rows_when(requests)]


@asynccontextmanager
async def stage(
    folder: Path, *, rules: str = LONG, replies: list[dict[str, Any]] | None = None
) -> AsyncIterator[Stage]:
    scenario = {
        "models": {MODEL: {"wire": "anthropic", "prices": PRICES, "cache": {"ttl_s": 300, "min_tokens": 1024}}},
        "replies": replies
        or [{"when": {"tool_results": 0}, "tool_calls": [MADE]}, {"when": {"tool_results": 1}, "tool_calls": [DONE]}],
        "otherwise": "error",
    }
    shop = Workshop(folder / "shop")
    shop.write("AGENTS.md", rules)
    shop.prices.rates[MODEL] = RATES
    try:
        async with simulator(folder, scenario) as server:
            provider: Any = make_provider(
                name="acme",
                wire="anthropic",
                base_url=server.url,
                key=lambda: "none",
                key_name=None,
                clock=shop.clock,
                ids=CountingIds(),
            )
            asleep(shop, server)
            yield Stage(shop, server, provider, await shop.begin(provider, named=MODEL, ceiling_usd=None))
    finally:
        shop.close()


async def test_after_a_silence_the_next_request_reads_what_was_kept(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        assert isinstance(await it.drive(560), Finished)
        first, ping, then = await it.bill(3)
        assert first["cache_read"] == 0 and first["cache_write_5m"] > 20_000
        assert ping["cache_read"] >= 0.99 * sum(ping[each] for each in ping if each != "output")
        assert ping["output"] <= 1, "the shortest answer there is"
        assert then["cache_read"] >= first["cache_write_5m"], "all that the first request left there"
        told = it.shop.told(KEPT_WARM)
        assert told["hit"] and told["n"] == 1 and told["usage"]["cache_read"] == ping["cache_read"]
        assert "39 of 84" in told["saves_from"]


async def test_without_it_the_same_silence_loses_the_prompt(tmp_path: Path) -> None:
    """The control."""
    async with stage(tmp_path) as it:
        assert isinstance(await it.drive(560, keep_warm="off", sent_first=False), Finished)
        first, then = await it.bill(2)
        assert then["cache_read"] == 0 and then["cache_write_5m"] > first["cache_write_5m"]


async def test_one_request_a_silence_and_none_after_an_answer_in_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await it.drive(1_200)
        assert len(await it.bill(3)) == 3, "the question waited for twenty minutes"


async def test_it_is_in_the_books_and_not_in_the_conversation(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await it.drive(560)
        shop, run = it.shop, it.run
        own = shop.journal.requests(run=warm_id(run, 1))
        assert [each.operation for each in own] == [KEEP_WARM]
        assert [each.operation for each in shop.journal.requests(run=run)] == ["task", "task"]
        assert {*shop.steps(run)} == {"m1", "t1.0", "m2", "t2.0"}
        record = shop.journal.run(warm_id(run, 1))
        assert record is not None and (record.kind, record.about, record.state) == (KEEP_WARM, run, "finished")
        assert own[0].cost_pico is not None
        assert shop.journal.used(keep_warm_scope(DAY), "usd").charged == own[0].cost_pico
        assert shop.journal.used(keep_warm_scope("2026-11-20"), "usd").charged == 0
        assert shop.summary(run).held_pico == 0
        assert [each.run for each in shop.journal.runs()] == [run]


async def test_a_budget_of_its_own_has_the_last_word(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.shop.limits["keep-warm"] = Amount(unit="usd", value=PICO_PER_USD // 1_000)
        assert isinstance(await it.drive(560), Finished), "the run itself is not bound by it"
        assert len(await it.bill(2)) == 2
        said = it.shop.told(NOT_KEPT_WARM)["message"]
        assert "keeping prompts warm today" in said.lower() and "budget set keep-warm" in said


async def test_after_a_miss_nothing_more_is_sent_for_that_run(tmp_path: Path) -> None:
    twice = [
        {"when": {"tool_results": 0}, "tool_calls": [MADE]},
        {"when": {"tool_results": 1}, "tool_calls": [MADE]},
        {"when": {"tool_results": 2}, "tool_calls": [DONE]},
    ]
    async with stage(tmp_path, replies=twice) as it:

        def forget(kind: str) -> None:
            if kind == "approval_asked":
                it.server.hand.seconds += 400

        it.shop.on_event.append(forget)
        await it.drive(560)
        assert len(await it.bill(4)) == 4, "three requests, and one that found nothing"
        assert it.shop.kinds().count(KEPT_WARM) == 1 and not it.shop.told(KEPT_WARM)["hit"]


async def test_a_short_prompt_and_a_prompt_without_a_price_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    async with stage(tmp_path / "short", rules="Be brief.") as it:
        await it.drive(560, sent_first=False)
        assert len(await it.bill(2)) == 2
    (tmp_path / "free").mkdir()
    async with stage(tmp_path / "free") as it:
        del it.shop.prices.rates[MODEL]
        await it.drive(560, sent_first=False)
        assert len(await it.bill(2)) == 2


async def test_it_is_asked_once_and_the_answer_holds_for_later_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await it.drive(560, keep_warm="ask", answer=KEEP_WARM_CHOICES[0])
        assert [each.kind for each in it.person.asked] == ["keep_warm", "command"]
        assert "token" in it.person.asked[0].summary and "$" in it.person.asked[0].summary
        assert it.shop.journal.keep_warm() is True
        assert len(await it.bill(3)) == 3
        it.shop.events.clear()
        it.run = await it.shop.begin(it.provider, "2", named=MODEL, ceiling_usd=None)
        await it.drive(560, keep_warm="ask")
        assert [each.kind for each in it.person.asked] == ["command"]
        assert KEPT_WARM in it.shop.kinds()


async def test_a_no_is_remembered_and_a_closed_question_is_none(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await it.drive(10, keep_warm="ask", answer=None, sent_first=False)
        assert it.shop.journal.keep_warm() is None
        it.run = await it.shop.begin(it.provider, "2", named=MODEL, ceiling_usd=None)
        await it.drive(560, keep_warm="ask", answer=KEEP_WARM_CHOICES[1], sent_first=False)
        assert it.shop.journal.keep_warm() is False and KEPT_WARM not in it.shop.kinds()


async def test_a_paused_run_is_kept_warm_once_as_long_as_it_waits(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        shop = it.shop
        world, record = await paused(it)
        await KeepWarm(world, record, Events(world, it.run)).after_pause()
        await KeepWarm(world, record, Events(world, it.run)).after_pause()
        assert shop.kinds().count(KEPT_WARM) == 1 and shop.told(KEPT_WARM)["hit"]
        pass_time(shop, it.server, 200)
        await it.drive(1, keep_warm="off", sent_first=False)
        first, _, then = await it.bill(3)
        assert then["cache_read"] >= first["cache_write_5m"]


async def test_a_run_that_has_gone_on_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        world, record = await paused(it)

        async def goes_on() -> None:
            await it.drive(1, keep_warm="off", sent_first=False)

        it.shop.clock.while_asleep = goes_on
        await KeepWarm(world, record, Events(world, it.run)).after_pause()
        assert len(await it.bill(2)) == 2 and KEPT_WARM not in it.shop.kinds()


async def test_a_machine_that_slept_too_long_sends_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        world, record = await paused(it)

        async def sleeps() -> None:
            it.shop.clock.advance(9)

        it.shop.clock.while_asleep = sleeps
        await KeepWarm(world, record, Events(world, it.run)).after_pause()
        assert len(await it.bill(1)) == 1


async def test_what_stands_otherwise_now_is_not_kept(tmp_path: Path) -> None:
    """What the user dropped is gone from the next request, so nothing behind it would be read."""
    replies = [
        {"when": {"tool_results": 0}, "tool_calls": [MADE]},
        {"when": {"tool_results": 1}, "tool_calls": [MADE]},
        {"when": {"tool_results": 2}, "tool_calls": [DONE]},
    ]
    async with stage(tmp_path, replies=replies) as it:
        world, record = await paused(it, requests=2)
        assert not isinstance(due(world, record), str)
        await it.shop.journal.append_event(run=it.run, kind="context_dropped", data={"items": ["t1.0"]})
        assert "stands otherwise" in str(due(world, record))


async def test_what_a_process_that_died_had_in_flight_is_settled_when_the_run_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        shop = it.shop
        _, record = await paused(it)
        mortal = shop.mortal()
        world = shop.world(it.provider, journal=mortal, keep_warm="on")
        found = due(world, record)
        assert not isinstance(found, str)
        shop.dies_at = "before_send"
        with pytest.raises(ProcessDied):
            await keep_warm(world, record, found, Events(world, it.run))
        shop.restart()
        scope = keep_warm_scope(DAY)
        held = shop.journal.held_pico(scope)
        assert held > 0 and shop.journal.charged_pico(scope) == 0
        assert isinstance(await it.drive(1, sent_first=False), Finished)
        assert shop.journal.held_pico(scope) == 0
        assert shop.journal.used(scope, "usd").charged == held, "at most what was held"
        left = shop.journal.run(warm_id(it.run, 1))
        assert left is not None and left.state == "failed"


async def paused(it: Stage, requests: int = 1) -> tuple[World, RunRecord]:
    """The run after so many requests, waiting for its user."""
    ended = await it.drive(1, keep_warm="off", sent_first=False, ceilings=Ceilings(requests=requests))
    assert isinstance(ended, Paused) and ended.reason == "ceiling"
    record = it.shop.journal.run(it.run)
    assert record is not None
    return it.shop.world(it.provider, keep_warm="on"), record
