"""Resume from the editor after a budget was used up and after another window was killed: what the lens says, and that
it does it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from support.bench import Bench, MakeBench
from support.lsp_client import Client, LspError

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


def slowly(answer: int) -> dict[str, Any]:
    """The scenario with one answer slow enough to be killed in."""
    replies = [dict(each) for each in SCENARIO["replies"]]
    replies[answer].update(chunk_ms=40, chunk_tokens=4)
    return {"replies": replies}


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
        benches(SCENARIO) as bench,
        bench.window(settings={"budget": {"run": "0.045usd"}}) as window,
    ):
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        got = await window.until_state(run, "paused", "finished", "failed")
        assert got["reason"] == "budget"
        shown = await lens(window, uri, "This run's budget of $0.045 has no room", "kept, $0.0")
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
        assert "from $0.045 to how much?" in asked[1]["message"]

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
        async with asyncio.timeout(30):
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
