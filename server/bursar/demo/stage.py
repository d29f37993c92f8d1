"""One play of the example: a fresh copy, a state folder of its own, a simulator, and Bursar as processes."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bursar.demo import ALLOWED_COMMANDS, MODEL, SPEC, copy_workspace, scenario_path
from bursar.domain.errors import BursarError

_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")


class DemoFailed(BursarError):
    """The demo did not show what it promises; the message says what differed."""


class Stage:
    """A workspace with its state and its simulator below one folder; ends its processes when it is left."""

    def __init__(self, folder: Path, *, run_budget: str, day_budget: str) -> None:
        self.folder = folder
        self.workspace = copy_workspace(folder / "workspace")
        self.home = folder / "home"
        self.bill_path = folder / "bill.json"
        self.log_path = folder / "log.jsonl"
        self.home.mkdir(mode=0o700, parents=True)
        budget = {"run": run_budget, "day": day_budget}
        settings = self.home / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps({"budget": budget}), encoding="utf-8")
        scenario = folder / "scenario.json"
        scenario.write_bytes(scenario_path().read_bytes())
        self._started: list[subprocess.Popen[str]] = []
        self._simulator = self._start(
            ["simulate", "--scenario", scenario, "--bill", self.bill_path, "--log", self.log_path, "--die-with-parent"]
        )
        assert self._simulator.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._simulator.stdout.readline()
        if not line:
            raise DemoFailed("the simulator did not start; its words are above")
        provider = {"sim": {"wire": "anthropic", "base_url": json.loads(line)["url"]}}
        self._environ = {
            **_plain_environ(os.environ),
            "BURSAR_HOME": str(self.home),
            "BURSAR_PROVIDERS": json.dumps(provider),
            "BURSAR_MODEL": f"sim/{MODEL}",
        }

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_simulator()
        for process in self._started:  # what was interrupted must not look for a folder that is gone
            _end(process)

    def end_simulator(self) -> None:
        """End the simulator; its bill and log are whole then."""
        _end(self._simulator)

    def play(self, *arguments: str) -> Play:
        """Start a ``bursar`` process that prints events; read them by iterating."""
        return Play(self._start([*arguments, "--json"], environ=self._environ))

    def drive_arguments(self) -> list[str]:
        """The commands that the example's model may run without asking."""
        return [part for argv in ALLOWED_COMMANDS for part in ("--allow-run", shlex.join(argv))]

    def ask(self, *arguments: str) -> Any:
        """Run a ``bursar`` command to its end and give its JSON. Raises DemoFailed when it fails."""
        process = self._start([*arguments, "--json"], environ=self._environ)
        out, _ = process.communicate(timeout=60)
        if process.returncode not in (0, 1):
            raise DemoFailed(f"'bursar {' '.join(arguments)}' ended with {process.returncode}")
        return json.loads(out)

    def bill(self) -> dict[str, Any]:
        """What the simulator bills. Call after end_simulator for the whole of it."""
        data: dict[str, Any] = json.loads(self.bill_path.read_text(encoding="utf-8"))
        return data

    def log(self) -> list[dict[str, Any]]:
        """The simulator's log, a row for each request."""
        return [json.loads(line) for line in self.log_path.read_text(encoding="utf-8").splitlines()]

    def tests_green(self) -> bool:
        """Whether the example project's own tests pass."""
        done = subprocess.run(
            [sys.executable, "-m", "unittest", "-q"],
            cwd=self.workspace,
            env=_plain_environ(os.environ),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.returncode == 0

    @property
    def spec(self) -> str:
        """The tasks file's folder."""
        return str(self.workspace / SPEC)

    def _start(self, arguments: list[Any], environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        with _interrupts_held():
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "bursar", *(str(each) for each in arguments)],
                cwd=self.workspace,
                env=environ or _plain_environ(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                process_group=0,  # the terminal's Ctrl-C is the demo's; it ends what it started
            )
            self._started.append(process)
        return process


class Play:
    """A running ``bursar run`` or ``resume``: iterate for its events."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self._process.stdout:
            try:
                yield json.loads(line)
            except ValueError:
                return  # the last line of a killed process may be half a line
        self._process.wait(timeout=60)

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would."""
        self._process.kill()
        self._process.wait(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A Ctrl-C that comes inside is answered at the end: a process half started would be nobody's to end."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=20)
    if process.stdout is not None:
        process.stdout.close()


def _plain_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without anything that looks like a secret and without our own settings."""
    return {
        name: value
        for name, value in environ.items()
        if not name.upper().endswith(_SECRET_ENDINGS) and not name.startswith("BURSAR_")
    }
