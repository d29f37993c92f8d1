"""Two windows, and windows that die."""

from __future__ import annotations

import asyncio
import signal
import sys
from decimal import Decimal
from typing import Any

import pytest

from support.bench import Bench, MakeBench
from support.lsp_client import WAIT_S, LspError

LINE, TITLE = 13, "Look up the base price in `parcel/rates.py`"
ASKS = {
    "replies": [
        {
            "when": {"tool_results": 0},
            "text": "I run it.",
            "tool_calls": [{"name": "run_command", "input": {"argv": ["touch", "made-by-command"]}}],
        },
        {"when": {"tool_results": 1}, "text": "", "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]},
    ]
}


class Hesitant:
    """A user who answers when told to."""

    def __init__(self) -> None:
        self.asked, self.answer = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def __call__(self, params: dict[str, Any]) -> str | None:
        self.asked.set()
        return await self.answer


async def test_a_second_window_shows_the_run_and_refuses_it(benches: MakeBench) -> None:
    async with benches(ASKS) as bench, bench.window() as first, bench.window() as second:
        user = first.answer = Hesitant()
        uri = first.open(bench.tasks)
        second.open(bench.tasks)
        run = (await first.press(uri, LINE, "Run"))["run"]
        await user.asked.wait()
        await second.until_asked(
            lambda: second.titles(uri), lambda found: str(found[LINE]).startswith("['Runs in another window")
        )
        with pytest.raises(LspError, match="runs in another window"):
            await second.command("bursar.runTask", uri=uri, line=LINE, title=TITLE)
        with pytest.raises(LspError, match="runs in another window"):
            await second.command("bursar.resumeRun", run=run)
        (shown,) = (await second.request("bursar/runs", {}))["runs"]
        assert (shown["mine"], shown["elsewhere"]) == (False, True)
        sent = len(bench.log)
        user.answer.set_result("Once")
        assert (await first.until_over(run))["state"] == "finished"
        await second.until_state(run, "finished")
        assert len(bench.log) == sent + 1


async def test_a_killed_server_leaves_a_run_that_the_next_one_resumes_without_a_repeat(benches: MakeBench) -> None:
    async with benches(ASKS) as bench:
        async with bench.window() as first:
            user = first.answer = Hesitant()
            uri = first.open(bench.tasks)
            run = (await first.press(uri, LINE, "Run"))["run"]
            await user.asked.wait()
            first.process.kill()
            await first.process.wait()
        assert len(bench.log) == 1
        async with bench.window() as second:
            second.answer = lambda params: "Once"
            second.open(bench.tasks)
            titles = await second.until_asked(lambda: second.titles(uri), lambda found: "Resume" in str(found[LINE]))
            assert "1 step kept" in titles[LINE][0]
            assert (await second.press(uri, LINE, "Resume"))["run"] == run
            await second.until_state(run, "finished")
            await second.until_over(run)
        assert len(bench.log) == 2
        assert (bench.workspace / "made-by-command").exists()
        assert b"- [x] 2.1" in bench.tasks.read_bytes()


@pytest.mark.parametrize("how", ["shutdown", "end of input", "exit alone", "terminated"])
async def test_a_window_that_closes_keeps_an_open_question_open(benches: MakeBench, how: str) -> None:
    async with benches(ASKS) as bench:
        async with bench.window() as first:
            user = first.answer = Hesitant()
            uri = first.open(bench.tasks)
            run = (await first.press(uri, LINE, "Run"))["run"]
            await user.asked.wait()
            if how == "shutdown":
                assert await first.quit() == 0
            else:
                if how == "end of input":
                    assert first.process.stdin is not None
                    first.process.stdin.close()
                elif how == "exit alone":
                    first.notify("exit")
                else:
                    first.process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(first.process.wait(), WAIT_S) == 1
        async with bench.window() as second:
            second.answer = lambda params: "No"
            second.open(bench.tasks)
            assert (await second.press(uri, LINE, "Resume"))["run"] == run
            await second.until_state(run, "finished")
            assert len(second.asked("window/showMessageRequest")) == 1
        assert len(bench.log) == 2


async def test_a_server_ends_with_the_process_that_it_was_told_of(bench: Bench) -> None:
    sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    async with bench.window(process_id=sleeper.pid) as window:
        await window.request("bursar/runs", {})
        sleeper.kill()
        await sleeper.wait()
        assert await asyncio.wait_for(window.process.wait(), WAIT_S) == 1


async def test_a_server_killed_in_mid_stream_leaves_at_most_one_request_to_ask_again(benches: MakeBench) -> None:
    look = [{"name": "list_files", "input": {"path": "."}}]
    done = [{"name": "finish", "input": {"summary": "Done."}}]
    words = " ".join(f"word{number}" for number in range(120))
    # Slow enough to be killed in, on a loaded machine, too; what goes on with what arrived of it is quick.
    slow = {"when": {"tool_results": 1}, "text": words, "tool_calls": done, "chunk_ms": 250, "chunk_tokens": 4}
    going_on = {"when": {"tool_results": 1, "contains": words[:12]}, "text": words, "tool_calls": done}
    scenario = {"replies": [{"when": {"tool_results": 0}, "text": "I look.", "tool_calls": look}, going_on, slow]}
    async with benches(scenario) as bench:
        async with bench.window() as first:
            uri = first.open(bench.tasks)
            run = (await first.press(uri, LINE, "Run"))["run"]

            async with asyncio.timeout(WAIT_S):
                while len(bench.log) != 1 or not any(
                    each.stat().st_size > 1_000 for each in (bench.folder / "home" / "inflight").glob("*.m2.*")
                ):
                    await asyncio.sleep(0.02)
            first.process.kill()
            await first.process.wait()
        async with bench.window() as second:
            second.open(bench.tasks)
            assert (await second.press(uri, LINE, "Resume"))["run"] == run
            await second.until_state(run, "finished")
            await second.until_over(run)
            (shown,) = (await second.request("bursar/runs", {}))["runs"]
    complete = [each["sha256_of_body"] for each in bench.log if each["outcome"] == "complete"]
    assert len(complete) == len(set(complete)) == 2
    assert [each["outcome"] for each in bench.log] == ["complete", "cut", "complete"]
    bill = {each["outcome"]: 0 for each in bench.bill["requests"]}
    assert set(bill) == {"complete", "cut"}
    billed = sum(Decimal(each["cost_usd"]) for each in bench.bill["requests"])
    assert Decimal(shown["cost_usd"]) < billed <= Decimal(shown["cost_usd"]) + Decimal(shown["held_usd"])


async def test_a_limit_is_waited_for_in_sight(benches: MakeBench) -> None:
    fault = {"when": {"tool_results": 0}, "times": 1, "kind": "429", "headers": {"retry-after": "3"}}
    async with benches({"faults": [fault]}) as bench, bench.window() as window:
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until(lambda: [each for each in window.told("bursar/runChanged") if each["reason"] == "limit"])
        titles = await window.until_asked(lambda: window.titles(uri), lambda found: "Waits until" in str(found[LINE]))
        assert titles[LINE][1:] == ["Pause", "Stop"]
        await window.until_state(run, "finished")


async def test_a_state_folder_that_cannot_be_used_is_said_once_and_estimates_go_on(bench: Bench) -> None:
    blocked = bench.folder / "blocked"
    blocked.write_text("a file where a folder should be")
    async with bench.window(environ={"BURSAR_HOME": str(blocked)}) as window:
        uri = window.open(bench.tasks)
        await window.until_asked(lambda: window.titles(uri), lambda found: "first request" in str(found))
        with pytest.raises(LspError, match="blocked"):
            await window.command("bursar.runTask", uri=uri, line=LINE, title=TITLE)
        said = [each["message"] for each in window.told("window/showMessage")]
        assert len(said) == 2, said
    assert bench.log == []
