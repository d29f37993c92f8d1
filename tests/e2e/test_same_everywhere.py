"""Neovim and Emacs show on the same files what ``bursar check --json`` prints of them: no more, no less."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.bench import Bench, make_bench

from .need import REPOSITORY, require_e2e
from .same_files import SAME_FILES, STEERING, TASKS, write_same_files
from .test_emacs import missing as missing_for_emacs

pytestmark = pytest.mark.e2e

WAIT_S = 90
FINDING = ("line", "character", "end_line", "end_character", "severity", "code", "message")
Seen = dict[str, dict[str, Any]]


def checked(workspace: Path, environ: Mapping[str, str]) -> Seen:
    """What ``bursar check --json`` prints: by file its lenses, hints and diagnostics, in order of their places."""
    done = subprocess.run(
        [sys.executable, "-m", "bursar", "check", "--json", *SAME_FILES],
        cwd=workspace,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        check=False,
    )
    found = {each["path"]: _shown(each) for each in json.loads(done.stdout)["files"]}
    # Something of each kind is on them, so nothing can be missed unseen.
    assert set(found) == set(SAME_FILES)
    assert all(each["lenses"] and each["hints"] for each in found.values())
    assert {"warning", "information", "hint"} <= {each["severity"] for each in found[STEERING]["diagnostics"]}
    assert found[TASKS]["diagnostics"]
    return found


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "lenses": [{"line": each["line"], "title": each["title"]} for each in one["lenses"]],
        "hints": [{key: each[key] for key in ("line", "character", "label")} for each in one["hints"]],
        "diagnostics": sorted(({key: each[key] for key in FINDING} for each in one["diagnostics"]), key=_place),
    }


def _place(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["line"], one["character"], one["code"]


def readme_lines(folder: Path, language: str) -> Path:
    """The README's only block in a language, as a file."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    (lines,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    path = folder / f"readme.{language}"
    path.write_text(lines, encoding="utf-8")
    return path


async def until_same(
    bench: Bench, command: list[str], todo: dict[str, Any], wanted: Seen, read: Callable[[Path, dict[str, Any]], Any]
) -> None:
    """Let an editor show the files until that is what is wanted; fails where it never is."""
    out, done = bench.folder / "seen.json", bench.folder / "done"
    files = {str(bench.workspace / each): each for each in SAME_FILES}
    todo = {"files": list(files), "out": str(out), "done": str(done), **todo}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=bench.workspace,
        env={
            **os.environ,
            **bench.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "BURSAR_TEST": json.dumps(todo),
            "HOME": str(bench.folder),
            "XDG_CACHE_HOME": str(bench.folder),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(bench.folder / "said").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )
    seen: Seen = {}
    try:
        ends = asyncio.get_running_loop().time() + WAIT_S
        while seen != wanted and process.returncode is None and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.1)
            if out.exists():
                told = json.loads(out.read_text("utf-8"))
                seen = {name: read(Path(path), told[path]) for path, name in files.items()}
        done.touch()
        with suppress(TimeoutError):  # what it said is told below
            await asyncio.wait_for(process.wait(), WAIT_S)
    finally:
        if process.returncode is None:
            process.kill()
    said = (bench.folder / "said").read_text("utf-8", "replace")
    assert seen, said
    assert seen == wanted, said
    for name, parts in seen.items():
        for part, shown in parts.items():
            cut = {**wanted, name: {**wanted[name], part: wanted[name][part][1:]}}
            assert (seen == cut) == (shown == []), "one that is missing is seen"


async def test_neovim_shows_what_check_prints(tmp_path: Path) -> None:
    nvim = shutil.which("nvim")
    require_e2e(None if nvim else "no nvim: run `make deps`")
    script = Path(__file__).with_name("neovim_same.lua")
    command = [str(nvim), *("--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}")]

    def read(path: Path, told: dict[str, Any]) -> dict[str, Any]:
        """Neovim's places are bytes of UTF-8."""
        lines = path.read_bytes().split(b"\n")

        def units(line: int, byte: int) -> int:
            return len(lines[line][:byte].decode("utf-8").encode("utf-16-le")) // 2

        findings = [
            {
                **each,
                "character": units(each["line"], each.pop("byte")),
                "end_character": units(each["end_line"], each.pop("end_byte")),
            }
            for each in told["diagnostics"]
        ]
        hints = [
            {**each, "character": units(each["line"], each.pop("byte")) if "byte" in each else each["character"]}
            for each in told["hints"]
        ]
        return _shown({**told, "hints": hints, "diagnostics": findings})

    async with make_bench(tmp_path) as bench:
        write_same_files(bench.workspace)
        wanted = checked(bench.workspace, bench.environ)
        todo = {"readme": str(readme_lines(tmp_path, "lua")), "wait_ms": 2 * WAIT_S * 1000}
        await until_same(bench, command, todo, wanted, read)


async def test_emacs_shows_what_check_prints(tmp_path: Path) -> None:
    emacs = shutil.which("emacs")
    require_e2e(missing_for_emacs(emacs))
    script = Path(__file__).with_name("emacs_same.el")
    command = [str(emacs), "--batch", "-q", "-l", str(script)]
    levels = {"eglot-error": ("error",), "eglot-warning": ("warning",), "eglot-note": ("information", "hint")}

    def read(path: Path, told: dict[str, Any]) -> dict[str, Any]:
        """Emacs' places are characters, and one level of its stands for information and hint."""
        assert told["mode"] in ("text-mode", "python-mode")
        lines = path.read_text("utf-8").split("\n")

        def units(line: int, characters: int) -> int:
            return len(lines[line][:characters].encode("utf-16-le")) // 2

        findings = []
        for each in told["diagnostics"]:
            assert each["message"] in each["text"]
            place = {
                "line": each["line"],
                "character": units(each["line"], each["point"]),
                "end_line": each["end_line"],
                "end_character": units(each["end_line"], each["end_point"]),
            }
            wanted = [one for one in told_by_check[path]["diagnostics"] if {**one, **place} == one]
            level = next((one["severity"] for one in wanted if one["code"] == each["code"]), "")
            severity = level if level in levels[each["severity"]] else each["severity"]
            findings.append({**place, "severity": severity, "code": each["code"], "message": each["message"]})
        return _shown({**told, "diagnostics": findings})

    async with make_bench(tmp_path) as bench:
        write_same_files(bench.workspace)
        # eglot's root is that of the version control, else the folder of each file.
        subprocess.run(["git", "init", "-q", bench.workspace], check=True)
        wanted = checked(bench.workspace, bench.environ)
        told_by_check = {bench.workspace / name: each for name, each in wanted.items()}
        todo = {"readme": str(readme_lines(tmp_path, "elisp")), "wait_s": 2 * WAIT_S}
        await until_same(bench, command, todo, wanted, read)
