"""The page about the additions to the protocol shows what is really sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from support.bench import Bench

PAGE = (Path(__file__).parents[2] / "docs" / "lsp.md").read_text(encoding="utf-8")
LINE = 13


def documented() -> dict[str, Any]:
    return {
        name: json.loads(block)
        for name, block in re.findall(r"### `(bursar/\w+)`\n.*?```json\n(.*?)```", PAGE, re.DOTALL)
    }


def shape(value: Any) -> Any:
    """Names and kinds; a null stands for any kind, a list for its first item."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def fits(shown: Any, sent: Any) -> bool:
    if isinstance(shown, dict) and isinstance(sent, dict):
        return shown.keys() == sent.keys() and all(fits(shown[key], sent[key]) for key in shown)
    if isinstance(shown, list) and isinstance(sent, list):
        return not (shown and sent) or fits(shown[0], sent[0])
    return shown == sent or "NoneType" in (shown, sent)


async def test_every_addition_is_on_the_page_and_sent_as_shown(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        await window.command("bursar.pin", uri=uri)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until_over(run)
        sent = {
            "bursar/documentTokens": [await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}})],
            "bursar/runs": [await window.request("bursar/runs", {})],
            "bursar/context": [await window.request("bursar/context", {"run": run})],
            **{
                name: [params for each, params in window.notifications if each == name]
                for name in {name for name, _ in window.notifications if name.startswith("bursar/")}
            },
        }
        commands = window.capabilities["executeCommandProvider"]["commands"]
    page = documented()
    assert set(page) == {*sent, "bursar/trustChanged"}
    for name, messages in sent.items():
        assert messages
        for message in messages:
            assert fits(shape(page[name]), shape(message)), (name, message)
    assert sorted(re.findall(r"^\| `(bursar\.\w+)`", PAGE, re.MULTILINE)) == sorted(commands)
