"""Starts second processes and talks with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent


class Child:
    """One ``storage.child``; killed at the end of the block if it still lives."""

    def __init__(self, what: str, home: Path, *rest: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "storage.child", what, str(home), *rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def heard(self) -> dict[str, Any]:
        """Its next line."""
        line = self._out.readline()
        assert line, f"the child ended with {self._process.wait()}"
        return dict(json.loads(line))

    def tell(self, line: str) -> None:
        self._in.write(line + "\n")
        self._in.flush()

    def kill(self) -> list[dict[str, Any]]:
        """Kill it; what it had said and nobody had read."""
        self._process.kill()
        rest = self._out.read().splitlines()
        self._process.wait()
        return [json.loads(each) for each in rest if each.endswith("}")]

    def wait(self) -> int:
        """Until it has ended; its exit code."""
        return self._process.wait()
