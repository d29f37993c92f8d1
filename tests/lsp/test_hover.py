"""Hover over a task, through the protocol: what is counted, and why there is no forecast where there is none."""

from __future__ import annotations

from support.bench import Bench

LINE = 13


async def test_hover_over_a_task(bench: Bench) -> None:
    async with bench.window() as window:
        assert window.capabilities["hoverProvider"]
        uri = window.open(bench.tasks)
        at = {"textDocument": {"uri": uri}, "position": {"line": LINE, "character": 8}}

        async def ask() -> object:
            return await window.request("textDocument/hover", at)

        found = await window.until_asked(ask, lambda hover: hover is not None)
        assert found["contents"]["kind"] == "markdown"
        assert (
            "**Not enough data for a forecast.** 0 similar of yours have ended, 5 are needed."
            in (found["contents"]["value"])
        )
        assert "| **together** |" in found["contents"]["value"], "and how large the task is"
        assert found["contents"]["value"].startswith("First request: ")
        assert found["range"]["start"] == {"line": LINE, "character": 0}
        at["position"] = {"line": 0, "character": 0}
        whole = await window.until_asked(ask, lambda hover: hover is not None)
        assert "One of these tasks has 0 similar ones that have ended" in whole["contents"]["value"]
        at["position"] = {"line": 1, "character": 0}
        assert await ask() is None
