"""Emacs with eglot, by the lines in the README: what it is told of a tasks file, and a task run to its tick."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.bench import make_bench

from .need import REPOSITORY, require_e2e

LINE = 13
WAIT_S = 60
WITH_EGLOT = ("--batch", "-q", "--eval", "(unless (require 'eglot nil t) (kill-emacs 1))")


def missing(emacs: str | None) -> str | None:
    if emacs is None:
        return "no emacs: run `make deps`"
    has_it = subprocess.run([emacs, *WITH_EGLOT], capture_output=True, timeout=WAIT_S, check=False).returncode == 0
    return None if has_it else "no eglot for emacs: run `make deps`"


@pytest.mark.e2e
async def test_emacs_runs_a_task_to_its_tick_by_the_lines_in_the_readme(tmp_path: Path) -> None:
    emacs = shutil.which("emacs")
    require_e2e(missing(emacs))
    text = (REPOSITORY / "README.md").read_text("utf-8")
    (lines,) = re.findall(r"^```elisp\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    readme, out = tmp_path / "readme.el", tmp_path / "seen.json"
    readme.write_text(lines, encoding="utf-8")
    script = Path(__file__).with_name("emacs.el")
    async with make_bench(tmp_path) as bench:
        settings = bench.folder / "home" / "settings.json"
        # The example's tasks are small.
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "hints": {"min_tokens": 0}}))
        todo = {"file": str(bench.tasks), "readme": str(readme), "line": LINE, "out": str(out), "wait_s": WAIT_S}
        todo["bill"] = str(tmp_path / "bill.json")
        process = await asyncio.create_subprocess_exec(
            *(str(emacs), "--batch", "-q", "-l", str(script)),
            cwd=bench.workspace,
            env={
                **os.environ,
                **bench.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "BURSAR_TEST": json.dumps(todo),
                "HOME": str(tmp_path),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), 4 * WAIT_S)
        finally:
            if process.returncode is None:
                process.kill()
        assert out.exists(), said.decode()
        seen = json.loads(out.read_text())
        assert "failure" not in seen, (seen, said.decode())
        bill = bench.bill["requests"]
        assert b"- [x] 2.1" in bench.tasks.read_bytes()
    assert seen["mode"] == "text-mode"
    assert seen["lens"].startswith("Run · first request ")
    assert len(seen["hints"]) > 10
    assert all(each.endswith((" tokens", " token")) for each in seen["hints"])
    assert f"· {len(bill)} requests ·" in seen["done"]
    assert f"{bill[-1]['billed_tokens']['output']} out" in seen["finding"]
