"""Code actions: offered for findings and files, applied at a version, and the finding is gone and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bursar.domain.text import apply_change
from support.bench import Bench
from support.lsp_client import VSCODE, Client

ACTIONS: dict[str, Any] = {
    **VSCODE,
    "workspace": {
        **VSCODE["workspace"],
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "rename", "delete"]},
    },
    "textDocument": {
        **VSCODE["textDocument"],
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}},
        "publishDiagnostics": {"codeDescriptionSupport": True, "tagSupport": {"valueSet": [1, 2]}},
    },
}
TEXT = "# Rules 🦀\n\n🦀 In order to release, run `make`.\u200b Then wait.\n"


async def actions(window: Client, uri: str, line: int, last: int | None = None, **context: Any) -> list[dict[str, Any]]:
    span = {"start": {"line": line, "character": 0}, "end": {"line": line if last is None else last, "character": 0}}
    params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": [], "triggerKind": 1, **context}}
    return await window.request("textDocument/codeAction", params)


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after the edits of one document, the last in it first."""
    for each in sorted(edits, key=lambda each: list(each["range"]["start"].values()), reverse=True):
        start, end = each["range"]["start"], each["range"]["end"]
        span = ((start["line"], start["character"]), (end["line"], end["character"]))
        text = apply_change(text, span, each["newText"])
    return text


def steering(bench: Bench, name: str, text: str) -> Path:
    path = bench.workspace / ".kiro" / "steering" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


async def test_a_fix_is_offered_with_its_finding_and_takes_it_away(bench: Bench) -> None:
    async with bench.window(capabilities=ACTIONS) as window:
        assert window.capabilities["codeActionProvider"]["codeActionKinds"] == ["quickfix", "refactor"]
        uri = window.open(steering(bench, "release.md", TEXT))
        found = await window.until_asked(lambda: window.findings(uri), bool)
        assert [each["code"] for each in found] == ["verbose-text", "hidden-characters"]
        assert all(each["codeDescription"]["href"].endswith(f"/{each['code']}.md") for each in found)
        offered = await actions(window, uri, 2)
        shorter, removed = offered[:2]
        assert shorter["title"] == 'Write "to"'
        assert [each["code"] for each in shorter["diagnostics"]] == ["verbose-text"]
        (change,) = shorter["edit"]["documentChanges"]
        assert change["textDocument"] == {"uri": uri, "version": 1}
        assert applied(TEXT, change["edits"]) == TEXT.replace("In order to", "To")
        (change,) = removed["edit"]["documentChanges"]
        assert applied(TEXT, change["edits"]) == TEXT.replace("\u200b", "")
        window.type(uri, applied(TEXT, change["edits"]))
        left = await window.until_asked(lambda: window.findings(uri), lambda found: len(found) == 1)
        assert [each["code"] for each in left] == ["verbose-text"]


async def test_what_was_not_asked_for_and_other_kinds_are_not_offered(bench: Bench) -> None:
    async with bench.window(capabilities=ACTIONS) as window:
        uri = window.open(steering(bench, "release.md", TEXT))
        await window.until_asked(lambda: window.findings(uri), bool)
        assert {each["kind"] for each in await actions(window, uri, 2)} == {"quickfix", "refactor"}
        assert {each["kind"] for each in await actions(window, uri, 2, only=["quickfix"])} == {"quickfix"}
        assert await actions(window, uri, 2, only=["source"]) == []
        assert {each["kind"] for each in await actions(window, uri, 2, triggerKind=2)} == {"quickfix"}
        assert await actions(window, uri, 0, triggerKind=2) == []


async def test_a_client_that_knows_only_commands_is_offered_nothing(bench: Bench) -> None:
    async with bench.window(capabilities=VSCODE) as window:
        uri = window.open(steering(bench, "release.md", TEXT))
        found = await window.until_asked(lambda: window.findings(uri), bool)
        assert all("codeDescription" not in each and "tags" not in each for each in found)
        assert await actions(window, uri, 2) == []


async def test_a_large_file_is_split_into_new_files(bench: Bench) -> None:
    section = "The handler reads its input, checks it, writes one row, and answers with the id of that row.\n" * 40
    text = f"# API\n\n## Style\n\nShort.\n\n## Handlers\n\n{section}\n## Queues\n\n{section}"
    async with bench.window(capabilities=ACTIONS) as window:
        uri = window.open(steering(bench, "api.md", text))
        offered = await window.until_asked(
            lambda: actions(window, uri, 0), lambda found: any("Split" in each["title"] for each in found)
        )
        split = next(each for each in offered if each["title"].startswith("Split"))
        *made, own = split["edit"]["documentChanges"]
        paths = [each["uri"].rpartition("/")[2] for each in made if each.get("kind") == "create"]
        assert paths == ["api-handlers.md", "api-queues.md"]
        texts = [each["edits"][0]["newText"] for each in made if "edits" in each]
        assert texts == [
            f"---\ninclusion: manual\n---\n\n## Handlers\n\n{section}",
            f"---\ninclusion: manual\n---\n\n## Queues\n\n{section}",
        ]
        assert applied(text, own["edits"]) == (
            "# API\n\n## Style\n\nShort.\n\n## Handlers\n\n"
            "When you work on this, read .kiro/steering/api-handlers.md.\n"
            "\n## Queues\n\nWhen you work on this, read .kiro/steering/api-queues.md.\n"
        )


@pytest.mark.parametrize("given", [True, False], ids=["given", "chosen"])
async def test_another_model_is_estimated(bench: Bench, given: bool) -> None:
    async with bench.window(capabilities=ACTIONS) as window:
        uri = window.open(steering(bench, "release.md", TEXT))
        offered = await window.until_asked(lambda: actions(window, uri, 0), bool)
        (command,) = [each["command"] for each in offered if each["title"] == "Estimate with another model"]
        window.answer = lambda params: next(
            each["title"] for each in params["actions"] if each["title"] == "openai/gpt-5"
        )
        argument = {**command["arguments"][0], **({"model": "openai/gpt-5"} if given else {})}
        params = {"command": command["command"], "arguments": [argument]}
        found = await window.request("workspace/executeCommand", params)
        counted = await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}})
        assert found["estimate"]["tokens"] == counted["tokens"]  # gpt-5 counts under the usual encoding
        (said,) = window.told("window/showMessage")
        assert said["message"] == found["message"]
        assert f"release.md has {counted['tokens']} tokens for openai/gpt-5" in said["message"]
        assert len(window.asked("window/showMessageRequest")) == (0 if given else 1)
