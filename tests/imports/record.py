"""Record what other agents write down about what they spend, and what the simulator billed them for it.

    .venv/bin/python tests/imports/record.py [NAME-VERSION]...

Each agent is installed with npm into build/agents, and runs against `bursar simulate` in a network namespace in which
only loopback is up (Linux, unshare). Its logs hold the vendor's prompts and what was said: of each record only what a
reader of usage needs is kept, and written to tests/fixtures/agents with the simulator's bill beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "agents"
INSTALLED = ROOT / "build" / "agents"
PLACE = Path(tempfile.gettempdir()) / "bursar-recording"
PROJECT = PLACE / "project"
HOME = PLACE / "home"
URL_PORT = 8411
PATIENCE_S = 120
LONGEST_TEXT = 120

CLAUDE_MODEL = "claude-sonnet-5-5"
CLAUDE_PRICES = {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5", "cache_write_1h": "4"}
GPT_MODEL = "gpt-6.1-sol"
GPT_PRICES = {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5"}
SUB_TASK = "Current task: [sub] Count the lines."

Steps = Callable[[Path, Mapping[str, str]], None]


def main() -> None:
    """Record all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECORDINGS], metavar="NAME-VERSION")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = args.names or list(RECORDINGS)
    if not args.inside:
        for name in names:
            install(name)
        command = ["unshare", "--map-root-user", "--net", sys.executable, __file__, "--inside", *names]
        sys.exit(subprocess.run(command, check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in names:
        record(name)


def install(name: str) -> None:
    """Have npm fetch exactly this version."""
    package, _, version = RECORDINGS[name][0].rpartition("@")
    folder = INSTALLED / name
    if (folder / "node_modules").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", f"{package}@{version}"], cwd=folder, check=True)


def record(name: str) -> None:
    """Play the steps of one agent, and keep the logs and the bill."""
    _, scenario, steps, logs, scrub = RECORDINGS[name]
    shutil.rmtree(PLACE, ignore_errors=True)
    for each in (PROJECT, HOME):
        each.mkdir(parents=True)
    (PLACE / "scenario.json").write_text(json.dumps(scenario))
    with simulator():
        environ = {"HOME": str(HOME), "PATH": os.environ["PATH"], "TERM": "dumb", "IS_SANDBOX": "1"}
        steps(INSTALLED / name / "node_modules", environ)
    target = FIXTURES / name
    shutil.rmtree(target, ignore_errors=True)
    for log in sorted((HOME / logs).rglob("*.jsonl")):
        kept = [scrub(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
        for each in texts(kept):
            if len(each) > LONGEST_TEXT:
                raise SystemExit(f"{log}: a text of {len(each)} characters would be kept: {each[:60]}")
        copy = target / logs / log.relative_to(HOME / logs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in kept), encoding="utf-8")
        shutil.copystat(log, copy)
    (target / "bill.json").write_text((PLACE / "bill.json").read_text() + "\n")
    prices = {"models": {model: value["prices"] for model, value in scenario["models"].items()}}
    (target / "prices.json").write_text(json.dumps(prices, indent=1) + "\n")
    bill = json.loads((PLACE / "bill.json").read_text())
    sys.stdout.write(f"{name}: {len(bill['requests'])} requests, ${bill['total_usd']}\n")
    shutil.rmtree(PLACE)


@contextmanager
def simulator() -> Iterator[None]:
    """The provider that everything is asked of."""
    options = ["--scenario", PLACE / "scenario.json", "--port", URL_PORT, "--bill", PLACE / "bill.json"]
    command = [sys.executable, "-m", "bursar", "simulate", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith('{"url"'):
                raise SystemExit("the simulator does not listen")
            yield
        finally:
            process.terminate()


def run(command: list[str], environ: Mapping[str, str]) -> str:
    """One command of an agent in the project, to its end."""
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def claude_code(modules: Path, environ: Mapping[str, str]) -> None:
    """A session with a tool call and a sub-agent, gone on with, and forked."""
    environ = {
        **environ,
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{URL_PORT}",
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    program = str(modules / "@anthropic-ai" / "claude-code-linux-x64" / "claude")
    options = ["--output-format", "json", "--model", CLAUDE_MODEL, "--dangerously-skip-permissions"]
    first = json.loads(run([program, *options, "-p", "MAKE-FILE please"], environ))["session_id"]
    run([program, *options, "-r", first, "-p", "GO-ON please"], environ)
    run([program, *options, "-r", first, "--fork-session", "-p", "FORK-IT please"], environ)


def codex(modules: Path, environ: Mapping[str, str]) -> None:
    """A session with a tool call and a sub-agent, gone on with, forked, and compacted."""
    environ = codex_environ(environ)
    program = ["node", str(modules / "@openai" / "codex" / "bin" / "codex.js"), "exec"]
    options = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    first = json.loads(run([*program, *options, "MAKE-FILE please"], environ).splitlines()[0])["thread_id"]
    run([*program, "resume", first, *options, "GO-ON please"], environ)
    run([*program, "fork", *options, first, "FORK-IT please"], environ)
    with AppServer([*program[:-1], "app-server"], environ) as server:
        server.ask("thread/resume", {"threadId": first})
        server.ask("thread/compact/start", {"threadId": first})
        server.ended()
        server.turn(first, "GO-ON again")


def old_codex(modules: Path, environ: Mapping[str, str]) -> None:
    """The same where only the server for editors can fork; these versions copy the history into the new file."""
    environ = codex_environ(environ)
    program = ["node", str(modules / "@openai" / "codex" / "bin" / "codex.js")]
    options = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    first = json.loads(run([*program, "exec", *options, "MAKE-FILE please"], environ).splitlines()[0])["thread_id"]
    run([*program, "exec", "resume", first, *options, "GO-ON please"], environ)
    with AppServer([*program, "app-server"], environ) as server:
        forked = server.ask("thread/fork", {"threadId": first})["thread"]["id"]
        server.turn(forked, "FORK-IT please")
        again = server.ask("thread/fork", {"threadId": forked})["thread"]["id"]
        server.turn(again, "FORK-IT again")
        server.turn(first, "GO-ON in the first", resume=True)


class AppServer:
    """Codex's server for editors: JSON lines on stdio."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._number = 0

    def __enter__(self) -> AppServer:
        self.ask("initialize", {"clientInfo": {"name": "recorder", "title": "recorder", "version": "1"}})
        self._write({"method": "initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """A request and its answer; what else is said meanwhile is passed over."""
        self._number += 1
        self._write({"id": self._number, "method": method, "params": params})
        said = self._until(lambda each: each.get("id") == self._number and "method" not in each)
        if "error" in said:
            raise SystemExit(f"{method}: {said['error']}")
        return said["result"]

    def turn(self, thread: str, text: str, *, resume: bool = False) -> None:
        """Say something in a thread and wait for the end of the answer."""
        if resume:
            self.ask("thread/resume", {"threadId": thread})
        self.ask("turn/start", {"threadId": thread, "input": [{"type": "text", "text": text}]})
        self.ended()

    def ended(self) -> None:
        """Wait for the end of the turn that was begun, and for what is written after it."""
        self._until(lambda each: each.get("method") == "turn/completed")
        time.sleep(1)

    def _write(self, value: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            if wanted(said):
                return said
        raise SystemExit("codex app-server ended")


def codex_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Its settings in the home, and where they are."""
    home = HOME / ".codex"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(
        f'model = "{GPT_MODEL}"\nmodel_provider = "simulated"\n[model_providers.simulated]\nname = "simulated"\n'
        f'base_url = "http://127.0.0.1:{URL_PORT}/v1"\nenv_key = "SIMULATED_KEY"\nwire_api = "responses"\n'
    )
    return {**environ, "CODEX_HOME": str(home), "SIMULATED_KEY": "none"}


def claude_scrub(entry: dict[str, Any]) -> dict[str, Any]:
    """Of an answer its ids and figures and the kinds of its blocks, of other records their kind."""
    if entry.get("type") != "assistant":
        return only(entry, "type", "uuid", "sessionId", "timestamp", "isSidechain", "agentId")
    message = only(entry["message"], "id", "type", "role", "model", "stop_reason", "usage")
    message["content"] = [{"type": each["type"]} for each in entry["message"]["content"]]
    kept = only(
        entry,
        "type",
        "uuid",
        "parentUuid",
        "sessionId",
        "requestSessionId",
        "requestId",
        "isSidechain",
        "agentId",
        "timestamp",
        "cwd",
        "version",
        "isApiErrorMessage",
    )
    return {**kept, "message": message}


def codex_scrub(entry: dict[str, Any]) -> dict[str, Any]:
    """The records that figures, models and descent stand in; of others their kind."""
    payload = entry.get("payload", {})
    kind = payload.get("type", entry["type"])
    kept = {
        "session_meta": (
            "id",
            "session_id",
            "forked_from_id",
            "parent_thread_id",
            "timestamp",
            "cwd",
            "cli_version",
            "source",
            "model_provider",
        ),
        "turn_context": ("turn_id", "cwd", "model"),
        "token_usage_record": tuple(payload),
        "token_count": ("type", "info"),
        "thread_settings_applied": ("type",),
    }.get(kind, ("type",))
    slim = only(payload, *kept)
    spawn = slim["source"].get("subagent", {}).get("thread_spawn") if isinstance(slim.get("source"), dict) else None
    if spawn:
        slim["source"] = {"subagent": {"thread_spawn": only(spawn, "parent_thread_id", "depth")}}
    if kind == "thread_settings_applied":
        slim["thread_settings"] = only(payload["thread_settings"], "model", "service_tier")
    return {**only(entry, "timestamp", "ordinal", "type"), "payload": slim}


def only(value: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """These keys of an object, where it has them."""
    return {name: value[name] for name in names if name in value}


def texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def script(model: str, wire: str, prices: Mapping[str, str], replies: list[dict[str, Any]]) -> dict[str, Any]:
    """A scenario in which the sub-agent and the later sessions are told apart by what only they were told."""
    return {
        "models": {model: {"wire": wire, "prices": prices, "cache": {"ttl_s": 1800, "min_tokens": 1024}}},
        "replies": [
            {"when": {"contains": "FORK-IT"}, "text": "A fork answers."},
            {"when": {"contains": "GO-ON"}, "text": "A resumed session answers."},
            {"when": {"task": "sub"}, "text": "The sub-agent says four."},
            *replies,
        ],
        "otherwise": "error",
    }


def first(number: int, text: str, *calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """What is answered in the first session after so many tool results."""
    named = [{"name": name, "input": given} for name, given in calls]
    return {"when": {"contains": "MAKE-FILE", "tool_results": number}, "text": text, "tool_calls": named}


_CLAUDE = script(
    CLAUDE_MODEL,
    "anthropic",
    CLAUDE_PRICES,
    [
        first(
            0,
            "I write it.",
            ("Write", {"file_path": str(PROJECT / "hello.txt"), "content": "hello\n"}),
            ("Agent", {"description": "count", "prompt": SUB_TASK, "subagent_type": "general-purpose"}),
        ),
        first(2, "Done, the file is there."),
    ],
)
_CODEX = script(
    GPT_MODEL,
    "openai-responses",
    GPT_PRICES,
    [
        first(0, "I write it.", ("exec_command", {"cmd": "echo hello > hello.txt"})),
        first(1, "", ("spawn_agent", {"task_name": "count", "message": SUB_TASK, "fork_turns": "all"})),
        first(2, "", ("wait_agent", {})),
        first(3, "Done, the file is there."),
    ],
)
# These versions do not write down what was written to the cache; so here that has no price of its own.
_OLD_CODEX = script(
    GPT_MODEL,
    "openai-responses",
    {name: price for name, price in GPT_PRICES.items() if name != "cache_write_5m"},
    [
        first(0, "I write it.", ("exec_command", {"cmd": "echo hello > hello.txt"})),
        first(1, "Done, the file is there."),
    ],
)

Recording = tuple[str, dict[str, Any], Steps, str, Callable[[dict[str, Any]], dict[str, Any]]]
RECORDINGS: dict[str, Recording] = {
    "claude-code-2.1.329": (
        "@anthropic-ai/claude-code@2.1.329",
        _CLAUDE,
        claude_code,
        ".claude/projects",
        claude_scrub,
    ),
    "codex-0.169.0": ("@openai/codex@0.169.0", _CODEX, codex, ".codex/sessions", codex_scrub),
    "codex-0.144.6": ("@openai/codex@0.144.6", _OLD_CODEX, old_codex, ".codex/sessions", codex_scrub),
}


if __name__ == "__main__":
    main()
