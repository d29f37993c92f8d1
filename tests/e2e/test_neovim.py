"""Neovim as the editor: what it draws of a tasks file, and a task run by its lens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from support.bench import make_bench

from .need import REPOSITORY, require_e2e

LINE = 13
WAIT_S = 60


@pytest.mark.e2e
async def test_neovim_shows_a_task_and_runs_it_to_its_tick(tmp_path: Path) -> None:
    nvim = shutil.which("nvim")
    require_e2e(None if nvim else "no nvim: run `make deps`")
    async with make_bench(tmp_path) as bench:
        out = tmp_path / "seen.json"
        settings = bench.folder / "home" / "settings.json"
        # The example's tasks are small.
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "hints": {"min_tokens": 0}}))
        todo = {
            "file": str(bench.tasks),
            "root": str(bench.workspace),
            "cmd": [sys.executable, "-m", "bursar", "serve"],
            "line": LINE,
            "out": str(out),
            "wait_ms": WAIT_S * 1000,
        }
        script = Path(__file__).with_name("neovim.lua")
        process = await asyncio.create_subprocess_exec(
            *(str(nvim), "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}"),
            env={**os.environ, **bench.environ, "BURSAR_TEST": json.dumps(todo), "XDG_CACHE_HOME": str(tmp_path)},
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), 3 * WAIT_S)
        finally:
            if process.returncode is None:
                process.kill()
        assert out.exists(), said.decode()
        seen = json.loads(out.read_text())
        assert seen.get("failure") is None, (seen, said.decode())

        first, last = seen["lenses"]
        assert first.startswith("Run · first request ")
        assert first in seen["drawn"]
        assert first.endswith("· at most $1.00")
        bill = bench.bill["requests"]
        assert f"· {len(bill)} requests ·" in last
        assert len(seen["hints"]) > 10
        assert all(each.endswith((" tokens", " token")) for each in seen["hints"])
        (found,) = [each for each in seen["diagnostics"] if each["code"] == "request-cost"]
        assert (found["line"], found["source"]) == (LINE, "bursar")
        assert f"{bill[-1]['billed_tokens']['output']} out" in found["message"]
        assert seen["messages"] == []
        assert seen["ticked"]
        assert any(each.endswith("· running 2.1") for each in seen["meter"])
        assert b"- [x] 2.1" in bench.tasks.read_bytes()


SHOWN = """
vim.cmd("luafile " .. vim.fn.fnameescape(vim.env.BURSAR_README))
vim.cmd("edit " .. vim.fn.fnameescape(vim.env.BURSAR_TASKS))
local function title()
  local lens = vim.lsp.codelens.get(0)[1]
  return lens and lens.command and lens.command.title
end
vim.wait(60000, title, 50)
vim.fn.writefile({ title() or "nothing" }, vim.env.BURSAR_OUT)
"""


@pytest.mark.e2e
async def test_neovim_draws_lenses_by_the_lines_in_the_readme(tmp_path: Path) -> None:
    nvim = shutil.which("nvim")
    require_e2e(None if nvim else "no nvim: run `make deps`")
    (lines,) = re.findall(
        r"^```lua\n(.*?)^```$", (REPOSITORY / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    readme, script, out = tmp_path / "readme.lua", tmp_path / "shown.lua", tmp_path / "out"
    readme.write_text(lines, encoding="utf-8")
    script.write_text(SHOWN, encoding="utf-8")
    async with make_bench(tmp_path) as bench:
        process = await asyncio.create_subprocess_exec(
            *(str(nvim), "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}", "-c", "qall!"),
            cwd=bench.workspace,
            env={
                **os.environ,
                **bench.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "BURSAR_TASKS": str(bench.tasks),
                "BURSAR_README": str(readme),
                "BURSAR_OUT": str(out),
                "XDG_CACHE_HOME": str(tmp_path),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), 3 * WAIT_S)
        finally:
            if process.returncode is None:
                process.kill()
    assert out.read_text("utf-8").startswith("Run "), said.decode()
