"""A process that may hold keys cannot be looked into by others of its user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import ctypes, sys
from bursar.cli import run_command_line
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = dumpable()
code = run_command_line(sys.argv[1:])
print(before, code, dumpable(), file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told so")
@pytest.mark.parametrize(("args", "after"), [(("runs", "--all"), 0), (("schema",), 1)])
def test_a_command_that_may_hold_keys_is_closed_to_others(tmp_path: Path, args: tuple[str, ...], after: int) -> None:
    """Control: one that holds none is as every process is."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *args],
        env={**os.environ, "BURSAR_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == f"1 0 {after}"
