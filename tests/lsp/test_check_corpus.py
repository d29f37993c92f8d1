"""`bursar check` prints exactly what the editor shows: the same for the real files of the corpus.

A tasks file has dozens of requests to estimate, twice, so only some of the 42 are taken; ``BURSAR_WHOLE_CORPUS=1``
takes all, which needs half a minute of a processor.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from support.bench import Bench
from support.lsp_client import Client

CORPUS = Path(__file__).parents[1] / "fixtures" / "corpus"
SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}
PATIENCE_S = 240


async def checked(bench: Bench, paths: list[str]) -> dict[str, dict[str, Any]]:
    """What ``bursar check --json`` says of these files of the workspace."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bursar", "check", "--json", *paths),
        cwd=bench.workspace,
        env={**os.environ, **bench.environ},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode in (0, 1)
    return {each["path"]: each for each in json.loads(out)["files"]}


async def shown(window: Client, uri: str) -> dict[str, Any]:
    """What the language server answers for an open file, in the words of the command's output."""
    counted = await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}})
    return {
        "lenses": [
            {"line": each["range"]["start"]["line"], "title": each["command"]["title"]}
            for each in await window.lenses(uri)
        ],
        "hints": [{**each["position"], "label": each["label"]} for each in await window.hints(uri, last=100_000)],
        "diagnostics": [
            {
                "line": each["range"]["start"]["line"],
                "character": each["range"]["start"]["character"],
                "end_line": each["range"]["end"]["line"],
                "end_character": each["range"]["end"]["character"],
                "severity": SEVERITIES[each["severity"]],
                "code": each["code"],
                "message": each["message"],
            }
            for each in await window.findings(uri)
        ],
        **{key: counted[key] for key in ("tokens", "encoding", "estimate")},
    }


def different(found: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """The parts that are not the same, each as the editor has it and as the command does."""
    return {key: (found[key], told[key]) for key in found if found[key] != told[key]}


async def test_check_and_the_editor_say_the_same_of_every_file_of_the_corpus(bench: Bench) -> None:
    shutil.copytree(CORPUS, bench.workspace / "corpus")
    every = sorted(each for each in (bench.workspace / "corpus").rglob("*") if each.is_file())
    tasks = [each for each in every if each.name == "tasks.md"]
    left_out = set() if os.environ.get("BURSAR_WHOLE_CORPUS") else set(tasks) - set(tasks[::6])
    files = [each for each in every if each not in left_out]
    names = [each.relative_to(bench.workspace).as_posix() for each in files]
    told = await checked(bench, names)
    assert set(told) == set(names)
    async with bench.window() as window:
        uris = {
            name: window.open(path, path.read_bytes().decode().removeprefix("\ufeff"))
            for name, path in zip(names, files, strict=True)
        }

        ends = asyncio.get_running_loop().time() + PATIENCE_S
        for name, uri in uris.items():
            while (left := different(await shown(window, uri), told[name])) != {}:
                assert asyncio.get_running_loop().time() < ends, (name, left)
                await asyncio.sleep(0.2)
        # Once more, when every file was looked at: nothing comes after what was the same.
        for name, uri in uris.items():
            found = await shown(window, uri)
            assert different(found, told[name]) == {}, name
            for part in ("lenses", "hints", "diagnostics"):
                cut = {**told[name], part: told[name][part][1:]}
                assert (different(found, cut) == {}) == (told[name][part] == []), "one that is missing is seen"
    for part, least in (("lenses", 50), ("hints", 50), ("diagnostics", 5)):
        assert sum(len(each[part]) for each in told.values()) >= least, part
