"""A review through the batch API, over HTTP to the simulated provider: sent once, billed once, at the batch rate."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.batches import Batches, BatchSeen, NoAnswer
from bursar.domain.conversation import Message, ModelReply, ModelRequest, Text
from bursar.domain.errors import AnswerAway, BadInput, OwnedElsewhere, Refused
from bursar.domain.money.budget import Amount, Scope
from bursar.domain.money.price import PICO_PER_USD, Rates, usd_text
from bursar.domain.ports import ModelProvider
from bursar.domain.routes import LocalOnly
from bursar.providers import make_provider
from bursar.runs.assemble import FirstRequest
from bursar.runs.batching import Ended, Pending, cancel_batch, fetch_batch, pending_batches, submit_batch
from bursar.runs.operations import Answered, Unanswered, ask_once
from bursar.runs.reviewing import plan_review
from bursar.runs.world import World
from bursar.simulator import Clock, parse_scenario, serve
from support.world import MODEL, MortalJournal, ProcessDied, ScriptedModel, Workshop, call, finish, reply

SAID = "src/app.py: the rate is wrong."
GPT = "gpt-6-sol"
HALF_GPT = Rates(
    input=Decimal(1),
    output=Decimal(5),
    cache_read=Decimal("0.1"),
    cache_write_5m=Decimal("1.25"),
    cache_write_1h=Decimal("1.25"),
)
WIRES = pytest.mark.parametrize("wire", ["anthropic", "openai-chat"])


class DiesAfter:
    """A batch API whose caller is killed once the provider has the batch."""

    def __init__(self, real: Batches, shop: Workshop) -> None:
        self.delay = real.delay
        self._real = real
        self._shop = shop

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        await self._real.submit(custom_id=custom_id, body=body)
        raise self._shop.death()

    async def look(self, batch: str) -> BatchSeen:
        return await self._real.look(batch)

    async def cancel(self, batch: str) -> BatchSeen:
        return await self._real.cancel(batch)

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        return await self._real.result(batch, custom_id=custom_id, model=model)

    async def since(self, moment: str) -> tuple[BatchSeen, ...]:
        return await self._real.since(moment)


@dataclass
class Desk:
    """A finished run that can be reviewed, and a provider with a batch API."""

    shop: Workshop
    folder: Path
    run: str
    url: str
    wire: str = "anthropic"

    @property
    def model(self) -> str:
        return MODEL if self.wire == "anthropic" else GPT

    def provider(self, *, wire: str | None = None) -> ModelProvider:
        return make_provider(
            name="acme",
            wire=wire or self.wire,
            base_url=self.url,
            key=lambda: None,
            key_name=None,
            clock=self.shop.clock,
            ids=self.shop.ids,
        )

    def world(self, **rules: Any) -> World:
        return self.shop.world(rules.pop("provider", None) or self.provider(), **rules)  # type: ignore[arg-type]

    async def submit(self, **rules: Any) -> Answered | Pending | Unanswered | Ended:
        world = self.world(**rules)
        plan = await asyncio.to_thread(
            plan_review,
            world,
            run=self.shop.ids.new("review"),
            about=self.run,
            model=self.model,
            ceiling_pico=PICO_PER_USD,
            batch=True,
        )
        return await submit_batch(world, plan.planned)

    async def fetch(self, run: str, **rules: Any) -> Answered | Pending | Ended:
        return await fetch_batch(self.world(**rules), run)

    async def batches(self) -> int:
        """How many batches the provider has made, from its own list."""
        batches = self.provider().batches()
        assert batches is not None
        return len(await batches.since("2000-01-01T00:00:00Z"))

    def bill(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.folder / "bill.json").read_text())["requests"]
        return rows

    def pending(self) -> list[str]:
        return [each.record.run for each in pending_batches(self.shop.journal, str(self.shop.root))]


@contextlib.asynccontextmanager
async def desk(shop: Workshop, folder: Path, *, wire: str = "anthropic", **scenario: Any) -> AsyncIterator[Desk]:
    _, _, summary = await shop.play(
        reply(call("write_file", path="src/app.py", content="rate = 1\n")), finish(), task="1"
    )
    urls: asyncio.Queue[str] = asyncio.Queue()
    replies = [{"when": {"contains": "Review what this run changed"}, "text": SAID}]
    job = asyncio.create_task(
        serve(
            scenario=parse_scenario({"replies": replies, **scenario}),
            bill_path=folder / "bill.json",
            log_path=folder / "log.jsonl",
            ready=urls.put_nowait,
            clock=Clock(wall=lambda: shop.clock.now, monotonic=shop.clock.monotonic_s),
        )
    )
    try:
        shop.prices.batch_rates[GPT] = HALF_GPT
        yield Desk(shop, folder, summary.record.run, await urls.get(), wire)
    finally:
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


@WIRES
async def test_a_batch_is_waited_for_fetched_once_and_costs_half(shop: Workshop, tmp_path: Path, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, batches=[{"looks": 1}]) as bench:
        sent = await bench.submit()
        assert isinstance(sent, Pending)
        assert sent.batch is not None
        assert "up to 24 hours" in sent.detail
        record = shop.summary(sent.run)
        assert (record.record.state, record.record.reason) == ("paused", "batch")
        assert 0 < record.held_pico == shop.steps(sent.run)["m1"].hold_pico
        assert bench.pending() == [sent.run]
        assert isinstance(await bench.fetch(sent.run), Pending)
        assert bench.bill() == []
        found = await bench.fetch(sent.run)
        assert isinstance(found, Answered)
        assert found.text == SAID
        (row,) = shop.summary(sent.run).requests
        (bill,) = bench.bill()
        assert (row.request_id, usd_text(row.cost_pico or 0)) == (bill["request_id"], bill["cost_usd"])
        usual_prices = ("2", "0.10" if wire == "anthropic" else "0.2", "2.5", "4", "10")
        usual = sum(
            tokens * Decimal(price) for tokens, price in zip(bill["billed_tokens"].values(), usual_prices, strict=True)
        )
        assert Decimal(bill["cost_usd"]) * 2 * 10**6 == usual > 0
        assert shop.summary(sent.run).held_pico == 0
        assert bench.pending() == []
        again = await bench.submit()
        assert isinstance(again, Answered)
        assert again.was_there
        assert (await bench.batches(), len(bench.bill())) == (1, 1)


async def test_the_same_command_does_not_send_it_again(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path, batches=[{"looks": 3}]) as bench:
        sent = await bench.submit()
        shop.restart()
        again = await bench.submit()
        assert isinstance(sent, Pending)
        assert isinstance(again, Pending)
        assert (again.run, again.batch) == (sent.run, sent.batch)
        world = bench.world()
        plan = plan_review(world, run="review-x", about=bench.run, model=MODEL, ceiling_pico=PICO_PER_USD)
        without = await ask_once(world, plan.planned)
        assert isinstance(without, Unanswered)
        assert without.reason == "batch"
        assert (await bench.batches(), bench.bill()) == (1, [])


@pytest.mark.parametrize("dies", ["after_intent", "before_result", "after_result"])
async def test_a_killed_process_neither_sends_nor_pays_again(shop: Workshop, tmp_path: Path, dies: str) -> None:
    async with desk(shop, tmp_path) as bench:
        run = None
        if dies != "after_intent":
            sent = await bench.submit()
            run = sent.run
        mortal = MortalJournal(shop.journal)
        shop._mortal = mortal
        shop.dies_at = dies
        with pytest.raises(ProcessDied):
            await (bench.submit(journal=mortal) if run is None else bench.fetch(run, journal=mortal))
        shop.restart()
        if run is None:
            # Nothing was sent; it is certain once a batch would be in the list.
            (run,) = bench.pending()
            assert isinstance(await bench.submit(), Pending)
            shop.clock.advance(601)
            ended = await bench.fetch(run)
            assert isinstance(ended, Ended)
            assert (ended.outcome, shop.summary(run).held_pico) == ("not_taken", 0)
            sent = await bench.submit()
            assert isinstance(sent, Pending)
            run = sent.run
        found = await bench.fetch(run)
        assert isinstance(found, Answered)
        assert found.text == SAID
        assert [each.certainty for each in shop.summary(run).requests] == ["billed"]
        assert (await bench.batches(), len(bench.bill())) == (1, 1)
        assert shop.summary(run).held_pico == 0


@WIRES
@pytest.mark.parametrize("looks", [0, 1])
async def test_a_kill_between_the_sending_and_the_note_of_it(
    shop: Workshop, tmp_path: Path, looks: int, wire: str
) -> None:
    """The provider's own list and its results say whether there is a batch; nothing is sent again before."""
    async with desk(shop, tmp_path, wire=wire, batches=[{"looks": looks}]) as bench:
        provider = bench.provider()
        real = provider.batches()
        assert real is not None
        provider.batches = lambda: DiesAfter(real, shop)  # type: ignore[method-assign]
        mortal = MortalJournal(shop.journal)
        shop._mortal = mortal
        with pytest.raises(ProcessDied):
            await bench.submit(journal=mortal, provider=provider)
        shop.restart()
        shop.clock.advance(3_600)
        (run,) = bench.pending()
        unsure = await bench.submit()
        assert isinstance(unsure, Pending)
        assert unsure.batch is None
        assert "1 batches of that time have not ended" in unsure.detail
        (only,) = await real.since("2000-01-01T00:00:00Z")
        for _ in range(looks + 1):
            await real.look(only.batch)
        found = await bench.fetch(run)
        assert isinstance(found, Answered)
        assert (await bench.batches(), len(bench.bill())) == (1, 1)
        assert usd_text(shop.summary(run).cost_pico) == bench.bill()[0]["cost_usd"]


@WIRES
async def test_an_answer_to_the_sending_that_never_came(shop: Workshop, tmp_path: Path, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, faults=[{"kind": "cut"}]) as bench:
        sent = await bench.submit()
        assert isinstance(sent, Pending)
        assert sent.batch is None
        assert "not known whether the batch was made" in sent.detail
        assert shop.summary(sent.run).held_pico > 0
        real = bench.provider().batches()
        assert real is not None
        (only,) = await real.since("2000-01-01T00:00:00Z")
        await real.look(only.batch)
        assert isinstance(await bench.submit(), Answered)
        assert (await bench.batches(), len(bench.bill())) == (1, 1)


@WIRES
@pytest.mark.parametrize("outcome", ["expired", "canceled", "errored"])
async def test_a_batch_without_an_answer_owes_nothing(shop: Workshop, tmp_path: Path, outcome: str, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, batches=[{"outcome": outcome}]) as bench:
        sent = await bench.submit()
        ended = await bench.fetch(sent.run)
        assert isinstance(ended, Ended)
        assert ended.outcome == outcome
        assert "Nothing is owed" in ended.detail
        summary = shop.summary(sent.run)
        assert (summary.record.state, summary.record.reason) == ("failed", outcome)
        assert (summary.held_pico, summary.cost_pico, summary.requests) == (0, 0, ())
        assert [each["cost_usd"] for each in bench.bill()] == ["0"]
        assert bench.pending() == []
        again = await bench.submit()
        assert isinstance(again, Pending)
        assert again.run != sent.run


async def test_a_provider_that_is_away_learns_nothing(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path) as bench:
        sent = await bench.submit()
        url, bench.url = bench.url, "http://127.0.0.1:9"
        with pytest.raises(AnswerAway):
            await bench.fetch(sent.run)
        assert bench.pending() == [sent.run]
        assert shop.summary(sent.run).held_pico > 0
        bench.url = url
        assert isinstance(await bench.fetch(sent.run), Answered)


@WIRES
async def test_a_refused_batch_is_released(shop: Workshop, tmp_path: Path, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, require_key="k") as bench:
        refused = await bench.submit()
        assert isinstance(refused, Unanswered)
        assert "refused the key" in refused.detail
        assert shop.summary(refused.run).held_pico == 0
        assert bench.pending() == []


async def test_what_cannot_go_through_a_batch_api(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path) as bench:
        with pytest.raises(Refused, match="no batch API that is known"):
            await bench.submit(provider=bench.provider(wire="openai-responses"))
        shop.prices.batch_rates = {}
        with pytest.raises(BadInput, match="No batch price is known"):
            await bench.submit()
        shop.prices.batch_rates = dict(shop.prices.rates)
        shop.day_limit = Amount(unit="usd", value=1_000)
        poor = await bench.submit()
        assert isinstance(poor, Unanswered)
        assert poor.reason == "budget"
        world = bench.world()
        plan = plan_review(world, run="review-x", about=bench.run, model=MODEL, ceiling_pico=None)
        with_tools = FirstRequest(system="s", shared="s", task="t").to_json()
        from dataclasses import replace

        with pytest.raises(Refused, match="tools"):
            await submit_batch(world, replace(plan.planned, first_request=with_tools))
        batches = bench.provider().batches()
        assert batches is not None
        body = bench.provider().body(_with_tools())
        with pytest.raises(BadInput, match="tools"):
            await batches.submit(custom_id="x", body=body)
        assert (await bench.batches(), bench.bill()) == (0, [])


async def test_what_stays_on_this_machine_enters_no_batch_elsewhere(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path) as bench:
        away = bench.provider()
        away.is_loopback = False
        local = LocalOnly(paths=("src/**",))
        stayed = await bench.submit(provider=away, local_only=local)
        assert isinstance(stayed, Unanswered)
        assert "stays on this machine" in stayed.detail
        assert await bench.batches() == 0
        assert isinstance(await bench.submit(local_only=local), Pending)
        assert await bench.batches() == 1


@WIRES
async def test_a_batch_that_is_stopped_is_cancelled_and_owes_nothing(shop: Workshop, tmp_path: Path, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, batches=[{"looks": 50}]) as bench:
        sent = await bench.submit()
        assert shop.journal.held_pico(Scope(kind="day", key="2026-11-21")) > 0
        found = await cancel_batch(bench.world(), sent.run)
        assert isinstance(found, Ended)
        assert found.outcome == "canceled"
        assert [each["cost_usd"] for each in bench.bill()] in ([], ["0"])
    assert shop.summary(sent.run).requests == ()
    assert shop.summary(sent.run).held_pico == 0
    assert shop.summary(sent.run).record.state == "failed"


@WIRES
async def test_what_a_batch_had_done_before_it_was_stopped_is_booked(shop: Workshop, tmp_path: Path, wire: str) -> None:
    async with desk(shop, tmp_path, wire=wire, batches=[{"looks": 0}]) as bench:
        sent = await bench.submit()
        assert isinstance(sent, Pending)
        batches = bench.provider().batches()
        assert batches is not None
        assert sent.batch is not None
        assert (await batches.look(sent.batch)).ended
        assert isinstance(await cancel_batch(bench.world(), sent.run), Answered)
        (billed,) = bench.bill()
    (row,) = shop.summary(sent.run).requests
    assert row.cost_pico is not None
    assert (row.request_id, usd_text(row.cost_pico)) == (billed["request_id"], billed["cost_usd"])
    assert shop.summary(sent.run).held_pico == 0


async def test_a_batch_that_cannot_be_cancelled_now_stays_as_it_is(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path, batches=[{"looks": 50}]) as bench:
        sent = await bench.submit()
        held = shop.summary(sent.run).held_pico
    with pytest.raises(BadInput, match="stop it later"):
        await cancel_batch(bench.world(), sent.run)
    assert shop.summary(sent.run).held_pico == held > 0
    assert shop.summary(sent.run).record.state == "paused"


async def test_two_windows_fetch_once(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path) as bench:
        sent = await bench.submit()
        other = shop.open_again()
        both = await asyncio.gather(bench.fetch(sent.run), bench.fetch(sent.run, journal=other), return_exceptions=True)
        other.close()
        assert any(isinstance(each, Answered) for each in both)
        assert all(isinstance(each, Answered | OwnedElsewhere) for each in both), both
        assert len(shop.summary(sent.run).requests) == 1
        assert len(bench.bill()) == 1


async def test_an_ordinary_run_is_no_batch(shop: Workshop, tmp_path: Path) -> None:
    async with desk(shop, tmp_path) as bench:
        model = ScriptedModel(reply(Text(text="fine")), clock=shop.clock)
        world = shop.world(model)
        plan = plan_review(world, run="review-x", about=bench.run, model=MODEL, ceiling_pico=None)
        answered = await ask_once(world, plan.planned)
        assert isinstance(answered, Answered)
        assert bench.pending() == []


def _with_tools() -> ModelRequest:
    from bursar.runs.tools import TOOLS

    hello = Message(role="user", blocks=(Text(text="hello"),))
    return ModelRequest(model=MODEL, system="s", tools=TOOLS, messages=(hello,), max_tokens=10)
