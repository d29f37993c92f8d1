"""The first target of a route is faulty, the second is good, in each pair of formats: who is asked, how often, what it
cost.

What holds in every cell: all targets together are asked at most four times; what may be billed is repeated at most
once; an answer of which something was seen is never asked for again, but gone on with; each row of the ledger names
the target that was asked; nothing stays held.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.conversation import Text
from bursar.domain.money.budget import Scope
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.pacing import Window
from bursar.domain.ports import ModelProvider
from bursar.domain.routes import Route, Target
from bursar.providers import Deadlines, make_provider
from bursar.runs.circuits import Circuits
from bursar.runs.pace import Pace
from bursar.runs.world import Finished, Outcome, Paused, Way, Ways
from providers.support import WIRES, begun
from simulator.support import CLAUDE, GPT, simulator
from support.fault_server import LAST_CHUNK, FaultServer, Hold, Reset, chunk, fault_server, head
from support.world import DEAR, MODEL, RATES, Workshop

from .answers import Script, broke, calls, good, ok, raw, started, status, stream

DAY = Scope(kind="day", key="2026-11-21")
PAIRS = list(zip(WIRES, [*WIRES[1:], WIRES[0]], strict=True))


# Only what stands still is given up soon: a good answer may be slow on a busy machine.
PATIENT = Deadlines(connect_s=10.0, first_byte_s=30.0, progress_s=30.0, total_s=60.0, look_again_s=0.01)
HASTY = replace(PATIENT, first_byte_s=0.4, progress_s=0.4)
STANDS_STILL = ("stands still", "never come", "stall")


def at(
    shop: Workshop, name: str, wire: str, url: str, *, key: str | None = "k", deadlines: Deadlines = PATIENT
) -> ModelProvider:
    return make_provider(
        name=name,
        wire=wire,
        base_url=url,
        key=lambda: key,
        key_name="K",
        clock=shop.clock,
        ids=shop.ids,
        deadlines=deadlines,
    )


def patience_with(fault: str) -> Deadlines:
    return HASTY if any(each in fault for each in STANDS_STILL) else PATIENT


def in_order(*ways: Way, balance: bool = False) -> Ways:
    return Ways(route=Route(chain=tuple(each.target for each in ways), name="r", balance=balance), chain=ways)


@dataclass
class Two:
    """Two servers behind one route."""

    shop: Workshop
    servers: tuple[FaultServer, FaultServer]
    ways: tuple[Way, Way]
    run: str = ""

    async def drive(self, **rules: Any) -> Outcome:
        first = self.ways[0]
        self.run = self.run or await self.shop.begin(first.provider, named=first.model)  # type: ignore[arg-type]
        return await self.shop.drive(
            first.provider,  # type: ignore[arg-type]
            self.run,
            **{"ways": in_order(*self.ways), "provider_named": self.named, **rules},
        )

    def named(self, name: str) -> ModelProvider | None:
        return next((each.provider for each in self.ways if each.provider.name == name), None)

    @property
    def asked(self) -> tuple[int, int]:
        """How often each was asked; what is fetched of an answer that is there is not asked for again."""
        first, second = (len([each for each in s.received if each.line.startswith("POST")]) for s in self.servers)
        return first, second


@asynccontextmanager
async def two(
    shop: Workshop, wires: tuple[str, str] = ("anthropic", "openai-chat"), *, same: bool = False, **how: Any
) -> AsyncIterator[Two]:
    """Two targets; with ``same`` they are two models of one provider."""
    shop.prices.rates |= {"one": RATES, "other": RATES}
    async with fault_server() as a, fault_server() as b:
        first = at(shop, "acme", wires[0], f"{a.url}/v1", **how)
        second = at(shop, "acme" if same else "beta", wires[1], f"{b.url}/v1")
        ways = (Way(provider=first, model="one"), Way(provider=second, model="other"))
        yield Two(shop, (a, b), ways)


@dataclass(frozen=True)
class Cell:
    """A fault of the first target; how often each is asked, and the certainty of what each is booked as."""

    name: str
    script: Script
    asked: tuple[int, int]
    booked: tuple[str, ...] = ("billed",)
    end: str = "done"


CELLS = [
    Cell("F06 key refused", status(401), (1, 1)),
    Cell("F07 payment required", status(402), (1, 1)),
    Cell("F07 spend limit", status(403, kind="billing_error"), (1, 1)),
    Cell("F16 quota used up", status(429, kind="insufficient_quota"), (1, 1)),
    Cell("F04 invalid request", status(400), (1, 0), (), "provider"),
    Cell("F08 model not known", status(404), (1, 0), (), "provider"),
    Cell("F11 too large", status(413), (1, 0), (), "provider"),
    Cell("F03 redirect", status(307), (1, 0), (), "provider"),
    Cell("F13 429 once", status(429, "retry-after: 2"), (2, 0)),
    Cell("F13 429 and again", status(429, "retry-after: 2", times=2), (2, 1)),
    Cell("F14 429 for a day", status(429, "retry-after: 86400"), (1, 1)),
    Cell("F17 500", status(500), (1, 1), ("unknown", "billed")),
    Cell("F17 502", status(502), (1, 1), ("unknown", "billed")),
    Cell("F09 408", status(408), (2, 0), ("unknown", "billed")),
    Cell("F09 408 twice", status(408, times=2), (2, 0), ("unknown", "unknown"), "cut"),
    Cell("F18 503 once", status(503), (2, 0)),
    Cell("F18 503 and again", status(503, times=2), (2, 1)),
    Cell("F18 503 with a long wait", status(503, "retry-after: 900"), (1, 1)),
    Cell("F19 529 and again", status(529, times=2), (2, 1)),
    Cell("F22 headers never come", raw(Hold()), (2, 0), ("unknown", "billed")),
    Cell("F25 ended before content", broke(started), (2, 0), ("unknown", "billed")),
    Cell("F25 ended in mid-answer", broke(begun), (1, 1), ("unknown", "billed")),
    Cell("F25 reset in mid-answer", broke(begun, Reset()), (1, 1), ("unknown", "billed")),
    Cell("F26 no end mark", broke(begun, LAST_CHUNK), (1, 1), ("unknown", "billed")),
    Cell("F27 stands still after content", broke(begun, Hold()), (1, 1), ("unknown", "billed")),
]


@pytest.mark.parametrize(
    ("cell", "wires"),
    [pytest.param(cell, wires, id=f"{cell.name}-{wires[0]}-{wires[1]}") for cell in CELLS for wires in PAIRS],
)
async def test_cell(shop: Workshop, played: list[str], cell: Cell, wires: tuple[str, str]) -> None:
    async with two(shop, wires, deadlines=patience_with(cell.name)) as both:
        first, second = both.servers
        scripts = cell.script(wires[0])
        for connection in scripts:
            first.will(*connection)
        if cell.end == "done" and not cell.asked[1]:
            first.will(*ok(wires[0]))
        if cell.asked[1]:
            second.will(*ok(wires[1]))
        outcome = await both.drive()
        played.append(f"failover {cell.name} {wires[0]} {wires[1]}")
        ended = "done" if isinstance(outcome, Finished) else outcome.reason if isinstance(outcome, Paused) else "?"
        assert (ended, both.asked) == (cell.end, cell.asked)
        assert sum(both.asked) <= 4
        rows = shop.summary(both.run).requests
        assert tuple(each.certainty for each in rows) == cell.booked
        assert shop.journal.held_pico(DAY) == 0
        step = shop.steps(both.run)["m1"]
        last = ("beta", "other") if cell.asked[1] else ("acme", "one")
        assert (step.intent["provider"], step.intent["model"]) == last
        switched = [data for kind, data in shop.events if kind == "switched"]
        assert len(switched) == (1 if cell.asked[1] else 0)
        for data in switched:
            assert (data["provider"], data["model"], data["instead_of"]) == ("beta", "other", "acme/one")
            assert data["why"]
            assert Decimal(data["at_most_usd"]) > 0
            assert data["unit_prices"]["input"] == str(RATES.input)
        if "mid-answer" in cell.name or "after content" in cell.name or "end mark" in cell.name:
            went_on(second)


def went_on(server: FaultServer) -> None:
    """What the second server was given holds what had arrived of the first one's answer: it is no blind repeat."""
    (request,) = [each for each in server.received if each.line.startswith("POST")]
    assert b"Your answer broke off here" in request.body


FAULTS: dict[str, dict[str, Any]] = {
    "429": {"headers": {"retry-after": "86400"}},
    "529": {},
    "cut": {"after_chunks": 2},
    "stall": {"after_chunks": 2},
    "no_usage": {},
}


@pytest.mark.parametrize(
    ("first", "second"),
    [(("anthropic", CLAUDE), ("openai-chat", GPT)), (("openai-chat", GPT), ("anthropic", CLAUDE))],
    ids=["anthropic first", "openai-chat first"],
)
@pytest.mark.parametrize("fault", FAULTS)
async def test_both_bills_together_are_what_was_charged(
    shop: Workshop,
    played: list[str],
    tmp_path: Path,
    fault: str,
    first: tuple[str, str],
    second: tuple[str, str],
) -> None:
    prices = {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5", "cache_write_1h": "4"}
    reply = {
        "when": {},
        "text": "I think that it is done.",
        "tool_calls": [{"name": "finish", "input": {"summary": "s"}}],
        "chunk_tokens": 1,
    }

    def scenario(wire: str, name: str, faults: list[dict[str, Any]]) -> dict[str, Any]:
        return {"models": {name: {"wire": wire, "prices": prices}}, "replies": [reply], "faults": faults}

    for each in "ab":
        (tmp_path / each).mkdir()
    faults = [{"when": {}, "kind": fault, "times": 9, **FAULTS[fault]}]
    async with (
        simulator(tmp_path / "a", scenario(*first, faults)) as a,
        simulator(tmp_path / "b", scenario(*second, [])) as b,
    ):
        ways = in_order(
            Way(provider=at(shop, "acme", first[0], a.url, deadlines=patience_with(fault)), model=first[1]),
            Way(provider=at(shop, "beta", second[0], b.url), model=second[1]),
        )
        run = await shop.begin(ways.chain[0].provider, named=first[1])  # type: ignore[arg-type]
        outcome = await shop.drive(ways.chain[0].provider, run, ways=ways)  # type: ignore[arg-type]
        bills = [*a.rows(), *b.rows()]
        logged = len(a.log()) + len(b.log())
    played.append(f"failover bill {fault} {first[0]} {second[0]}")
    assert isinstance(outcome, Finished)
    assert logged <= 4
    rows = shop.summary(run).requests
    truth = sum((Decimal(each["cost_usd"]) for each in bills), Decimal(0)) * PICO_PER_USD
    assert truth > 0
    assert truth <= shop.journal.charged_pico(DAY) <= sum(each.at_most_pico for each in rows)
    assert shop.journal.held_pico(DAY) == 0
    by_id = {(each["request_id"], each["model"]): each for each in bills}
    for row in rows:
        if row.certainty == "billed":
            mine = by_id[row.request_id.partition("~")[0], row.model]
            assert row.cost_pico == Decimal(mine["cost_usd"]) * PICO_PER_USD
    if fault in ("429", "529"):
        assert shop.journal.charged_pico(DAY) == truth, "nothing that was refused is charged"


# --- who stands ready ------------------------------------------------------------------------------------------------


async def test_another_model_of_the_provider_that_refused_the_key_is_not_asked(shop: Workshop) -> None:
    async with two(shop, same=True) as both:
        both.servers[0].will(*status(401)("anthropic")[0])
        outcome = await both.drive()
        assert isinstance(outcome, Paused)
        assert both.asked == (1, 0)
        assert "refused the key" in outcome.detail


async def test_a_target_without_a_key_is_passed_over(shop: Workshop) -> None:
    async with two(shop, key=None) as both:
        both.servers[1].will(*ok("openai-chat"))
        assert isinstance(await both.drive(), Finished)
        assert both.asked == (0, 1)
        assert "has no key" in shop.told("switched")["why"]


@pytest.mark.parametrize("why", ["window", "price", "budget"])
async def test_a_target_that_does_not_fit_is_passed_over_and_the_reason_told(shop: Workshop, why: str) -> None:
    async with two(shop) as both:
        if why == "price":
            del shop.prices.rates["other"]
        elif why == "budget":
            shop.prices.rates["other"] = DEAR
        else:
            sizes = {"one": 200_000, "other": 8_200}
            shop.prices.window_tokens = lambda *, provider, model: sizes[model]  # type: ignore[method-assign]
        for connection in status(529, times=4)("anthropic"):
            both.servers[0].will(*connection)
        outcome = await both.drive()
        assert isinstance(outcome, Paused)
        assert both.asked == (4, 0), "the first is all there is"
        said = {
            "window": "beta/other was not asked: the window of beta/other takes 8,200 tokens, and the next request",
            "price": "beta/other was not asked: No price is known for other",
            "budget": "is left for this run",
        }[why]
        assert said in outcome.detail


@pytest.mark.parametrize(("first_s", "second_s"), [(7200, 3600), (3600, 7200)])
async def test_where_all_have_their_limits_the_run_goes_on_with_the_first_reset(
    shop: Workshop, first_s: int, second_s: int
) -> None:
    async with two(shop) as both:
        both.servers[0].will(*status(429, f"retry-after: {first_s}")("anthropic")[0])
        both.servers[1].will(*status(429, f"retry-after: {second_s}")("openai-chat")[0])
        outcome = await both.drive()
        assert isinstance(outcome, Paused)
        assert (outcome.reason, outcome.resume_at, both.asked) == ("limit", "2026-11-21T09:00:00.000Z", (1, 1))


async def test_the_next_request_begins_with_the_first_target_again(shop: Workshop) -> None:
    async with two(shop) as both:
        a, b = both.servers
        for connection in status(529, times=2)("anthropic"):
            a.will(*connection)
        b.will(*stream(calls("openai-chat", '{"path": "."}', name="list_files")))
        a.will(*ok("anthropic"))
        assert isinstance(await both.drive(), Finished)
        assert both.asked == (3, 1)
        models = [each.model for each in shop.summary(both.run).requests]
        assert models == ["gpt-x", "claude-x"], "each row names the model that answered"


async def test_a_limit_that_lasts_is_remembered_for_the_requests_after_it(shop: Workshop) -> None:
    async with two(shop) as both:
        a, b = both.servers
        a.will(*status(429, "retry-after: 7200")("anthropic")[0])
        for _ in range(2):
            b.will(*stream(calls("openai-chat", '{"path": "."}', name="list_files")))
        b.will(*ok("openai-chat"))
        assert isinstance(await both.drive(), Finished)
        assert both.asked == (1, 3)
        assert shop.kinds().count("passed_over") == 1, "the same news is told once"
        told = shop.told("passed_over")
        assert (told["n"], told["provider"], told["model"]) == (2, "acme", "one")
        assert "has reached a usage limit (429)" in told["why"]


# --- after a kill ----------------------------------------------------------------------------------------------------


async def test_what_a_dead_process_asked_of_the_second_target_is_settled_as_that_ones(shop: Workshop) -> None:
    async with two(shop) as both:
        a, b = both.servers
        for connection in status(529, times=2)("anthropic"):
            a.will(*connection)
        b.will(*ok("openai-chat"))
        both.run = await shop.begin(both.ways[0].provider, named="one")  # type: ignore[arg-type]
        shop.dies_at = "mid_stream"
        rules = {"ways": in_order(*both.ways), "provider_named": both.named}
        await shop.die(both.ways[0].provider, both.run, **rules)  # type: ignore[arg-type]
        assert shop.steps(both.run)["m1"].intent["provider"] == "beta"
        a.will(*ok("anthropic"))
        assert isinstance(await both.drive(), Finished)
        (row, *more) = shop.summary(both.run).requests
        assert row.model in ("gpt-x", "other")
        assert len(more) <= 1
        assert shop.journal.held_pico(DAY) == 0


async def test_an_old_journal_without_the_target_means_the_runs_own_model(shop: Workshop) -> None:
    from bursar.runs.booking import target_of_step

    async with two(shop) as both:
        both.servers[0].will(*ok("anthropic"))
        assert isinstance(await both.drive(), Finished)
        record = shop.summary(both.run).record
        step = shop.steps(both.run)["m1"]
        assert target_of_step(step, record) == Target(provider="acme", model="one")
        for key in ("provider", "model"):
            del step.intent[key]
        assert target_of_step(step, record) == Target(provider="acme", model="one")


# --- balance ---------------------------------------------------------------------------------------------------------


def room(remaining: int, limit: int = 100_000) -> list[str]:
    return [
        f"x-ratelimit-limit-tokens: {limit}",
        f"x-ratelimit-remaining-tokens: {remaining}",
        "x-ratelimit-reset-tokens: 60s",
    ]


async def one_run(shop: Workshop, both: Two, server: FaultServer, remaining: int, **rules: Any) -> tuple[int, int]:
    """A run of its own whose answer says how much is left; who was asked for it."""
    before = both.asked
    server.will(head(200, *room(remaining)), chunk(good("openai-chat")), LAST_CHUNK)
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 1.", "[ ] 1."))
    both.run = ""
    assert isinstance(await both.drive(ways=in_order(*both.ways, balance=True), **rules), Finished)
    return both.asked[0] - before[0], both.asked[1] - before[1]


async def test_equal_targets_are_used_by_their_room(shop: Workshop) -> None:
    rules = {"pace": Pace(), "circuits": Circuits()}
    async with two(shop, ("openai-chat", "openai-chat")) as both:
        a, b = both.servers
        assert await one_run(shop, both, a, 60_000, **rules) == (1, 0), "nothing is known: the order of the chain"
        assert await one_run(shop, both, b, 80_000, **rules) == (0, 1), "60 % against all"
        assert await one_run(shop, both, b, 40_000, **rules) == (0, 1), "60 % against 80 %"
        assert await one_run(shop, both, a, 10_000, **rules) == (1, 0), "60 % against 40 %"
        assert await one_run(shop, both, b, 40_000, **rules) == (0, 1), "10 % against 40 %"
        shop.clock.advance(61)
        assert await one_run(shop, both, a, 90_000, **rules) == (1, 0), "both were reset"


async def test_a_run_stays_where_its_prompt_is_cached(shop: Workshop) -> None:
    async with two(shop, ("openai-chat", "openai-chat")) as both:
        a, _ = both.servers
        look = calls("openai-chat", '{"path": "."}', name="list_files")
        a.will(head(200, *room(50_000)), chunk(look), LAST_CHUNK)
        a.will(*ok("openai-chat"))
        assert isinstance(await both.drive(ways=in_order(*both.ways, balance=True)), Finished)
        assert both.asked == (2, 0)


async def test_after_a_kill_too(shop: Workshop) -> None:
    """A new process knows of no room, but the journal says where the conversation is known."""
    async with two(shop, ("openai-chat", "openai-chat")) as both:
        a, b = both.servers
        rules = {"ways": in_order(*both.ways, balance=True), "provider_named": both.named, "pace": (pace := Pace())}
        pace.heard(both.ways[0].target, (window(shop, remaining=10),))
        b.will(*stream(calls("openai-chat", '{"path": "."}', name="list_files")))
        both.run = await shop.begin(both.ways[0].provider, named="one")  # type: ignore[arg-type]
        shop.dies_on = ("tool_finished", 1)
        await shop.die(both.ways[0].provider, both.run, **rules)  # type: ignore[arg-type]
        b.will(*ok("openai-chat"))
        assert isinstance(await both.drive(ways=in_order(*both.ways, balance=True)), Finished)
        assert (both.asked, a.received) == ((0, 2), [])


def window(shop: Workshop, *, remaining: int) -> Window:
    return Window(kind="tokens", remaining=remaining, limit=100, resets_at=shop.clock.utc_in(60))


async def test_it_leaves_where_its_next_request_would_have_to_wait(shop: Workshop) -> None:
    async with two(shop, ("openai-chat", "openai-chat")) as both:
        a, b = both.servers
        look = calls("openai-chat", '{"path": "."}', name="list_files")
        a.will(head(200, *room(0, 1_000)), chunk(look), LAST_CHUNK)
        b.will(*ok("openai-chat"))
        assert isinstance(await both.drive(ways=in_order(*both.ways, balance=True)), Finished)
        assert both.asked == (1, 1)
        assert shop.clock.slept_s == 0
        assert shop.told("passed_over")["model"] == "one"


def test_the_text_of_the_next_request_is_the_other_formats_own(shop: Workshop) -> None:
    """The control of the pairs above: the two formats write one conversation as different bytes."""
    from bursar.domain.conversation import Message, ModelRequest

    request = ModelRequest(
        model=MODEL,
        system="s",
        tools=(),
        messages=(Message(role="user", blocks=(Text(text="t"),)),),
        max_tokens=1,
    )
    bodies = {wire: at(shop, "x", wire, "http://127.0.0.1:9").body(request) for wire in WIRES}
    assert len(set(bodies.values())) == len(WIRES)
    assert all(json.loads(each) for each in bodies.values())
