"""`bursar check` says of a file of each kind what a window says of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from support.bench import Bench

CORPUS = Path(__file__).parents[1] / "fixtures" / "corpus" / "prompts"
OWN = {
    ".kiro/hooks/format.kiro.hook": json.dumps({"then": {"type": "askAgent", "prompt": "Look at it. " * 90}}),
    ".claude/skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDF files\n---\n# Steps\n\n" + "Open it. " * 120,
    ".github/chatmodes/plan.chatmode.md": "---\ndescription: Plans\n---\n# Plan\n\nSee [the rules](../../AGENTS.md).\n",
    ".clinerules/style.md": "# Style\n\n" + "Keep it short. " * 80,
    ".windsurfrules": "# Rules\n\nBe kind.\n",
    "GEMINI.md": "@./AGENTS.md\n@.kiro/steering/tech.md\n@./missing.md\n",
}
SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


def files_of_each_kind(workspace: Path) -> list[Path]:
    """The corpus' files where their agents look for them, and a few of kinds that it has none of."""
    found = []
    for source in sorted(CORPUS.glob("*/*")):
        if source.name.startswith("LICENSE"):
            continue
        path = workspace / source.name.replace("__", "/")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            found.append(path)
    for name, text in OWN.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        found.append(path)
    return found


async def checked(bench: Bench, files: list[Path]) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bursar", "check", "--json", *map(str, files)),
        env={**os.environ, **bench.environ},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return json.loads(out)["files"]


async def test_check_says_what_the_editor_shows_on_each_kind(bench: Bench) -> None:
    paths = files_of_each_kind(bench.workspace)
    assert len(paths) > 20
    found = dict(zip(paths, await checked(bench, paths), strict=True))
    shown_something = 0
    async with bench.window() as window:
        for path in paths:
            uri = window.open(path, path.read_bytes().decode().removeprefix("\ufeff"))
            wanted = found[path]

            async def ask(uri: str = uri) -> dict[str, Any]:
                return {
                    "lenses": [
                        {"line": each["range"]["start"]["line"], "title": each["command"]["title"]}
                        for each in await window.lenses(uri)
                    ],
                    "hints": [{**each["position"], "label": each["label"]} for each in await window.hints(uri)],
                    "diagnostics": [
                        (
                            *each["range"]["start"].values(),
                            *each["range"]["end"].values(),
                            SEVERITIES[each["severity"]],
                            each["code"],
                            each["message"],
                        )
                        for each in await window.findings(uri)
                    ],
                }

            def same(shown: dict[str, Any], wanted: dict[str, Any] = wanted) -> bool:
                keys = ("line", "character", "end_line", "end_character", "severity", "code", "message")
                findings = [tuple(each[key] for key in keys) for each in wanted["diagnostics"]]
                return shown == {"lenses": wanted["lenses"], "hints": wanted["hints"], "diagnostics": findings}

            # A file that is opened is counted beside the loop; until then it shows less.
            await window.until_asked(ask, same)
            shown_something += bool(wanted["lenses"] or wanted["hints"])
    assert shown_something > 20
