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

        # What is counted is told first; why there is no forecast takes a look at the runs that have ended.
        found = await window.until_asked(
            ask, lambda hover: hover is not None and "forecast" in hover["contents"]["value"]
        )
        assert found["contents"]["kind"] == "markdown"
        assert (
            "**Not enough data for a forecast.** 0 similar of yours have ended, 5 are needed."
            in (found["contents"]["value"])
        )
        assert "| **together** |" in found["contents"]["value"], "and how large the task is"
        assert found["contents"]["value"].startswith("First request: ")
        assert found["range"]["start"] == {"line": LINE, "character": 0}
        at["position"] = {"line": 0, "character": 0}
        whole = await window.until_asked(
            ask, lambda hover: hover is not None and "similar" in hover["contents"]["value"]
        )
        assert "One of these tasks has 0 similar ones that have ended" in whole["contents"]["value"]
        at["position"] = {"line": 1, "character": 0}
        assert await ask() is None


async def test_hover_over_an_included_file_as_the_client_reads_it(bench: Bench) -> None:
    (bench.workspace / "docs").mkdir()
    (bench.workspace / "docs" / "house.md").write_text("Be kind to whoever reads this.\n")
    claude = bench.workspace / "CLAUDE.md"
    claude.write_text("# Rules\n\n🦀 See @docs/house.md for all of them.\n")
    plain = {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
    for capabilities, kind in ((None, "markdown"), (plain, "plaintext")):
        async with bench.window(capabilities=capabilities) as window:
            uri = window.open(claude)
            # The crab is two units of UTF-16.
            at = {"textDocument": {"uri": uri}, "position": {"line": 2, "character": 10}}

            async def ask(window=window, at=at) -> object:
                return await window.request("textDocument/hover", at)

            found = await window.until_asked(ask, lambda hover: hover is not None)
            assert found["contents"]["kind"] == kind
            assert found["contents"]["value"].startswith("docs/house.md: ")
            assert ("**" in found["contents"]["value"]) is (kind == "markdown")
            assert found["range"]["start"] == {"line": 2, "character": 7}
            assert found["range"]["end"] == {"line": 2, "character": 7 + len("@docs/house.md")}
            (hint,) = [each for each in await window.hints(uri) if each["label"].startswith("+ ")]
            assert hint["position"] == found["range"]["end"]
