"""The card says that a model takes 200,000 tokens, its provider takes 30,000: one refusal teaches it, the run goes on.

The provider is the simulator, which refuses in each wire's own words, counts for itself and writes the bill.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.usage import Usage
from bursar.domain.routes import Target
from bursar.providers import make_provider
from bursar.runs.exceeding import known_window
from bursar.runs.shapes import TRIMMED
from bursar.runs.world import Ceilings, Finished, Paused
from simulator.support import Simulator, simulator
from support.fakes import CountingIds
from support.world import RATES, ScriptedModel, Workshop, call, finish, reply

WINDOW = 30_000
MODELS = {"anthropic": "claude-sonnet-5", "openai-chat": "gpt-5.2", "openai-responses": "gpt-5.2"}
FILES = 12
PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5", "cache_write_1h": "4"}


def file_text(number: int) -> str:
    return "\n".join(f"value_{number}_{n} = compute({n * 7}, {number})" for n in range(400))


@dataclass
class Shown:
    shop: Workshop
    server: Simulator
    provider: Any
    run: str

    async def drive(self, **rules: Any) -> Any:
        return await self.shop.drive(self.provider, self.run, ceilings=Ceilings(wall_s=1e9), **rules)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [each.data for each in self.shop.journal.events(run=self.run) if each.kind == kind]


@contextlib.asynccontextmanager
async def small(
    folder: Path, wire: str, *, window: int = WINDOW, files: int = FILES, text: Any = file_text
) -> AsyncIterator[Shown]:
    model = MODELS[wire]
    replies: list[dict[str, Any]] = [
        {"when": {"tool_results": n}, "tool_calls": [{"name": "read_file", "input": {"path": f"src/file{n}.py"}}]}
        for n in range(files)
    ]
    replies.append({"when": {"tool_results": files}, "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]})
    cache = {"ttl_s": 300, "min_tokens": 1024}
    scenario = {
        "models": {model: {"wire": wire, "prices": PRICES, "cache": cache, "window_tokens": window}},
        "replies": replies,
        "otherwise": "error",
    }
    shop = Workshop(folder / "shop")
    shop.write("AGENTS.md", "Rule 1: keep functions short and say why in words.")
    for n in range(files):
        shop.write(f"src/file{n}.py", text(n))
    shop.prices.rates[model] = RATES
    async with simulator(folder, scenario) as server:
        provider = make_provider(
            name="acme",
            wire=wire,
            base_url=server.url + ("" if wire == "anthropic" else "/v1"),
            key=lambda: "none",
            key_name=None,
            clock=shop.clock,
            ids=CountingIds(),
        )
        run = await shop.begin(provider, named=model, ceiling_usd=None)  # type: ignore[arg-type]
        yield Shown(shop, server, provider, run)
    shop.close()


@pytest.mark.parametrize("wire", list(MODELS))
async def test_one_refusal_teaches_the_window_and_the_run_goes_on(tmp_path: Path, wire: str) -> None:
    async with small(tmp_path, wire) as shown:
        assert isinstance(await shown.drive(), Finished)
        rows = shown.server.rows()
        (learnt,) = shown.events("window_learnt")
        shop = shown.shop
        target = Target(provider="acme", model=MODELS[wire])
        known = known_window(shop.prices, shop.journal, shop.clock, target)
        shop.restart()
        assert known_window(shop.prices, shop.journal, shop.clock, target) == known
        summary = shop.summary(shown.run)
    refused = [row for row in rows if row["outcome"] == "refused"]
    assert len(refused) == 1
    assert refused[0]["cost_usd"] == "0"
    if wire == "openai-responses":
        assert not learnt["is_named"]
        assert known is not None
        assert known < WINDOW + 10_000
    else:
        assert learnt["is_named"]
        assert known == WINDOW
    # Nothing is booked for what was refused, and everything else once.
    assert len(summary.requests) == FILES + 1 == len(rows) - 1


async def test_the_deterministic_step_makes_room_for_more_than_one_request(tmp_path: Path) -> None:
    async with small(tmp_path, "anthropic") as shown:
        assert isinstance(await shown.drive(), Finished)
        (learnt,) = shown.events("window_learnt")
        cut = [each for each in shown.events(TRIMMED) if each["n"] == learnt["n"]][-1]
        later = [each for each in shown.events(TRIMMED) if each["n"] == learnt["n"] + 1]
    assert "the window was full" in {each["why"] for each in cut["items"].values()}
    room = (WINDOW - 8_192) / cut["vendor_ratio"]
    assert cut["prompt_tokens"] <= 0.75 * room
    assert later == []


async def test_what_was_learnt_holds_for_the_next_process_and_the_next_run(tmp_path: Path) -> None:
    async with small(tmp_path, "anthropic") as shown:
        assert isinstance(await shown.drive(), Finished)
        shown.shop.restart()
        before = len(shown.server.rows())
        shown.run = await shown.shop.begin(shown.provider, "2", named=MODELS["anthropic"], ceiling_usd=None)
        assert isinstance(await shown.drive(), Finished)
        assert shown.events("window_learnt") == []
        assert {row["outcome"] for row in shown.server.rows()[before:]} == {"complete"}


async def test_what_was_learnt_is_forgotten_after_a_month(shop: Workshop) -> None:
    target = Target(provider="acme", model="claude-sonnet-5")
    await shop.journal.keep_context_window(provider="acme", model="claude-sonnet-5", tokens=WINDOW)
    other = Target(provider="other", model="claude-sonnet-5")
    assert known_window(shop.prices, shop.journal, shop.clock, target) == WINDOW
    assert known_window(shop.prices, shop.journal, shop.clock, other) == 200_000
    shop.clock.advance(31 * 86_400)
    assert known_window(shop.prices, shop.journal, shop.clock, target) == 200_000


async def test_with_trims_off_it_pauses_and_says_what_to_do(tmp_path: Path) -> None:
    async with small(tmp_path, "anthropic") as shown:
        ended = await shown.drive(trims=False)
        rows = shown.server.rows()
        assert isinstance(ended, Paused)
        assert ended.reason == "window"
        assert "Its window takes 30,000 tokens" in ended.detail
        assert '"trim"' in ended.detail
        assert [row["outcome"] for row in rows].count("refused") == 1
        # With them it goes on from there, and asks for nothing twice.
        assert isinstance(await shown.drive(), Finished)
        assert len([row for row in shown.server.rows() if row["outcome"] == "complete"]) == FILES + 1


async def test_what_cannot_be_made_shorter_is_asked_once_and_pauses(tmp_path: Path) -> None:
    """The first request alone is longer than the window: nothing can go, and nothing is asked in a circle."""
    async with small(tmp_path, "anthropic", window=9_000) as shown:
        shown.shop.write("AGENTS.md", "\n".join(f"Rule {n}: say why in words." for n in range(900)))
        shown.run = await shown.shop.begin(shown.provider, named=MODELS["anthropic"], ceiling_usd=None)
        ended = await shown.drive()
        rows = shown.server.rows()
    assert isinstance(ended, Paused)
    assert ended.reason == "window"
    assert [row["outcome"] for row in rows] == ["refused"]
    assert "nothing is owed" not in ended.detail
    assert "resume" in ended.detail


async def test_a_server_that_cuts_silently_is_found_out_once(shop: Workshop) -> None:

    shop.prices.rates["llama"] = RATES
    shop.write("big.py", "\n".join(f"line {n} of many in a file" for n in range(2_000)))
    little = Usage(uncached_input=2_000, output=20)
    model = ScriptedModel(
        reply(call("read_file", id="c1", path="big.py")),
        reply(call("list_files", id="c2", path="."), usage=little),
        reply(call("list_files", id="c3", path="."), usage=little),
        finish(),
        wire="ollama",
        clock=shop.clock,
    )
    run = await shop.begin(model, named="llama", ceiling_usd=None)
    await shop.drive(model, run)
    doubts = [data for kind, data in shop.events if kind == "window_doubted"]
    assert len(doubts) == 1
    assert doubts[0]["read_tokens"] == 2_000
    assert "OLLAMA_CONTEXT_LENGTH" in doubts[0]["message"]
