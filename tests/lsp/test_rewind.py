"""Rewinding from the editor: the steps are offered, the diff is shown, and the answer decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from support.bench import Bench
from support.lsp_client import LspError

LINE = 13


async def test_a_run_is_rewound_after_its_diff_was_shown(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until_over(run)
        window.reload(uri)
        (row,) = (await window.request("bursar/runs", {}))["runs"]
        edit = next(each for each in row["steps"] if each["kind"] == "edit")
        assert edit["title"].startswith(("Change ", "Write "))
        assert sum(each["cost_usd"] is not None for each in row["steps"]) == len(bench.log)

        diffs: list[str] = []

        def cancel(params: dict[str, Any]) -> str:
            shown = window.asked("window/showDocument")[-1]["uri"]
            diffs.append(Path(unquote(urlparse(shown).path)).read_text())
            return "Cancel"

        window.answer = cancel
        said = await window.command("bursar.rewind", run=run, step=edit["key"])
        assert (said["rewound"], said["files"]) == (False, [])
        assert "+++ " in diffs[0]
        window.answer = lambda params: "Rewind" if params["message"].startswith("Rewind ") else "Yes"
        said = await window.command("bursar.rewind", run=run, step=edit["key"])
        assert said["rewound"] and said["files"], said
        assert b"[x] 2.1" not in bench.tasks.read_bytes()
        listed = await window.until_asked(
            lambda: window.request("bursar/runs", {}), lambda found: found["runs"][0]["state"] == "paused"
        )
        (row,) = listed["runs"]
        assert edit["key"] not in [each["key"] for each in row["steps"]]
        with pytest.raises(LspError, match="no step"):
            await window.command("bursar.rewind", run=run, step=edit["key"])


async def test_an_untrusted_workspace_is_not_rewound(bench: Bench) -> None:
    async with bench.window(trusted=False) as window:
        with pytest.raises(LspError, match="not trusted"):
            await window.command("bursar.rewind", run="run-1", step="1")
