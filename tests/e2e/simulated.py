"""A simulated provider as a process of its own, with its bill and its log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Where it listens and what it wrote."""

    url: str
    folder: Path

    def bill(self) -> dict[str, Any]:
        """The bill as it is now."""
        path = self.folder / "bill.json"
        empty: dict[str, Any] = {"total_usd": "0", "requests": []}
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty

    def log(self) -> list[dict[str, Any]]:
        """A row for each request that ended."""
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@contextmanager
def simulated(folder: Path, *, scenario: Path | None = None) -> Iterator[Simulated]:
    """A simulator until the block is left; its bill and log stay below ``folder``."""
    arguments = ["--bill", str(folder / "bill.json"), "--log", str(folder / "log.jsonl"), "--die-with-parent"]
    if scenario is not None:
        arguments += ["--scenario", str(scenario)]
    with subprocess.Popen(
        [sys.executable, "-m", "bursar", "simulate", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Simulated(url=json.loads(process.stdout.readline())["url"], folder=folder)
        finally:
            process.terminate()
            process.wait(timeout=20)
