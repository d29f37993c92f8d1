"""`bursar check` says of a file on the disk what a window says of it when it is open."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema

import bursar
from support.bench import Bench

LINE = 13
SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


async def check(bench: Bench, *files: Path) -> tuple[int, list[dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bursar", "check", "--json", *map(str, files)),
        env={**os.environ, **bench.environ},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    answer = json.loads(out)
    schema = json.loads((Path(bursar.__file__).parent / "schemas" / "check.json").read_text())
    jsonschema.validate(answer, schema)
    return process.returncode, answer["files"]


async def test_check_says_what_the_editor_shows(bench: Bench) -> None:
    bench.tasks.write_text(bench.tasks.read_text().replace("Quote it", "Quote it 🦀 and more"))
    design = bench.tasks.with_name("design.md")
    async with bench.window() as window:
        uri, other = window.open(bench.tasks), window.open(design)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until_over(run)
        window.reload(uri)
        await window.until_asked(
            lambda: window.lenses(uri),
            lambda found: "requests" in str(found) and str(found).count("first request") == 6,
        )
        await window.until_asked(lambda: window.hints(other), bool)
        code, (tasks, beside) = await check(bench, bench.tasks, design)
        assert code == 0
        lenses = [
            {"line": each["range"]["start"]["line"], "title": each["command"]["title"]}
            for each in await window.lenses(uri)
        ]
        assert tasks["lenses"] == lenses
        for path, found in ((uri, tasks), (other, beside)):
            assert found["hints"] == [{**each["position"], "label": each["label"]} for each in await window.hints(path)]
            assert found["hints"]
            assert found["diagnostics"] == [
                {
                    "line": each["range"]["start"]["line"],
                    "character": each["range"]["start"]["character"],
                    "end_line": each["range"]["end"]["line"],
                    "end_character": each["range"]["end"]["character"],
                    "severity": SEVERITIES[each["severity"]],
                    "code": each["code"],
                    "message": each["message"],
                }
                for each in await window.findings(path)
            ]
            figures = {figure: found[figure] for figure in ("tokens", "encoding", "estimate")}

            async def ask(path: str = path) -> dict[str, Any]:
                return await window.request("bursar/documentTokens", {"textDocument": {"uri": path}})

            # What the run's requests say of the model is learnt beside the loop.
            await window.until_asked(ask, lambda counted, figures=figures: counted == {**counted, **figures})
        assert [each["code"] for each in tasks["diagnostics"]] == ["request-cost"]
        assert beside["lenses"] == []


async def test_check_fails_where_a_task_cannot_fit_the_budget(bench: Bench) -> None:
    settings = bench.folder / "home" / "settings.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "budget": {"day": "0.001usd"}}))
    code, (found,) = await check(bench, bench.tasks)
    assert code == 1
    assert {each["code"] for each in found["diagnostics"]} == {"over-budget"}
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        shown = await window.until_asked(lambda: window.findings(uri), bool)
        assert [each["message"] for each in shown] == [each["message"] for each in found["diagnostics"]]


async def test_check_says_what_the_editor_shows_on_code_and_transcripts(bench: Bench) -> None:
    words = "Be kind and brief. " * 60
    code = bench.workspace / "ask.py"
    asked = 'openai.OpenAI().responses.create(\n    model="gpt-4o", input=SYSTEM\n)'
    code.write_text(f'import openai\n\nSYSTEM = """😀 {words}"""\n{asked}\n')
    talk = bench.workspace / "talk.jsonl"
    talk.write_text(json.dumps({"role": "user", "content": words}) + "\n")
    async with bench.window() as window:
        uris = [window.open(code), window.open(talk)]
        for uri in uris:
            await window.until_asked(lambda uri=uri: window.lenses(uri), bool)
        status, found = await check(bench, code, talk)
        assert status == 0
        for uri, each in zip(uris, found, strict=True):
            lenses = await window.lenses(uri)
            assert each["lenses"] == [
                {"line": one["range"]["start"]["line"], "title": one["command"]["title"]} for one in lenses
            ]
            assert each["hints"] == [{**one["position"], "label": one["label"]} for one in await window.hints(uri)]
            assert len(each["lenses"]) == len(each["hints"]) == 1
        at = {"textDocument": {"uri": uris[0]}, "position": {"line": 4, "character": 10}}
        hover = (await window.request("textDocument/hover", at))["contents"]["value"]
        assert hover.startswith("| openai/gpt-4o | | tokens | uncached |")
        assert "| user | 😀 Be kind and brief." in hover
        assert found[0]["lenses"][0]["title"] == "302 tokens · $0.00076"
        assert found[1]["lenses"][0]["title"] == "1 message · 301 tokens: user 301"
