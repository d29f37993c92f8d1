"""Run, pause and resume from the editor, against a real simulated provider."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.bench import Bench, MakeBench
from support.lsp_client import LspError

LINE, TITLE = 13, "Look up the base price in `parcel/rates.py`"


async def test_a_task_runs_to_its_tick_and_its_cost_is_the_bill(bench: Bench) -> None:
    before = bench.tasks.read_bytes()
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["label"].startswith(f"2.1 {TITLE} · done")
        assert bench.tasks.read_bytes() == before.replace(b"- [ ] 2.1", b"- [x] 2.1", 1)

        window.reload(uri)
        bill = bench.bill["requests"]
        assert len(bill) >= 3
        cost = sum(Decimal(each["cost_usd"]) for each in bill)
        titles = await window.until_asked(
            lambda: window.titles(uri), lambda found: f"{len(bill)} requests" in str(found.get(LINE))
        )
        assert f"· {len(bill)} requests ·" in titles[LINE][0]
        runs = (await window.request("bursar/runs", {}))["runs"]
        assert [(each["run"], each["state"], Decimal(each["cost_usd"])) for each in runs] == [(run, "finished", cost)]

        (finding,) = [each for each in await window.findings(uri) if each["code"] == "request-cost"]
        assert finding["range"]["start"]["line"] == LINE
        assert finding["severity"] == 3
        last = bill[-1]["billed_tokens"]
        assert f"{last['output']} out" in finding["message"]
        sent = last["uncached_input"] + last["cache_read"] + last["cache_write_5m"]
        assert f"{sent:,} in" in finding["message"]
        assert len(finding["relatedInformation"]) == len(bill)
        for shown, billed in zip(reversed(finding["relatedInformation"]), bill, strict=True):
            assert f"{billed['billed_tokens']['output']:,} output" in shown["message"]

        assert Decimal(window.told("bursar/meter")[-1]["spent_usd"]) == cost
        assert window.told("bursar/meter")[-1]["running"] == []
        assert any(each["running"] == ["2.1"] for each in window.told("bursar/meter"))
        assert len(window.told("bursar/usageUpdate")) == len(bill)
        assert window.told("bursar/usageUpdate")[-1]["cost"] == {"amount": float(cost), "currency": "USD"}
        kinds = [each["value"]["kind"] for each in window.told("$/progress")]
        assert (kinds[0], kinds[-1]) == ("begin", "end")
        assert await window.quit() == 0


async def test_a_lens_that_is_out_of_date_runs_nothing(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        window.type(uri, "\n", span=((0, 0), (0, 0)))
        with pytest.raises(LspError, match="does not hold the task"):
            await window.command("bursar.runTask", uri=uri, line=LINE, title=TITLE)
        assert "does not hold the task" in window.told("window/showMessage")[-1]["message"]
        with pytest.raises(LspError, match="'line' is missing"):
            await window.command("bursar.runTask", uri=uri, line="13", title=TITLE)
    assert bench.log == []


async def test_without_a_provider_tasks_are_estimated_and_run_says_what_is_missing(bench: Bench) -> None:
    nothing = {"BURSAR_MODEL": "", "BURSAR_PROVIDERS": "", "ANTHROPIC_API_KEY": ""}
    async with bench.window(environ=nothing) as window:
        uri = window.open(bench.tasks)
        await window.until_asked(lambda: window.titles(uri), lambda found: "first request" in str(found))
        with pytest.raises(LspError, match="ANTHROPIC_API_KEY") as refused:
            await window.press(uri, LINE, "Run")
        assert refused.value.code == -32803


async def test_an_untrusted_workspace_is_estimated_and_nothing_else(bench: Bench) -> None:
    before = {each: each.read_bytes() for each in bench.workspace.rglob("*") if each.is_file()}
    async with bench.window(trusted=None) as window:
        uri = window.open(bench.tasks)
        await window.until_asked(lambda: window.titles(uri), lambda found: "first request" in str(found))
        with pytest.raises(LspError, match="not trusted"):
            await window.press(uri, LINE, "Run")
        with pytest.raises(LspError, match="not trusted"):
            await window.command("bursar.resumeRun", run="run-1")
        assert bench.log == []
        assert {each: each.read_bytes() for each in bench.workspace.rglob("*") if each.is_file()} == before
        window.notify("bursar/trustChanged", {"trusted": True})
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"


async def test_a_task_with_a_run_that_can_go_on_is_resumed_and_not_run_again(demo_bench: Bench) -> None:
    async with demo_bench.window() as window:
        asked: list[str] = []

        def answer(params: dict[str, str]) -> str | None:
            asked.append(params["message"])
            return "Once"

        window.answer = answer
        uri = window.open(demo_bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until(lambda: len(window.told("bursar/usageUpdate")) >= 2)
        token = window.told("$/progress")[0]["token"]
        window.notify("window/workDoneProgress/cancel", {"token": token})
        assert (await window.until_over(run))["reason"] == "asked"
        with pytest.raises(LspError, match="Resume keeps what is paid for"):
            await window.command("bursar.runTask", uri=uri, line=LINE, title=TITLE)
        assert (await window.press(uri, LINE, "Resume"))["run"] == run
        await window.until_state(run, "finished")
        assert (await window.until_over(run))["state"] == "finished"
        assert asked == [
            "Run python3 -m unittest -q tests.test_rates ? It runs files that the agent may change; "
            "'For this run' ends when a file changes."
        ]
    hashes = [each["sha256_of_body"] for each in demo_bench.log]
    assert len(hashes) == len(set(hashes))
    assert b"- [x] 2.1" in demo_bench.tasks.read_bytes()


@pytest.mark.parametrize(
    ("chosen", "said"), [("Once", "Exit code 0"), ("No", "did not allow"), (None, "did not allow")]
)
async def test_a_command_runs_only_after_a_yes(benches: MakeBench, chosen: str | None, said: str) -> None:
    calls = [{"name": "run_command", "input": {"argv": ["touch", "made-by-command"]}}]
    done = [{"name": "finish", "input": {"summary": "Done."}}]
    scenario = {
        "replies": [
            {"when": {"tool_results": 0}, "text": "I run it.", "tool_calls": calls},
            {"when": {"tool_results": 1}, "text": "Done.", "tool_calls": done},
        ]
    }
    async with benches(scenario) as bench, bench.window() as window:
        window.answer = lambda params: chosen
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        (asked,) = window.asked("window/showMessageRequest")
        assert [each["title"] for each in asked["actions"]] == ["Once", "For this run", "No"]
        assert "touch made-by-command" in asked["message"]
        assert (bench.workspace / "made-by-command").exists() == (chosen == "Once")
        assert said in json.dumps(bench.log[-1]["body"])


async def test_a_question_that_does_not_fit_is_shown_whole_beside_the_box(benches: MakeBench) -> None:
    argv = ["echo", *(f"argument-{number}" for number in range(60))]
    scenario = {
        "replies": [
            {"when": {"tool_results": 0}, "text": "", "tool_calls": [{"name": "run_command", "input": {"argv": argv}}]},
            {"when": {"tool_results": 1}, "text": "", "tool_calls": [{"name": "finish", "input": {"summary": "."}}]},
        ]
    }
    async with benches(scenario) as bench, bench.window() as window:
        read: list[tuple[Path, int, str]] = []

        def look(params: Any) -> str:
            (shown,) = window.asked("window/showDocument")
            path = Path(shown["uri"].removeprefix("file://"))
            read.append((path, path.stat().st_mode & 0o777, path.read_text()))
            return "Once"

        window.answer = look
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        (asked,) = window.asked("window/showMessageRequest")
        assert len(asked["message"]) <= 300
        ((path, mode, text),) = read
        assert path.is_relative_to(bench.folder / "home")
        assert mode == 0o600
        assert "argument-59" in text
        assert not path.exists(), "it is kept for as long as it is asked"
        names = [method for method, _ in window.requests]
        assert names.index("window/showDocument") < names.index("window/showMessageRequest")


async def test_a_task_is_put_off_skipped_and_tried_again(demo_bench: Bench) -> None:
    async with demo_bench.window() as window:
        window.answer = lambda params: "Once"
        uri = window.open(demo_bench.tasks)
        target = {"uri": uri, "line": LINE, "title": TITLE}
        parked = await window.command("bursar.deferTask", **target, until="2099-01-01T00:00:00Z")
        assert parked["until"] == "2099-01-01T00:00:00.000Z"
        await window.until_asked(lambda: window.titles(uri), lambda found: "Deferred until" in str(found.get(LINE)))
        with pytest.raises(LspError, match="is no moment"):
            await window.command("bursar.deferTask", **target, until="soon")
        await window.command("bursar.resumeRun", run=parked["run"])
        await window.until(lambda: len(window.told("bursar/usageUpdate")) >= 2)
        assert await window.command("bursar.skipTask", **target) == {"stopped": parked["run"]}
        await window.until_over(parked["run"])
        titles = await window.until_asked(lambda: window.titles(uri), lambda found: "Skipped" in str(found.get(LINE)))
        assert "Retry · " in titles[LINE][0]
        again = (await window.command("bursar.retryTask", **target))["run"]
        assert (await window.until_over(again))["state"] == "finished"
    hashes = [each["sha256_of_body"] for each in demo_bench.log]
    assert len(hashes) == len(set(hashes))
    assert b"- [x] 2.1" in demo_bench.tasks.read_bytes()
