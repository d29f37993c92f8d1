"""What the editor shows of a model's words: nothing that can be clicked, nothing unseen."""

from __future__ import annotations

from support.bench import MakeBench

LINE = 13
LURE = "Nothing to do, [see why](command:workbench.action.terminal.new) \u202etxt"


async def test_a_models_words_are_no_link_in_a_message(benches: MakeBench) -> None:
    async with benches({"replies": [{"when": {}, "text": LURE}]}) as bench, bench.window() as window:
        run = (await window.press(window.open(bench.tasks), LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "paused"
        shown = [each["message"] for each in window.told("window/showMessage")]
        assert any("[see why] (command:" in each for each in shown)
        shown += [str(each["value"]) for each in window.told("$/progress")]
        assert not any("](" in each or "\u202e" in each for each in shown)
