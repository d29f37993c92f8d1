"""Plays the example with processes that are killed: a workspace, a state folder, a simulator, and Bursar on top."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from bursar.demo import MODEL, SPEC, copy_workspace, scenario_path

from .oracle import Findings, Json, Kill, check_all_booked, check_money, check_repeats, failed_calls

POINTS = ("before_intent", "after_intent", "mid_stream", "before_result", "after_result", "in_edit")
TASKS = ("2.1", "2.2", "3.1", "3.2")
TRAIL = "trail.txt"
"""Each command of the model adds a line here, so that a command that ran twice shows."""
COMMAND = (
    "import os,sys,time; open('trail.txt','a').write(f'{sys.argv[1]} {os.getpid()}\\n'); "
    "time.sleep(60 if os.path.exists('slow') else 0.1)"
)
_OPEN = re.compile(r"^ +- \[ \] (\d\.\d) ", re.MULTILINE)
_OURS = re.compile(r"\.bursar-[0-9a-f]{16}\.tmp")
_PATIENCE_S = 60.0


class Play:
    """One copy of the example; ``kills`` are those that struck, ``doubts`` how often each command was in doubt."""

    def __init__(self, folder: Path, *, chunk_ms: int = 8) -> None:
        self.folder = folder
        self.workspace = copy_workspace(folder / "workspace")
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        # Every request that was in flight at a kill stays held at its bound, and that adds up over many kills.
        settings = {"budget": {"run": "50usd", "day": "500usd"}}
        (self.home / "settings.json").write_text(json.dumps(settings), "utf-8")
        self.kills: list[Kill] = []
        self.doubts: Counter[str] = Counter()
        self.passed = folder / "passed.log"
        self.scenario = fast_scenario(chunk_ms)
        self.states = scripted_states(self.scenario, self.workspace)
        (folder / "scenario.json").write_text(json.dumps(self.scenario), "utf-8")
        self._simulator = subprocess.Popen(
            [sys.executable, "-m", "bursar", "simulate", "--die-with-parent", "--scenario", folder / "scenario.json",
             "--bill", folder / "bill.json", "--log", folder / "log.jsonl"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._simulator.stdout is not None
        url = json.loads(self._simulator.stdout.readline())["url"]
        self._port = int(url.rpartition(":")[2])
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")},
            "BURSAR_HOME": str(self.home),
            "BURSAR_PROVIDERS": json.dumps({"sim": {"wire": "anthropic", "base_url": url}}),
            "BURSAR_MODEL": f"sim/{MODEL}",
        }

    def __enter__(self) -> Play:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._simulator.terminate()
        self._simulator.wait(timeout=_PATIENCE_S)
        assert self._simulator.stdout is not None
        self._simulator.stdout.close()

    def open_tasks(self) -> list[str]:
        """The required tasks without a mark, read from the file."""
        return _OPEN.findall((self.workspace / SPEC / "tasks.md").read_text("utf-8"))

    def run(self, *tasks: str) -> list[str]:
        """The arguments that run these tasks."""
        return ["run", SPEC, *(part for task in tasks for part in ("--task", task)), *self._allowed()]

    def resume(self, *more: str) -> list[str]:
        """The arguments that resume what was interrupted."""
        return ["resume", *more, *self._allowed()]

    def ask(self, *arguments: str) -> Json:
        """The JSON that a command prints; it must end well."""
        done = self._finish(arguments)
        assert done.returncode == 0, f"bursar {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        answer: Json = json.loads(done.stdout)
        return answer

    def exit_of(self, arguments: list[str]) -> int:
        """The exit code of a command that nobody disturbs."""
        done = self._finish(arguments)
        assert done.returncode in (0, 3), f"bursar {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done.returncode

    def kill_at(self, point: str, n: int, arguments: list[str]) -> int:
        """Run a command that kills itself at the ``n``-th passing of a point; negative when it did."""
        self.passed.unlink(missing_ok=True)
        done = self._finish(arguments, BURSAR_FAILPOINT=f"{point}:{n}:kill")
        if done.returncode == -9:
            # The point writes its name just before it kills.
            at_s = self.passed.stat().st_mtime_ns / 1e9
            self.kills.append(Kill(point=point, at=datetime.fromtimestamp(at_s, UTC)))
            assert self.passed.read_text().splitlines()[-1] == point
        else:
            assert done.returncode in (0, 3), f"bursar {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done.returncode

    def kill_after(self, seconds: float, arguments: list[str]) -> int:
        """Run a command and kill it so long after its first word; negative when it had not ended by then."""
        return self.kill_when(arguments, lambda process: _ended(process, seconds))

    def kill_when(self, arguments: list[str], wait: Callable[[subprocess.Popen[str]], bool]) -> int:
        """Run a command and kill it when ``wait``, called after its first word, returns False."""
        process = self._start(arguments)
        assert process.stdout is not None
        process.stdout.readline()
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        if not wait(process):
            at = datetime.now(UTC)
            process.kill()
            if process.wait(timeout=_PATIENCE_S) == -9:
                self.kills.append(Kill(point="random", at=at))
        drain.join()
        process.stdout.close()
        return process.returncode

    def bill(self) -> Json:
        """The simulator's bill."""
        bill: Json = json.loads((self.folder / "bill.json").read_text())
        return bill

    def log(self) -> list[Json]:
        """The simulator's log."""
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]

    def settle_simulator(self) -> None:
        """Return when the simulator has noticed that its client is dead and has billed what was in flight."""
        end = time.monotonic() + _PATIENCE_S
        before: list[Json] | None = None
        while time.monotonic() < end:
            if not self._connected():
                rows, lines = self.bill()["requests"], self.log()
                ids = [row["request_id"] for row in rows]
                if sorted(ids) == sorted(line["request_id"] for line in lines) and rows == before:
                    return
                before = rows
            time.sleep(0.02)
        raise AssertionError("the simulator's books did not come to rest")

    def check(self) -> Findings:
        """Check all that holds at any time; the process that was killed must be gone."""
        self.settle_simulator()
        (usage, broken), log = self._usage_and_chain(), self.log()
        findings = check_repeats(log, self.kills)
        findings.problems += check_money(self.bill(), usage)
        findings.problems += [f"a call failed: {each}" for each in failed_calls(log)]
        if broken != "None":
            findings.problems.append(f"the ledger's chain is broken at row {broken}")
        for path, sha256 in tree(self.workspace).items():
            if sha256 not in self.states.get(path, ()):
                findings.problems.append(f"{path} is in a state that no edit leaves")
        return findings

    def check_end(self, control: dict[str, str]) -> Findings:
        """Check also what holds when every task is done."""
        findings = self.check()
        findings.problems += check_all_booked(self.bill(), self.ask("usage"))
        if self.open_tasks():
            findings.problems.append(f"not ticked: {self.open_tasks()}")
        if tree(self.workspace, with_ours=True) != control:
            findings.problems.append("the workspace is not what an undisturbed run leaves")
        if not self._tests_green():
            findings.problems.append("the workspace's tests fail")
        states = Counter(run["state"] for run in self.ask("runs")["runs"])
        if states != {"finished": len(TASKS)}:
            findings.problems.append(f"runs: {dict(states)}")
        for what, times in self.commands_run().items():
            if not 1 <= times <= 1 + self.doubts[what]:
                doubted = self.doubts[what]
                findings.problems.append(f"the command {what} ran {times} times and was {doubted} times in doubt")
        return findings

    def commands_run(self) -> Counter[str]:
        """How often each command of the model was started."""
        counted = Counter({call["input"]["argv"][-1]: 0 for call in calls(self.scenario, "run_command")})
        trail = self.workspace / TRAIL
        if trail.exists():
            counted.update(line.split()[0] for line in trail.read_text().splitlines())
        return counted

    def note_doubts(self) -> None:
        """Count the commands that are in doubt now."""
        for run in self.ask("runs")["runs"]:
            for step in run["in_doubt"]:
                self.doubts[step["what"]["argv"][-1]] += 1

    def _allowed(self) -> list[str]:
        argvs = [call["input"]["argv"] for call in calls(self.scenario, "run_command")]
        return [part for argv in argvs for part in ("--allow-run", shlex.join(argv))]

    def _start(self, arguments: list[str] | tuple[str, ...], **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bursar", *arguments, "--json"],
            cwd=self.workspace,
            env={**self.environ, "BURSAR_FAILPOINT_LOG": str(self.passed), **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr.log").open("w"),
            text=True,
        )

    def _finish(self, arguments: list[str] | tuple[str, ...], **environ: str) -> subprocess.CompletedProcess[str]:
        process = self._start(arguments, **environ)
        out, _ = process.communicate(timeout=_PATIENCE_S)
        errors = (self.folder / "stderr.log").read_text()
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def _connected(self) -> bool:
        """Whether the simulator has a client, or one that it has not yet taken leave of."""
        table = Path("/proc/net/tcp")
        if not table.exists():
            return False
        alive = {"01", "03", "08"}  # established, being established, left by the client
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return any(int(row[1].rpartition(":")[2], 16) == self._port and row[3] in alive for row in rows)

    def _usage_and_chain(self) -> tuple[Json, str]:
        """What ``bursar usage --json`` prints, and the first broken row of the ledger's chain, by one process."""
        code = (
            "from bursar.cli import run_command_line; from bursar.wiring import build_app; "
            "run_command_line(['usage', '--json']); print(); print(build_app().journal().verify_chain())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environ, capture_output=True, text=True, timeout=_PATIENCE_S
        )
        assert done.returncode == 0, done.stderr
        usage, _, broken = done.stdout.rstrip().rpartition("\n")
        return json.loads(usage), broken

    def _tests_green(self) -> bool:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "unittest", "-q"], cwd=self.workspace, capture_output=True, timeout=_PATIENCE_S
        )
        return done.returncode == 0


def fast_scenario(chunk_ms: int = 8) -> Json:
    """The example's scenario without its limit, spoken fast, with commands that leave a trail."""
    scenario: Json = json.loads(scenario_path().read_bytes())
    scenario["faults"] = []
    scenario["replies"] = [each for reply in scenario["replies"] for each in one_call_each(reply)]
    for reply in scenario["replies"]:
        reply["chunk_ms"], reply["chunk_tokens"] = chunk_ms, 20
    for call in calls(scenario, "run_command"):
        call["input"]["argv"] = ["python3", "-c", COMMAND, call["input"]["argv"][-1]]
    return scenario


def one_call_each(reply: Json) -> Iterator[Json]:
    """The answer as several with one call each.

    The script goes by the number of results, and calls of an answer that broke off are told to the model as not run:
    it would take the first of two for done.
    """
    for number, call in enumerate(reply["tool_calls"]):
        when = {**reply["when"], "tool_results": reply["when"]["tool_results"] + number}
        yield {**reply, "when": when, "tool_calls": [call]}


def calls(scenario: Json, name: str) -> Iterator[Any]:
    """The scripted calls of one tool."""
    for reply in scenario["replies"]:
        yield from (call for call in reply["tool_calls"] if call["name"] == name)


def scripted_states(scenario: Json, workspace: Path) -> dict[str, set[str]]:
    """The hash of every state that each file may be in, from the script alone."""
    states: dict[str, set[str]] = defaultdict(set)
    texts = {path: (workspace / path).read_bytes().decode() for path in tree(workspace)}

    def put(path: str, text: str) -> None:
        texts[path] = text
        states[path].add(hashlib.sha256(text.encode()).hexdigest())

    for path, text in list(texts.items()):
        put(path, text)
    for reply in scenario["replies"]:
        for call in reply["tool_calls"]:
            given = call["input"]
            if call["name"] == "edit_file":
                put(given["path"], texts[given["path"]].replace(given["old"], given["new"]))
            elif call["name"] == "write_file":
                put(given["path"], given["content"])
            elif call["name"] == "finish":
                tasks = f"{SPEC}/tasks.md"
                put(tasks, ticked(texts[tasks], reply["when"]["task"]))
    return states


def ticked(text: str, task: str) -> str:
    """The tasks file with this task's mark, and with its parent's where it was the last required one below it."""
    text = text.replace(f"- [ ] {task} ", f"- [x] {task} ")
    parent = task.split(".")[0]
    return (
        text
        if f"- [ ] {parent}." in text.replace(f"- [ ] {parent}. ", "")
        else text.replace(f"- [ ] {parent}. ", f"- [x] {parent}. ")
    )


def tree(workspace: Path, *, with_ours: bool = False) -> dict[str, str]:
    """The hash of every file but compiled ones and the commands' trail; with our own temporary ones if asked."""
    found = {}
    for path in workspace.rglob("*"):
        inside = path.relative_to(workspace)
        ours = _OURS.fullmatch(path.name) and not with_ours
        if path.is_file() and "__pycache__" not in inside.parts and inside.name != TRAIL and not ours:
            found[str(inside)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _ended(process: subprocess.Popen[str], seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
