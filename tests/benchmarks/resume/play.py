"""One play: a fresh workspace, a fresh simulator, a runner that is killed once or not at all, and what it came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.report import ROOT
from benchmarks.resume import scene
from benchmarks.resume.figures import (
    ANSWERED,
    BURSAR,
    DBOS,
    IN_TOOL,
    LANGGRAPH,
    RECORDED,
    RESTART,
    TAKEN_UP,
    Kill,
    Measured,
    measured,
)

PEERS = {RESTART: "on_nothing.py", LANGGRAPH: "on_langgraph.py", DBOS: "on_dbos.py"}
PEERS_PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
FAILPOINTS = {ANSWERED: "before_result", RECORDED: "after_result"}
"""Bursar's names for the points at which a process ends itself."""

_HERE = Path(__file__).parent
_PATIENCE_S = 120.0
_KILLED = -9
_PAUSED = 3


class BenchFailed(Exception):
    """A play that did not go as it must for its figures to mean anything."""


class Play:
    """A folder with everything that one play needs; ends what it started when it is left."""

    def __init__(self, folder: Path, runner: str, kill: Kill | None, opening: Mapping[str, Any] | None = None) -> None:
        """Without an ``opening`` only Bursar can be played: its first request is where the others begin."""
        self._folder, self._runner, self._kill = folder, runner, kill
        folder.mkdir(parents=True)
        self._workspace = scene.make_workspace(folder / "workspace")
        (folder / "scenario.json").write_text(json.dumps(scene.scenario(kill)), "utf-8")
        (folder / "opening.json").write_text(json.dumps(opening), "utf-8")
        home = folder / "home"
        home.mkdir(mode=0o700)
        (home / "settings.json").write_text(json.dumps(scene.settings()), "utf-8")
        self._home, self._url, self._questions = home, "", 0
        self._processes: list[subprocess.Popen[str]] = []
        self._simulator = self._start(
            [sys.executable, "-m", "bursar", "simulate", "--die-with-parent", "--scenario", folder / "scenario.json",
             "--bill", folder / "bill.json", "--log", folder / "log.jsonl"], {}
        )  # fmt: skip
        assert self._simulator.stdout is not None
        first = self._simulator.stdout.readline()
        if not first:
            raise BenchFailed(f"the simulator did not start; its words are in {folder}/stderr.log")
        self._url = json.loads(first)["url"]

    def __enter__(self) -> Play:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hold().unlink(missing_ok=True)
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=_PATIENCE_S)
            assert process.stdout is not None
            process.stdout.close()

    def run(self) -> Measured:
        """Play to the end and give the figures. Raises BenchFailed where the runner was not killed or did not end."""
        if self._kill is not None:
            self._until_killed(self._kill)
        self._to_the_end(again=self._kill is not None)
        self._simulator.terminate()
        self._simulator.wait(timeout=_PATIENCE_S)
        self._check_done()
        return measured(json.loads((self._folder / "bill.json").read_bytes()), self._effects(), self._questions)

    def log(self) -> list[dict[str, Any]]:
        """The simulator's log."""
        return [json.loads(line) for line in (self._folder / "log.jsonl").read_text("utf-8").splitlines()]

    def _until_killed(self, kill: Kill) -> None:
        environ = {}
        if kill.point in FAILPOINTS:
            environ["BENCH_KILL"] = f"{kill.point}:{kill.step}"
            environ["BURSAR_FAILPOINT"] = f"{FAILPOINTS[kill.point]}:{kill.step}:kill"
        if kill.point == IN_TOOL:
            self._hold().touch()
        process = self._start(self._command(again=False), environ)
        heard = _Heard(process)
        _wait_for(lambda: process.poll() is not None or self._is_there(kill, heard), f"{kill} was not reached")
        if process.poll() is None:
            process.kill()
        if process.wait(timeout=_PATIENCE_S) != _KILLED:
            raise BenchFailed(f"{self._runner} ended with {process.returncode} before {kill}; see {self._folder}")
        heard.join()
        self._hold().unlink(missing_ok=True)

    def _is_there(self, kill: Kill, heard: _Heard) -> bool:
        """Whether the runner is where somebody else has to kill it."""
        if kill.point in scene.CUTS:
            return heard.chars.get(kill.step, 0) >= scene.chars_before_cut(kill.step)
        return kill.point == IN_TOOL and str(kill.step) in self._effects()

    def _to_the_end(self, *, again: bool) -> None:
        code = self._finish(self._command(again=again))
        if self._runner == BURSAR and code == _PAUSED:
            # The user is asked about a command that was cut off, and looks whether its effect is there.
            doubted = [step for run in self._ask("runs")["runs"] for step in run["in_doubt"]]
            if len(doubted) != 1 or self._kill is None:
                raise BenchFailed(f"Bursar paused with {len(doubted)} steps in doubt; see {self._folder}")
            self._questions += 1
            decision = "skip" if doubted[0]["what"]["argv"][-1] in self._effects() else "rerun"
            code = self._finish([*self._command(again=True), "--in-doubt", decision])
        if code != 0:
            raise BenchFailed(f"{self._runner} ended with {code}; see {self._folder}")

    def _check_done(self) -> None:
        """Raise BenchFailed unless every step was done and only the answer that the kill was to cut was cut."""
        missing = {str(n) for n in range(1, scene.STEPS)} - set(self._effects())
        if missing:
            raise BenchFailed(f"{self._runner} left out steps {sorted(missing, key=int)}; see {self._folder}")
        log = self.log()
        told = self._runner == BURSAR and self._kill is not None and self._kill.point == TAKEN_UP
        if told and scene.GO_ON not in json.dumps(log[-1]["body"]):
            raise BenchFailed(f"Bursar did not tell the model of the half that had come; see {self._folder}")
        cut = sum(row["outcome"] == "cut" for row in log)
        if cut != (self._kill is not None and self._kill.point in scene.CUTS):
            raise BenchFailed(f"{cut} answers to {self._runner} were cut off, for {self._kill}; see {self._folder}")
        if log[-1]["outcome"] != "complete":
            raise BenchFailed(f"{self._runner} did not read its last answer; see {self._folder}")

    def _command(self, *, again: bool) -> list[str | Path]:
        if self._runner != BURSAR:
            script = _HERE / "peers" / PEERS[self._runner]
            # The plain loop needs nothing but the standard library.
            python = sys.executable if self._runner == RESTART else PEERS_PYTHON
            return [python, script, self._folder, "again" if again else "begin"]
        allowed = [part for each in scene.commands() for part in ("--allow-run", each)]
        what = ["resume"] if again else ["run", scene.spec(), "--task", scene.TASK]
        return [sys.executable, "-m", "bursar", *what, *allowed, "--json"]

    def _ask(self, *arguments: str) -> Any:
        process = self._start([sys.executable, "-m", "bursar", *arguments, "--json"], {})
        out, _ = process.communicate(timeout=_PATIENCE_S)
        return json.loads(out)

    def _finish(self, command: Sequence[str | Path]) -> int:
        process = self._start(command, {})
        process.communicate(timeout=_PATIENCE_S)
        return process.returncode

    def _start(self, command: Sequence[str | Path], environ: Mapping[str, str]) -> subprocess.Popen[str]:
        with (self._folder / "stderr.log").open("a") as errors:
            process = subprocess.Popen(
                [str(each) for each in command],
                cwd=self._workspace,
                env={**_plain_environ(), **self._own_environ(), **environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._processes.append(process)
        return process

    def _own_environ(self) -> dict[str, str]:
        return {
            "BENCH_URL": self._url,
            "BURSAR_HOME": str(self._home),
            "BURSAR_PROVIDERS": json.dumps({"sim": {"wire": "anthropic", "base_url": self._url}}),
        }

    def _effects(self) -> list[str]:
        path = self._workspace / scene.EFFECTS
        return path.read_text("utf-8").split() if path.exists() else []

    def _hold(self) -> Path:
        return self._workspace / f"{scene.HOLD}-{self._kill.step if self._kill else 0}"


class _Heard:
    """Reads what a runner says in a thread: how many characters of each answer it has seen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.chars: dict[int, int] = {}
        self._process = process
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Return when the runner's last word was read."""
        self._thread.join(timeout=_PATIENCE_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                return  # the last line of a killed process may be half a line
            if "chars" in event:
                self.chars[event["n"]] = event["chars"]


def _plain_environ() -> dict[str, str]:
    """The environment without our settings and without what would make a peer talk to somebody."""
    ours = ("BURSAR_", "BENCH_", "DBOS", "LANGCHAIN", "LANGSMITH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _wait_for(ready: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise BenchFailed(otherwise)
        time.sleep(0.01)
