"""Findings of files that are not open, and reports that say only that nothing changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.bench import Bench
from support.lsp_client import VSCODE, WAIT_S, Client

SAID = (
    "Before you change a public function, read the tests that call it, run them once to see them pass, and write down "
    "which of them you expect to fail after the change and why. When another one fails, stop and say so at once."
)


def steering(bench: Bench, name: str, text: str) -> Path:
    path = bench.workspace / ".kiro" / "steering" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


async def pulled(window: Client, before: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    ids = [{"uri": uri, "value": value} for uri, value in (before or {}).items()]
    answer = await window.request("workspace/diagnostic", {"previousResultIds": ids})
    return {each["uri"]: each for each in answer["items"]}


async def until(window: Client, good: Callable[[dict[str, Any]], bool], before: dict[str, str] | None = None) -> Any:
    """Ask as an editor does, now and then, until the answer is good."""
    async with asyncio.timeout(WAIT_S):
        while not good(found := await pulled(window, before)):
            await asyncio.sleep(0.2)
        return found


def codes(report: dict[str, Any]) -> list[str]:
    return [each["code"] for each in report["items"]]


async def test_files_that_are_not_open_are_reported_once_until_they_change(bench: Bench) -> None:
    first, second = steering(bench, "a.md", f"# A\n\n{SAID}\n"), steering(bench, "b.md", f"# B\n\n{SAID}\n")
    async with bench.window() as window:
        provider = window.capabilities["diagnosticProvider"]
        assert (provider["workspaceDiagnostics"], provider["interFileDependencies"]) == (True, True)
        found = await pulled(window)
        assert {uri: codes(each) for uri, each in found.items()} == {second.as_uri(): ["duplicated-text"]}
        ids = {uri: each["resultId"] for uri, each in found.items()}
        same = await pulled(window, ids)
        assert [(each["kind"], each["resultId"]) for each in same.values()] == [("unchanged", *ids.values())]
        first.write_text("# A\n\nSomething else.\n", "utf-8")
        now = await until(window, lambda found: any(each["kind"] == "full" for each in found.values()), ids)
        assert {uri: codes(each) for uri, each in now.items()} == {second.as_uri(): []}
        second.unlink()
        gone = await until(window, lambda found: "resultId" not in found.get(second.as_uri(), {"resultId": 0}), ids)
        assert codes(gone[second.as_uri()]) == []


async def test_what_is_open_is_reported_with_its_document_and_its_unsaved_text_counts(bench: Bench) -> None:
    first, second = steering(bench, "a.md", f"# A\n\n{SAID}\n"), steering(bench, "b.md", f"# B\n\n{SAID}\n")
    async with bench.window() as window:
        uri = window.open(second)
        assert codes({"items": await window.until_asked(lambda: window.findings(uri), bool)}) == ["duplicated-text"]
        assert await pulled(window) == {}
        window.type(window.open(first), "# A\n\nNot saved.\n")
        await window.until_asked(lambda: window.findings(uri), lambda found: found == [])
        window.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert await pulled(window) == {}
        window.type(first.as_uri(), f"# A\n\n{SAID}\n")
        found = await until(window, bool)
        assert {uri: codes(each) for uri, each in found.items()} == {second.as_uri(): ["duplicated-text"]}


async def test_a_document_that_says_the_same_again_is_unchanged(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(steering(bench, "a.md", "# A\n\nIn order to see, look.\n"))
        await window.until_asked(lambda: window.findings(uri), bool)
        params = {"textDocument": {"uri": uri}}
        full = await window.request("textDocument/diagnostic", params)
        again = await window.request("textDocument/diagnostic", {**params, "previousResultId": full["resultId"]})
        assert again == {"kind": "unchanged", "resultId": full["resultId"]}
        window.type(uri, "\n", span=((0, 0), (0, 0)))
        moved = await window.request("textDocument/diagnostic", {**params, "previousResultId": full["resultId"]})
        assert [each["range"]["start"]["line"] for each in moved["items"]] == [3]


async def test_a_client_that_does_not_ask_is_told_of_open_documents_only(bench: Bench) -> None:
    without = {
        **VSCODE,
        "textDocument": {key: each for key, each in VSCODE["textDocument"].items() if key != "diagnostic"},
    }
    steering(bench, "a.md", f"# A\n\n{SAID}\n")
    second = steering(bench, "b.md", f"# B\n\n{SAID}\n")
    async with bench.window(capabilities=without) as window:
        assert "diagnosticProvider" not in window.capabilities
        window.open(second)
        await window.until(lambda: any(each["diagnostics"] for each in window.told("textDocument/publishDiagnostics")))
        assert {each["uri"] for each in window.told("textDocument/publishDiagnostics")} == {second.as_uri()}
