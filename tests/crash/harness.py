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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from bursar.demo import MODEL, SPEC, copy_workspace, scenario_path

from .nursery import CHECKPOINT, LOOK, Born, Nursery
from .oracle import Findings, Json, Kill, Rewind, check_all_booked, check_money, check_repeats, failed_calls

TASKS = ("2.1", "2.2", "3.1", "3.2")
TRAIL = "trail.txt"
"""Each command of the model adds a line here, so that a command that ran twice shows."""
COMMAND = (
    "import os,sys,time; open('trail.txt','a').write(f'{sys.argv[1]} {os.getpid()}\\n'); "
    "time.sleep(60 if os.path.exists('slow') else 0.1)"
)
_OPEN = re.compile(r"^ +- \[ \] (\d\.\d) ", re.MULTILINE)
_OURS = re.compile(r"\.bursar-[0-9a-f]{16}\.tmp")
_PATIENCE_S = 300.0
_MOST_CUTS = 9
"""How many answers of one task may break off behind a whole call before the script has no more to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What ``bursar usage`` and ``bursar runs`` print, and the ledger's first broken row."""

    usage: Json
    runs: list[Json]
    broken: int | None


class Play:
    """One copy of the example; ``kills`` are those that struck, ``doubts`` how often each command was in doubt."""

    def __init__(self, folder: Path, nursery: Nursery, *, chunk_ms: int = 4) -> None:
        self.folder = folder
        self._nursery = nursery
        self.workspace = copy_workspace(folder / "workspace")
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        # Every request that was in flight at a kill stays held at its bound, and that adds up over many kills.
        settings = {"budget": {"run": "50usd", "day": "500usd"}}
        (self.home / "settings.json").write_text(json.dumps(settings), "utf-8")
        self._look: Look | None = None
        self.kills: list[Kill] = []
        self.rewinds: list[Rewind] = []
        self.began: dict[str, datetime] = {}
        self.doubts: Counter[str] = Counter()
        self.passed = folder / "passed.log"
        self.scenario = fast_scenario(chunk_ms)
        self.states = scripted_states(self.scenario, self.workspace)
        (folder / "scenario.json").write_text(json.dumps(in_every_state(self.scenario)), "utf-8")
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
        for task in tasks:
            self.began.setdefault(task, datetime.now(UTC))
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

    def exit_of(self, arguments: list[str], *, or_refused: bool = False) -> int:
        """The exit code of a command that nobody disturbs."""
        done = self._finish(arguments)
        assert done.returncode in ((0, 2, 3) if or_refused else (0, 3)), (
            f"bursar {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        )
        return done.returncode

    def kill_at(self, point: str, n: int, arguments: list[str]) -> int:
        """Run a command that kills itself at the ``n``-th passing of a point; negative when it did."""
        self.passed.unlink(missing_ok=True)
        struck = {"CRASH_IN_CHECKPOINT": str(n)} if point == CHECKPOINT else {"BURSAR_FAILPOINT": f"{point}:{n}:kill"}
        done = self._finish(arguments, **struck)
        if done.returncode == -9:
            # The point writes its name just before it kills; another thread may pass one of its own in between.
            at_s = self.passed.stat().st_mtime_ns / 1e9
            assert point in self.passed.read_text().splitlines()[-4:]
            self.struck(point, datetime.fromtimestamp(at_s, UTC))
        else:
            said = f"bursar {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
            assert done.returncode in ((0, 2) if arguments[0] == "rewind" else (0, 3)), said
        return done.returncode

    def kill_after(self, seconds: float, arguments: list[str]) -> int:
        """Run a command and kill it so long after it was born; negative when it had not ended by then."""
        return self.kill_when(arguments, lambda process: _ended(process, seconds))

    def kill_when(self, arguments: list[str], wait: Callable[[Born], bool]) -> int:
        """Run a command and kill it when ``wait`` returns False."""
        process = self.start(arguments)
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        at = None
        if not wait(process):
            at = datetime.now(UTC)
            process.kill()
        code = process.wait(timeout=_PATIENCE_S)
        drain.join()
        process.close()
        if code == -9 and at is not None:
            self.struck("random", at)
        else:
            assert code in (0, 3), f"bursar {' '.join(arguments)}: {code}\n{self._said()}"
        return code

    def struck(self, point: str, at: datetime) -> None:
        """Note a kill, with what the process had read of its answers: the bytes on the disk and the ledger tell."""
        whole = set()
        for path in (self.home / "inflight").glob("*"):
            head, _, data = path.read_bytes().partition(b"\n")
            if b'"message_stop"' in data:
                whole.add(str(json.loads(head)["request_id"]))
            else:
                path.write_bytes(head + b"\n" + without_its_end(data))
        rows = self.look().usage["requests"]
        booked = {row["request_id"] for row in rows if row["certainty"] == "billed"}
        self.kills.append(Kill(point=point, at=at, had=frozenset(whole | booked)))

    def look(self) -> Look:
        """What can be seen now; looked for once, until the next command is started."""
        if self._look is None:
            done = self._finish([LOOK])
            assert done.returncode == 0, done.stderr
            usage, runs, broken = (json.loads(line) for line in done.stdout.splitlines())
            self._look = Look(usage=usage, runs=runs["runs"], broken=broken)
        return self._look

    def rewound(self, run: Json, at: datetime) -> None:
        """Note that a run went back to its beginning: what it had done is done once more."""
        self.rewinds.append(Rewind(began=self.began[run["task"]], at=at))
        for call in calls(self.scenario, "run_command", task=run["task"]):
            self.doubts[call["input"]["argv"][-1]] += 1

    def open_run(self) -> Json | None:
        """The run that is not over, from what ``bursar runs`` prints."""
        waiting = [each for each in self.look().runs if each["state"] not in ("finished", "failed")]
        assert len(waiting) <= 1, waiting
        return waiting[0] if waiting else None

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
        look, log = self.look(), self.log()
        findings = check_repeats(log, self.kills, self.rewinds)
        findings.problems += check_money(self.bill(), look.usage)
        findings.problems += [f"a call failed: {each}" for each in failed_calls(log)]
        if look.broken is not None:
            findings.problems.append(f"the ledger's chain is broken at row {look.broken}")
        for path, sha256 in tree(self.workspace).items():
            if sha256 not in self.states.get(path, ()):
                findings.problems.append(f"{path} is in a state that no edit leaves")
        return findings

    def check_end(self, control: dict[str, str]) -> Findings:
        """Check also what holds when every task is done."""
        findings = self.check()
        findings.problems += check_all_booked(self.bill(), self.look().usage)
        if self.open_tasks():
            findings.problems.append(f"not ticked: {self.open_tasks()}")
        if tree(self.workspace, with_ours=True) != control:
            findings.problems.append("the workspace is not what an undisturbed run leaves")
        if not self._tests_green():
            findings.problems.append("the workspace's tests fail")
        states = Counter(run["state"] for run in self.look().runs)
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
        for run in self.look().runs:
            for step in run["in_doubt"]:
                self.doubts[step["what"]["argv"][-1]] += 1

    def _allowed(self) -> list[str]:
        argvs = [call["input"]["argv"] for call in calls(self.scenario, "run_command")]
        return [part for argv in argvs for part in ("--allow-run", shlex.join(argv))]

    def start(
        self, arguments: Sequence[str], *, errors: str = "stderr.log", waits: bool = False, **environ: str
    ) -> Born:
        """Start a command; the caller ends and closes it."""
        self._look = None
        born = self._nursery.bear(
            [LOOK] if arguments == [LOOK] else [*arguments, "--json"],
            cwd=self.workspace,
            environ={**self.environ, "BURSAR_FAILPOINT_LOG": str(self.passed), **environ},
            errors=self.folder / errors,
            waits=waits,
        )
        if not waits:
            born.stdin.close()
        return born

    def _finish(self, arguments: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
        process = self.start(arguments, **environ)
        out = process.stdout.read()
        code = process.wait(timeout=_PATIENCE_S)
        process.close()
        return subprocess.CompletedProcess(list(arguments), code, out, self._said())

    def _said(self) -> str:
        return (self.folder / "stderr.log").read_text()

    def _connected(self) -> bool:
        """Whether the simulator has a client, or one that it has not yet taken leave of."""
        table = Path("/proc/net/tcp")
        if not table.exists():
            return False
        alive = {"01", "03", "08"}  # established, being established, left by the client
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return any(int(row[1].rpartition(":")[2], 16) == self._port and row[3] in alive for row in rows)

    def _tests_green(self) -> bool:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "unittest", "-q"], cwd=self.workspace, capture_output=True, timeout=_PATIENCE_S
        )
        return done.returncode == 0


def fast_scenario(chunk_ms: int = 4) -> Json:
    """The example's scenario spoken fast, each task once refused by a limit, with commands that leave a trail."""
    scenario: Json = json.loads(scenario_path().read_bytes())
    scenario["faults"] = [
        {"when": {"task": task, "tool_results": 3}, "times": 1, "kind": "429", "headers": {"retry-after": "0"}}
        for task in TASKS
    ]
    for reply in scenario["replies"]:
        reply["chunk_ms"], reply["chunk_tokens"] = chunk_ms, 20
    for call in calls(scenario, "run_command"):
        call["input"]["argv"] = ["python3", "-c", COMMAND, call["input"]["argv"][-1]]
    return scenario


def in_every_state(scenario: Json) -> Json:
    """The script for a model some of whose answers break off.

    A script goes by the number of results in a request. A whole call of an answer that broke off is in the next request
    as not run, with a result that says so, and the answer is to be given again: from then on there is one result more.
    So each answer says where it is (task, step, results too many), and what comes next goes by the last that was said.
    """
    replies: list[Json] = []
    for task in TASKS:
        steps = [each for each in scenario["replies"] if each["when"]["task"] == task]
        # What was said last decides, so it is looked for first.
        for number in reversed(range(len(steps))):
            for extra in reversed(range(_MOST_CUTS + 1)):
                here, base = _where(task, number, extra), steps[number]["when"]["tool_results"]
                if len(steps[number]["tool_calls"]) > 1 and extra < _MOST_CUTS:
                    when = {"task": task, "contains": here, "tool_results": base + extra + 1}
                    replies.append(_said(steps[number], task, number, extra + 1, when))
                if number + 1 < len(steps):
                    results = steps[number + 1]["when"]["tool_results"]
                    when = {"task": task, "contains": here, "tool_results": results + extra}
                    replies.append(_said(steps[number + 1], task, number + 1, extra, when))
        replies.append(_said(steps[0], task, 0, 0, {"task": task, "tool_results": 0}))
    return {**scenario, "replies": replies, "otherwise": "error"}


def _said(reply: Json, task: str, number: int, extra: int, when: Json) -> Json:
    return {**reply, "when": when, "text": f"{_where(task, number, extra)} {reply['text']}"}


def _where(task: str, number: int, extra: int) -> str:
    return f"[{task}/{number}+{extra}]"


def without_its_end(data: bytes) -> bytes:
    """An answer that broke off, as if it had a moment earlier where all of its blocks were there.

    The script cannot tell its last call, which is told to the model as not run, from one that was: both have a result.
    """
    end = data.rfind(b"event: content_block_stop")
    return data[:end] if end > data.rfind(b"event: content_block_start") else data


def calls(scenario: Json, name: str, *, task: str | None = None) -> Iterator[Any]:
    """The scripted calls of one tool."""
    for reply in scenario["replies"]:
        if task in (None, reply["when"]["task"]):
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


def _ended(process: Born, seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
