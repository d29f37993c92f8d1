"""``bursar`` as processes of their own: one user with a state folder, and one simulated provider."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BURSAR = (sys.executable, "-m", "bursar")
CLAUDE = "claude-sonnet-5-5"
_PATIENCE_S = 60


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The whole of stdout as one JSON value."""
        return json.loads(self.out)

    def events(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines; fails for any line that is none."""
        return [json.loads(line) for line in self.out.splitlines()]

    def last(self) -> dict[str, Any]:
        return self.events()[-1]


@dataclass
class User:
    """Somebody with a state folder and an environment of their own; nothing is taken from ours but the path."""

    home: Path
    cwd: Path
    environ: dict[str, str] = field(default_factory=dict)

    def do(self, *args: object, stdin: str = "", cwd: Path | None = None, **more: str) -> Done:
        """Run one command to its end."""
        ended = subprocess.run(
            [*BURSAR, *map(str, args)],
            cwd=cwd or self.cwd,
            env=self._environ(more),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_PATIENCE_S,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *args: object, **more: str) -> subprocess.Popen[str]:
        """Start a command whose stdout is read while it runs; the caller ends it."""
        return subprocess.Popen(
            [*BURSAR, *map(str, args)],
            cwd=self.cwd,
            env=self._environ(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def uses(self, url: str, *, wire: str = "anthropic", model: str = CLAUDE, **entry: str) -> User:
        """Take the model from a provider entry of the user's own environment."""
        self.environ["BURSAR_PROVIDERS"] = json.dumps({"sim": {"wire": wire, "base_url": url, **entry}})
        self.environ["BURSAR_MODEL"] = f"sim/{model}"
        return self

    def settings(self, **settings: Any) -> None:
        """Write the user's settings file."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.home.parent), "LANG": "C.UTF-8", "TZ": "UTC"}
        return {**plain, "BURSAR_HOME": str(self.home), **self.environ, **more}


@dataclass
class Simulator:
    """A running ``bursar simulate``."""

    url: str
    bill_path: Path
    log_path: Path
    process: subprocess.Popen[str]

    def bill(self) -> list[dict[str, Any]]:
        """The rows of the bill as they are now."""
        rows: list[dict[str, Any]] = json.loads(self.bill_path.read_text(encoding="ascii"))["requests"]
        return rows

    def bill_with(self, request_ids: set[str]) -> dict[str, dict[str, Any]]:
        """The rows of these requests, once all are there: a row is written after the answer's last byte is sent."""
        ends = time.monotonic() + 10
        while True:
            rows = {row["request_id"]: row for row in self.bill()}
            if request_ids <= rows.keys():
                return {key: rows[key] for key in request_ids}
            assert time.monotonic() < ends, f"not on the bill: {request_ids - rows.keys()}"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it; bill and log are whole then."""
        self.process.terminate()
        self.process.wait(timeout=20)

    def log_text(self) -> str:
        """Everything that was sent to it, as the log's text."""
        return self.log_path.read_text(encoding="ascii")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_text().splitlines()]

    def bodies(self) -> list[str]:
        """What was sent, request by request, as text that can be searched."""
        return [_text(row["body"]) for row in self.log()]


@contextlib.contextmanager
def simulator(folder: Path, scenario: Mapping[str, Any] | None = None) -> Iterator[Simulator]:
    """A simulated provider whose scenario, bill and log lie in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path, bill, log = folder / "scenario.json", folder / "bill.json", folder / "log.jsonl"
    path.write_text(json.dumps(scenario or {}), encoding="utf-8")
    argv = [*BURSAR, "simulate", "--scenario", path, "--bill", bill, "--log", log, "--die-with-parent"]
    with subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Simulator(json.loads(process.stdout.readline())["url"], bill, log, process)
        finally:
            process.kill()


SPEC = """\
# Plan

- [ ] 1. Say hello
  - Write it down in `hello.py`
- [ ] 2. Say good-bye
"""


def make_workspace(folder: Path, tasks: str | bytes = SPEC, *, name: str = "demo", **beside: str) -> Path:
    """A workspace with one Kiro spec; ``beside`` are further files of the spec, by name without ``.md``."""
    spec = folder / ".kiro" / "specs" / name
    spec.mkdir(parents=True)
    (spec / "tasks.md").write_bytes(tasks.encode() if isinstance(tasks, str) else tasks)
    for title, text in beside.items():
        (spec / f"{title}.md").write_text(text, encoding="utf-8")
    return folder


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
