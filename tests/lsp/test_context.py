"""bursar/context and its commands over the protocol: the window of a run, and what is pinned for later ones."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.bench import MakeBench
from support.lsp_client import LspError

LINE = 13
LOOK = {"name": "list_files", "input": {"path": "."}}
READ = {"name": "read_file", "input": {"path": "parcel/rates.py"}}
SCENARIO = {
    "replies": [
        {
            "when": {"tool_results": 0},
            "tool_calls": [LOOK, {"name": "read_file", "input": {"path": "parcel/rates.py"}}],
        },
        {"when": {}, "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]},
    ],
    "faults": [{"when": {"tool_results": 2}, "kind": "429", "headers": {"retry-after": "7200"}}],
}


def fits(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parts by their names; the rest is as `bursar context --json` has it, with the address of each pin's file."""
    plain = {**shown, "pins": [{key: each[key] for key in each if key != "uri"} for each in shown["pins"]]}
    Draft202012Validator(load_schema("context")).validate(plain)
    return {each["item"]: each for each in shown["parts"]}


async def test_a_window_is_shown_and_held(benches: MakeBench) -> None:
    async with benches(SCENARIO) as bench, bench.window() as window:
        empty = await window.request("bursar/context", {})
        assert fits(empty) == {} and empty["pins"] == []
        source = bench.workspace / "parcel" / "rates.py"
        uri = window.open(source)
        lines = {"start": {"line": 2, "character": 4}, "end": {"line": 4, "character": 0}}
        pinned = await window.command("bursar.pin", uri=uri, range=lines)
        assert pinned["item"] == "pinned:parcel/rates.py#L3-L4"
        tasks = window.open(bench.tasks)
        run = (await window.press(tasks, LINE, "Run"))["run"]
        await window.until_over(run)
        shown = await window.request("bursar/context", {"run": run})
        found = fits(shown)
        assert shown["run"] == run and found["pinned:parcel/rates.py#L3-L4"]["origin"] == "pinned"
        assert [each["uri"] for each in shown["pins"]] == [uri]
        text = "\n".join(source.read_text().splitlines()[2:4])
        assert json.dumps(text)[1:-1] in json.dumps(bench.log[0]["body"])
        # The newest run is meant where none is named.
        assert (await window.request("bursar/context", {}))["run"] == run
        assert found["t1.1"]["actions"] == ["pin", "drop"]
        for name, item in (("drop", "t1.1"), ("recall", "t1.1"), ("pin", "t1.0"), ("drop", "t1.1")):
            assert (await window.command(f"bursar.{name}", item=item))["item"] == item
        held = fits(await window.request("bursar/context", {}))
        assert held["t1.1"]["shape"] == "stub" and held["t1.1"]["actions"] == ["pin", "recall"]
        assert held["t1.0"]["pinned"] and held["t1.0"]["actions"] == ["unpin", "drop"]
        for argument in ({"item": "system"}, {"item": "t1.1"}, {"item": "t1.0", "run": "run-none"}, {}):
            try:
                await window.command("bursar.drop", **argument)
            except LspError:
                continue
            raise AssertionError(argument)
        source.write_text("")
        await window.press(tasks, LINE, "Stop")
        await window.press(tasks, LINE, "Run")
        await window.until(
            lambda: [
                each for each in window.told("window/showMessage") if f"{pinned['item']} is gone" in each["message"]
            ]
        )
        assert (await window.command("bursar.unpin", item=pinned["item"]))["item"] == pinned["item"]
        assert (await window.request("bursar/context", {}))["pins"] == []
