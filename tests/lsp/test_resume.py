"""Resume from the editor after a budget was used up and after another window was killed: what the lens says, and that
it does it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from support.bench import Bench, MakeBench
from support.lsp_client import WAIT_S, Client, LspError

PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2", "cache_write_1h": "2"}
LINE = 13
LOOK = [{"name": "list_files", "input": {"path": "."}}]
DONE = [{"name": "finish", "input": {"summary": "Done."}}]
WORDS = " ".join(f"word{number}" for number in range(120))
SCENARIO: dict[str, Any] = {
    "replies": [
        {"when": {"tool_results": 0}, "text": "I look.", "tool_calls": LOOK},
        {"when": {"tool_results": 1}, "text": "I look again.", "tool_calls": LOOK},
        {"when": {"tool_results": 2}, "text": WORDS, "tool_calls": DONE},
    ]
}


LONG = {"replies": [{**SCENARIO["replies"][0], "text": " ".join([WORDS] * 15)}, *SCENARIO["replies"][1:]]}
"""The first answer alone costs more than the room that a request needs at least."""


def slowly(answer: int) -> dict[str, Any]:
    """The scenario with one answer slow enough to be killed in, on a loaded machine, too; going on with it is quick."""
    replies = [dict(each) for each in SCENARIO["replies"]]
    going_on = {**replies[answer], "when": {**replies[answer]["when"], "contains": replies[answer]["text"][:12]}}
    replies[answer].update(chunk_ms=250, chunk_tokens=4)
    return {"replies": [going_on, *replies]}


async def lens(window: Client, uri: str, *says: str) -> str:
    """The first lens above the task, once it says all of this."""
    titles = await window.until_asked(
        lambda: window.titles(uri), lambda found: all(each in str(found.get(LINE, [""])[0]) for each in says)
    )
    return str(titles[LINE][0])


def paid_once(bench: Bench) -> None:
    complete = Counter(each["sha256_of_body"] for each in bench.log if each["outcome"] == "complete")
    assert complete and max(complete.values()) == 1


async def test_a_budget_that_is_used_up_is_named_raised_in_place_and_the_run_finishes(benches: MakeBench) -> None:
    async with (
        benches(LONG) as bench,
        bench.window(settings={"budget": {"run": "0.08usd"}}) as window,
    ):
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        got = await window.until_state(run, "paused", "finished", "failed")
        assert got["reason"] == "budget"
        shown = await lens(window, uri, "This run's budget of $0.08 has no room", "kept, $0.0")
        needed = re.search(r"which needs at least \$([\d.]+) free · \d+ steps? kept, \$([\d.]+) paid", shown)
        assert needed is not None, shown
        sent = len(bench.log)
        assert sent >= 1
        billed = sum(Decimal(each["cost_usd"]) for each in bench.bill["requests"])
        assert abs(Decimal(needed[2]) - billed) <= Decimal(5).scaleb(billed.adjusted() - 2)

        asked: list[dict[str, Any]] = []

        def choose(params: dict[str, Any]) -> str | None:
            asked.append(params)
            return None if len(asked) == 1 else str(params["actions"][1]["title"])

        window.answer = choose
        with pytest.raises(LspError, match="no amount was chosen"):
            await window.press(uri, LINE, "Set budget")
        await lens(window, uri, "has no room")
        set_ = await window.press(uri, LINE, "Set budget")
        assert set_ == {"scope": "run", "amount": "0.2usd"}
        assert [each["title"] for each in asked[1]["actions"]] == ["$0.10", "$0.20", "$0.50"]
        assert "from $0.08 to how much?" in asked[1]["message"]

        title = await lens(window, uri, "Resume · budget reached", "next request")
        assert len(bench.log) == sent, "nothing is sent before Resume"
        counted = re.search(r"next request (?:at least )?([\d,]+) in ~\$", title)
        assert counted is not None, title
        assert (await window.press(uri, LINE, "Resume"))["run"] == run
        await window.until_state(run, "finished")
        assert b"- [x] 2.1" in bench.tasks.read_bytes()
    paid_once(bench)


async def test_a_second_window_follows_the_run_and_takes_over_when_the_first_is_killed(benches: MakeBench) -> None:
    async with benches(slowly(2)) as bench, bench.window() as first, bench.window() as second:
        uri = first.open(bench.tasks)
        second.open(bench.tasks)
        run = (await first.press(uri, LINE, "Run"))["run"]
        await lens(second, uri, "Runs in another window · ")
        # It is followed live: each step that the first one finishes is seen.
        await lens(second, uri, "Runs in another window · 4 steps done")
        spent = Decimal(second.told("bursar/meter")[-1]["spent_usd"])
        assert spent > 0
        async with asyncio.timeout(WAIT_S):
            while not any((bench.folder / "home" / "inflight").glob("*.m3.*")):
                await asyncio.sleep(0.02)
        first.process.kill()
        await first.process.wait()
        title = await lens(second, uri, "Resume · interrupted · 4 steps kept")
        assert "next request " in await lens(second, uri, "Resume", "next request ")
        assert title
        assert (await second.press(uri, LINE, "Resume"))["run"] == run
        await second.until_state(run, "finished")
        await second.until_over(run)
    paid_once(bench)
    assert [each["outcome"] for each in bench.log if each["outcome"] == "complete"] == ["complete"] * 3


async def test_a_stop_ends_an_answer_that_the_provider_goes_on_with_and_books_what_was_made(
    benches: MakeBench,
) -> None:
    words = " ".join(f"word{number}" for number in range(2_000))
    replies = [{"when": {"tool_results": 0}, "text": words, "tool_calls": DONE, "chunk_ms": 50, "chunk_tokens": 4}]
    models = {"gpt-5.5": {"wire": "openai-responses", "prices": PRICES, "cache": {"ttl_s": 300, "min_tokens": 1024}}}
    async with benches({"models": models, "replies": replies}) as bench:
        bench.environ["BURSAR_MODEL"] = "sim/gpt-5.5"
        providers = {"sim": {"wire": "openai-responses", "base_url": bench.url}}
        bench.environ["BURSAR_PROVIDERS"] = json.dumps(providers)
        async with bench.window() as first:
            uri = first.open(bench.tasks)
            run = (await first.press(uri, LINE, "Run"))["run"]
            inflight = bench.folder / "home" / "inflight"
            async with asyncio.timeout(WAIT_S):
                while not any(each.stat().st_size > 3_000 for each in inflight.glob("*.m1.*")):
                    await asyncio.sleep(0.02)
            first.process.kill()
            await first.process.wait()
        assert bench.log == [], "the provider is still at work on it"
        async with bench.window() as second:
            second.open(bench.tasks)
            await lens(second, uri, "Resume · interrupted")
            assert await second.command("bursar.stopRun", run=run) == {"run": run}
            await second.until_state(run, "failed")
            (shown,) = [each for each in (await second.request("bursar/runs", {}))["runs"] if each["run"] == run]
        (billed,) = bench.bill["requests"]
        assert billed["outcome"] == "cut"
        assert 0 < billed["billed_tokens"]["output"] < 2_000
        assert (shown["state"], shown["held_usd"]) == ("failed", "0")
        assert Decimal(shown["cost_usd"]) == Decimal(billed["cost_usd"]) > 0
