"""A stop in the middle of a step: what is under way is broken off at once, kept, booked, and never asked for again.

The provider's own bill is the oracle.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.money.budget import Scope
from bursar.domain.money.price import PICO_PER_USD, Rates
from bursar.domain.ports import ModelProvider, Question
from bursar.providers import Deadlines, make_provider
from bursar.runs.operations import Unanswered, ask_once
from bursar.runs.reviewing import plan_review
from bursar.runs.stopping import end_in_flight
from bursar.runs.world import Stopped
from bursar.workspace import LocalCommands
from simulator.support import GPT, Simulator, simulator
from support.world import MODEL, ScriptedModel, Workshop, call, finish, reply

DAY = Scope(kind="day", key="2026-11-21")
PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"}
WIRES = {"anthropic": MODEL, "openai-chat": GPT, "openai-responses": GPT}
LONG = {"text": " ".join(f"word{n}" for n in range(3_000)), "chunk_tokens": 1, "chunk_ms": 20}
ON_EVERY_WIRE = pytest.mark.parametrize("wire", list(WIRES))


def scenario(wire: str, *faults: dict[str, Any]) -> dict[str, Any]:
    """An answer that takes a minute to say, and nothing else."""
    return {"models": {WIRES[wire]: {"wire": wire, "prices": PRICES}}, "replies": [LONG], "faults": list(faults)}


def provider_of(shop: Workshop, server: Simulator, wire: str) -> ModelProvider:
    rates = Rates(**{name: Decimal(price) for name, price in PRICES.items()}, cache_write_1h=Decimal(4))
    shop.prices.rates[WIRES[wire]] = rates
    return make_provider(
        name="acme",
        wire=wire,
        base_url=server.url,
        key=lambda: None,
        key_name=None,
        clock=shop.clock,
        ids=shop.ids,
        deadlines=Deadlines(look_again_s=0.01),
    )


def stop_at(shop: Workshop, run: str, event: str) -> None:
    """Let another window ask for the stop as soon as this is told."""
    asked: list[asyncio.Task[bool]] = []

    def heard(kind: str) -> None:
        if kind == event and not asked:
            asked.append(asyncio.ensure_future(shop.journal.request_stop(run)))

    shop.on_event.append(heard)


def uncovered(bill: list[dict[str, Any]], shop: Workshop, run: str) -> list[str]:
    """What the provider bills and the ledger does not cover: one row for each, equal or at least as much."""
    found = []
    for billed in bill:
        owed = int(Decimal(billed["cost_usd"]) * PICO_PER_USD)
        rows = [each for each in shop.summary(run).requests if each.request_id == billed["request_id"]]
        covers = [each.cost_pico if each.certainty == "billed" else each.at_most_pico for each in rows]
        if len(rows) != 1 or covers[0] is None or covers[0] < owed:
            found.append(f"{billed['request_id']}: {owed} owed, {covers} booked")
    return found


class Forgetful:
    """A journal that takes an answer that broke off for one that was never accepted."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal

    async def settle_request(self, *, run: str, epoch: int, key: str, attempt: int, **_: Any) -> None:
        await self._journal.release_request(run=run, epoch=epoch, key=key, attempt=attempt, why="forgotten")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class DiesAtTheStop:
    """A provider whose caller is killed once the stop has broken the stream off, before anybody is told."""

    def __init__(self, provider: ModelProvider, shop: Workshop) -> None:
        self._provider = provider
        self._shop = shop

    async def give_up(self, kept: bytes, /, *, request_id: str, model: str) -> ModelReply:
        raise self._shop.death()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


@ON_EVERY_WIRE
async def test_a_stop_breaks_the_answer_off_keeps_what_had_come_and_books_it(
    shop: Workshop, tmp_path: Path, wire: str
) -> None:
    async with simulator(tmp_path, scenario(wire)) as server:
        provider = provider_of(shop, server, wire)
        run = await shop.begin(provider, named=WIRES[wire])  # type: ignore[arg-type]
        stop_at(shop, run, "request_progress")
        assert isinstance(await shop.drive(provider, run), Stopped)  # type: ignore[arg-type]
        (billed,) = await server.rows_when(1)
    record = shop.summary(run).record
    assert (record.state, record.reason) == ("failed", "stopped")
    assert (billed["outcome"], billed["billed_tokens"]["output"] < 3_000) == ("cut", True)
    assert uncovered([billed], shop, run) == []
    assert shop.journal.held_pico(DAY) == 0
    assert not list((shop.home / "inflight").iterdir())
    (step,) = shop.journal.steps(run)
    assert step.status == "failed"
    (row,) = shop.summary(run).requests
    # In the background the provider says what it is owed for the answer that it was told to end.
    assert row.certainty == ("billed" if wire == "openai-responses" else "unknown")
    assert shop.journal.verify_chain() is None
    silent = ScriptedModel(clock=shop.clock)
    assert isinstance(await shop.drive(silent, run), Stopped)
    assert silent.bodies == []


async def test_the_check_finds_an_answer_that_was_broken_off_and_forgotten(shop: Workshop, tmp_path: Path) -> None:
    async with simulator(tmp_path, scenario("anthropic")) as server:
        provider = provider_of(shop, server, "anthropic")
        run = await shop.begin(provider)  # type: ignore[arg-type]
        stop_at(shop, run, "request_progress")
        forgetful = Forgetful(shop.journal)
        assert isinstance(await shop.drive(provider, run, journal=forgetful), Stopped)  # type: ignore[arg-type]
        rows = await server.rows_when(1)
    assert len(uncovered(rows, shop, run)) == 1


async def test_what_had_come_is_in_the_journal(shop: Workshop, tmp_path: Path) -> None:
    async with simulator(tmp_path, scenario("anthropic")) as server:
        provider = provider_of(shop, server, "anthropic")
        run = await shop.begin(provider)  # type: ignore[arg-type]
        stop_at(shop, run, "request_progress")
        await shop.drive(provider, run)  # type: ignore[arg-type]
    (step,) = shop.journal.steps(run)
    ((said,),) = (step.result or {}).values()
    assert LONG["text"].startswith(said["text"].strip())  # type: ignore[attr-defined]
    assert said["text"].strip()


async def test_an_answer_that_cannot_be_ended_now_is_booked_at_most(shop: Workshop, tmp_path: Path) -> None:
    async with simulator(tmp_path, scenario("openai-responses")) as server:
        provider = provider_of(shop, server, "openai-responses")
        run = await shop.begin(provider, named=GPT)  # type: ignore[arg-type]
        gone: list[asyncio.Task[None]] = []

        async def stop_and_end_the_provider() -> None:
            await shop.journal.request_stop(run)
            await server.stop()

        def heard(kind: str) -> None:
            if kind == "request_progress" and not gone:
                gone.append(asyncio.ensure_future(stop_and_end_the_provider()))

        shop.on_event.append(heard)
        assert isinstance(await shop.drive(provider, run), Stopped)  # type: ignore[arg-type]
        assert uncovered(server.rows(), shop, run) == []
    (row,) = shop.summary(run).requests
    assert (row.certainty, row.cost_pico) == ("unknown", None)
    assert shop.journal.held_pico(DAY) == 0


@pytest.mark.parametrize("who", ["next owner", "whoever stops it"])
async def test_a_background_answer_of_a_dead_process_is_ended_and_not_fetched(
    shop: Workshop, tmp_path: Path, who: str
) -> None:
    """The wish came and the process died: who comes next does not wait a minute for an answer that nobody wants."""
    async with simulator(tmp_path, scenario("openai-responses")) as server:
        provider = provider_of(shop, server, "openai-responses")
        run = await shop.begin(provider, named=GPT)  # type: ignore[arg-type]
        if who == "next owner":
            stop_at(shop, run, "request_progress")
            await shop.die(DiesAtTheStop(provider, shop), run)  # type: ignore[arg-type]
            shop.on_event.clear()
        else:
            shop.dies_at = "mid_stream"
            await shop.die(provider, run)  # type: ignore[arg-type]
        assert shop.journal.held_pico(DAY) > 0
        if who == "next owner":
            assert shop.summary(run).record.stop_requested
            assert isinstance(await shop.drive(provider, run), Stopped)  # type: ignore[arg-type]
        else:
            await end_in_flight(shop.world(provider), run)  # type: ignore[arg-type]
            assert await shop.journal.request_stop(run)
        (billed,) = await server.rows_when(1)
    assert billed["outcome"] == "cut"
    assert uncovered([billed], shop, run) == []
    (row,) = shop.summary(run).requests
    assert row.certainty == "billed"
    assert shop.journal.held_pico(DAY) == 0


async def test_a_stop_before_the_provider_has_answered_books_at_most(shop: Workshop) -> None:
    """It was sent: whether it is billed nobody knows."""

    async def never(body: bytes) -> ModelReply:
        await shop.journal.request_stop(run)
        await asyncio.Event().wait()
        raise AssertionError

    model = ScriptedModel(never, clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run), Stopped)
    (row,) = shop.summary(run).requests
    assert (row.certainty, row.cost_pico, row.at_most_pico > 0) == ("unknown", None, True)
    assert shop.journal.held_pico(DAY) == 0


async def test_a_stop_ends_a_command_with_all_that_it_started_and_leaves_it_in_doubt(
    shop: Workshop, tmp_path: Path
) -> None:
    beat = (
        "import os,subprocess,sys,time; child=subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)']); "
        "open('pids','w').write(f'{os.getpid()} {child.pid}'); time.sleep(600)"
    )
    argv = [sys.executable, "-c", beat]
    commands = LocalCommands(shop.root, env={"PATH": "/usr/bin:/bin"})
    model = ScriptedModel(reply(call("run_command", argv=argv)), clock=shop.clock)
    run = await shop.begin(model)
    written = shop.root / "pids"

    async def stop_once_it_runs() -> None:
        while not (written.exists() and len(written.read_text().split()) == 2):
            await asyncio.sleep(0.01)
        await shop.journal.request_stop(run)

    stopping = asyncio.ensure_future(stop_once_it_runs())
    rules: dict[str, Any] = {"commands": commands, "allowed_commands": frozenset({tuple(argv)})}
    assert isinstance(await shop.drive(model, run, **rules), Stopped)
    await stopping
    assert [each for each in written.read_text().split() if _runs(int(each))] == []
    assert shop.steps(run)["t1.0"].status == "in_doubt"
    assert [each.key for each in shop.summary(run).in_doubt] == ["t1.0"]
    assert shop.summary(run).record.state == "failed"


async def test_a_stop_ends_a_question(shop: Workshop) -> None:
    class Nobody:
        closed = False

        async def ask(self, question: Question) -> str | None:
            await shop.journal.request_stop(run)
            try:
                await asyncio.Event().wait()
            finally:
                self.closed = True
            return None

    nobody = Nobody()
    model = ScriptedModel(reply(call("run_command", argv=["ls"])), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, asker=nobody), Stopped)
    assert (nobody.closed, shop.programs.ran) == (True, [])


async def test_a_stop_ends_a_review_that_is_under_way(shop: Workshop) -> None:
    _, _, summary = await shop.play(reply(call("write_file", path="a.py", content="x = 1\n")), finish())

    async def never(body: bytes) -> ModelReply:
        await shop.journal.request_stop("review-1")
        await asyncio.Event().wait()
        raise AssertionError

    world = shop.world(ScriptedModel(never, clock=shop.clock))
    plan = plan_review(world, run="review-1", about=summary.record.run, model=MODEL, ceiling_pico=PICO_PER_USD)
    found = await ask_once(world, plan.planned)
    assert isinstance(found, Unanswered)
    assert found.reason == "stopped"
    assert shop.summary("review-1").record.state == "failed"
    assert shop.journal.held_pico(DAY) == 0


async def test_what_is_erased_holds_nothing_and_stays_spent(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_at = "mid_stream"
    await shop.die(model, run)
    held = shop.journal.held_pico(DAY)
    assert held > 0
    assert await shop.journal.erase(run=run) == 1
    assert (shop.journal.held_pico(DAY), shop.journal.charged_pico(DAY)) == (0, held)
    shop.restart()
    assert (shop.journal.held_pico(DAY), shop.journal.charged_pico(DAY)) == (0, held)
    assert shop.journal.verify_chain() is None


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
