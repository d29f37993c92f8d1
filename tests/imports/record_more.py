"""Record what opencode, Cline and Aider write down about what they spend, and what the simulator billed for it.

    .venv/bin/python tests/imports/record_more.py [NAME-VERSION]...

As record.py does it, with a process namespace besides: Cline leaves a program of its own behind, which ends with that.
These agents keep databases, files that are rewritten, and prose. Of each only what a reader of usage needs is kept, and
written to tests/fixtures/more-agents.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from record import (
    CLAUDE_MODEL,
    CLAUDE_PRICES,
    GPT_MODEL,
    GPT_PRICES,
    HOME,
    INSTALLED,
    LONGEST_TEXT,
    PLACE,
    PROJECT,
    ROOT,
    SUB_TASK,
    URL_PORT,
    first,
    only,
    run,
    script,
    simulator,
    texts,
)

FIXTURES = ROOT / "tests" / "fixtures" / "more-agents"
URL = f"http://127.0.0.1:{URL_PORT}"
NO_WRITE_PRICE = {name: price for name, price in GPT_PRICES.items() if name != "cache_write_5m"}


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
        apart = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc"]
        sys.exit(subprocess.run([*apart, sys.executable, __file__, "--inside", *names], check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in names:
        record(name)


def install(name: str) -> None:
    """Have npm, or pip for a Python program, fetch exactly this version."""
    package, folder = RECORDINGS[name][0], INSTALLED / name
    if (folder / "node_modules").is_dir() or (folder / "bin" / "aider").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if "==" in package:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", package], check=True)
        return
    (folder / "package.json").write_text('{"private": true}')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", package], cwd=folder, check=True)


def record(name: str) -> None:
    """Play the steps of one agent, and keep what it wrote and the bill."""
    _, scenario, steps, keep = RECORDINGS[name]
    shutil.rmtree(PLACE, ignore_errors=True)
    for each in (PROJECT, HOME):
        each.mkdir(parents=True)
    (PLACE / "scenario.json").write_text(json.dumps(scenario))
    environ = {"HOME": str(HOME), "PATH": os.environ["PATH"], "TERM": "dumb", "USER": "ada", "LC_ALL": "C.UTF-8"}
    for command in (["init", "-q"], ["config", "user.email", "ada@example.org"], ["config", "user.name", "Ada"]):
        run(["git", *command], environ)
    with simulator():
        steps(INSTALLED / name, environ)
    target = FIXTURES / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    keep(target)
    for log in target.rglob("*.json"):
        for each in texts(json.loads(log.read_text())):
            if len(each) > LONGEST_TEXT:
                raise SystemExit(f"{log}: a text of {len(each)} characters would be kept: {each[:60]}")
    bill = json.loads((PLACE / "bill.json").read_text())
    write(target / "bill.json", bill)
    prices = {"models": {model: value["prices"] for model, value in scenario["models"].items()}}
    write(target / "prices.json", prices)
    sys.stdout.write(f"{name}: {len(bill['requests'])} requests, ${bill['total_usd']}\n")
    shutil.rmtree(PLACE)


def write(path: Path, value: Any) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def opencode(folder: Path, environ: Mapping[str, str]) -> None:
    """A session with a tool call and a sub-agent, gone on with, and forked where the version can."""
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "allow", "bash": "allow", "webfetch": "allow"},
        "provider": {
            "anthropic": {
                "options": {"baseURL": f"{URL}/v1", "apiKey": "none"},
                "models": {CLAUDE_MODEL: {"name": "the model", "limit": {"context": 200_000, "output": 8_000}}},
            }
        },
        "model": f"anthropic/{CLAUDE_MODEL}",
        "small_model": f"anthropic/{CLAUDE_MODEL}",
        # Requests for titles and summaries are nowhere written down; so here there are none.
        "agent": {"title": {"disable": True}, "summary": {"disable": True}},
    }
    write(HOME / ".config" / "opencode" / "opencode.json", settings)
    more = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
    environ = {**environ, **{f"OPENCODE_DISABLE_{each}": "1" for each in more}}
    program = [str(folder / "node_modules" / "opencode-linux-x64" / "bin" / "opencode"), "run", "--format", "json"]
    run([*program, "--title", "A title", "MAKE-FILE please"], environ)
    run([*program, "--continue", "GO-ON please"], environ)
    if can_fork(program[0], environ):
        run([*program, "--continue", "--fork", "FORK-IT please"], environ)


def can_fork(program: str, environ: Mapping[str, str]) -> bool:
    """Whether this version has the switch."""
    told = subprocess.run([program, "run", "--help"], env=dict(environ), capture_output=True, text=True, check=False)
    return "--fork" in told.stdout + told.stderr


def keep_database(target: Path) -> None:
    """The two tables, with the figures of the messages, as SQL."""
    place = HOME / ".local" / "share" / "opencode" / "opencode.db"
    with sqlite3.connect(place) as database, sqlite3.connect(":memory:") as slim:
        for table in ("session", "message"):
            sql = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
            slim.execute(sql)
            rows = database.execute(f"SELECT * FROM {table} ORDER BY rowid")
            names = [each[0] for each in rows.description]
            for values in rows.fetchall():
                row = dict(zip(names, values, strict=True))
                if table == "message":
                    row["data"] = json.dumps(message_scrub(json.loads(row["data"])))
                else:
                    row["permission"] = None
                slots = ", ".join("?" for _ in names)
                slim.execute(f"INSERT INTO {table} VALUES ({slots})", list(row.values()))
        (target / "opencode.sql").write_text("".join(f"{line}\n" for line in slim.iterdump()), encoding="utf-8")


def keep_messages(target: Path) -> None:
    """The files of messages, their steps and their sessions."""
    storage = HOME / ".local" / "share" / "opencode" / "storage"
    for log in sorted(storage.rglob("*.json")):
        value = json.loads(log.read_text(encoding="utf-8"))
        kind = log.relative_to(storage).parts[0]
        if kind == "message":
            write(target / "storage" / log.relative_to(storage), message_scrub(value))
        elif kind == "part" and value["type"] == "step-finish":
            write(target / "storage" / log.relative_to(storage), value)
        elif kind == "session":
            kept = only(value, "id", "version", "projectID", "directory", "parentID", "time")
            write(target / "storage" / log.relative_to(storage), kept)


def message_scrub(value: dict[str, Any]) -> dict[str, Any]:
    """What is said in a message stands elsewhere, but for what was changed by it."""
    return {name: each for name, each in value.items() if name not in ("system", "summary", "error", "tools")}


def cline(folder: Path, environ: Mapping[str, str]) -> None:
    """A session with a tool call and a sub-agent."""
    program = ["node", str(folder / "node_modules" / "cline" / "bin" / "cline")]
    run([*program, "auth", "-p", "openai-compatible", "-b", f"{URL}/v1", "-k", "none", "-m", GPT_MODEL], environ)
    run([*program, "--json", "MAKE-FILE please"], environ)


def keep_sessions(target: Path) -> None:
    """Of each message its role, ids and figures."""
    place = HOME / ".cline" / "data" / "sessions"
    for log in sorted(place.rglob("*.json")):
        value = json.loads(log.read_text(encoding="utf-8"))
        if "messages" in value:
            value.pop("system_prompt", None)
            value["messages"] = [only(each, "id", "role", "ts", "modelInfo", "metrics") for each in value["messages"]]
        write(target / "sessions" / log.relative_to(place), value)


def old_cline(folder: Path, environ: Mapping[str, str]) -> None:
    """A task with a tool call: this version is the editor extension's core, and writes what that writes."""
    program = ["node", str(folder / "node_modules" / "cline" / "dist" / "cli.mjs")]
    run([*program, "auth", "-p", "openai", "-b", f"{URL}/v1", "-k", "none", "-m", GPT_MODEL], environ)
    run([*program, "task", "-y", "--json", "MAKE-FILE please"], environ)


def keep_tasks(target: Path) -> None:
    """Of the messages that a user sees the requests, and of the rest their kind."""
    place = HOME / ".cline" / "data" / "tasks"
    for log in sorted(place.rglob("ui_messages.json")):
        kept = []
        for each in json.loads(log.read_text(encoding="utf-8")):
            slim = only(each, "ts", "type", "say", "ask", "modelInfo", "conversationHistoryIndex")
            if each.get("say") == "api_req_started":
                slim["text"] = json.dumps({**json.loads(each["text"]), "request": "x"})
            kept.append(slim)
        write(target / "tasks" / log.relative_to(place), kept)
    for log in sorted(place.rglob("task_metadata.json")):
        write(target / "tasks" / log.relative_to(place), only(json.loads(log.read_text()), "model_usage"))


def aider(folder: Path, environ: Mapping[str, str]) -> None:
    """Sessions with whole answers, streamed ones, and ones that use the prompt cache."""
    environ = {
        **environ,
        "OPENAI_API_BASE": f"{URL}/v1",
        "OPENAI_API_KEY": "none",
        "ANTHROPIC_API_BASE": URL,
        "ANTHROPIC_API_KEY": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TZ": "UTC",
    }
    rates = {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5, "max_input_tokens": 200_000}
    models = {f"openai/{GPT_MODEL}": "openai", f"anthropic/{CLAUDE_MODEL}": "anthropic"}
    known = {model: {**rates, "litellm_provider": maker, "mode": "chat"} for model, maker in models.items()}
    write(PROJECT / ".aider.model.metadata.json", known)
    (PROJECT / ".aider.model.settings.yml").write_text(
        f"- name: anthropic/{CLAUDE_MODEL}\n  edit_format: whole\n  cache_control: true\n"
    )
    (PROJECT / "long.txt").write_text("".join(f"line {number} of a long file\n" for number in range(1_500)))
    (PROJECT / "short.txt").write_text("a line\n")
    program = [str(folder / "bin" / "aider"), "--yes-always", "--no-pretty", "--no-gitignore", "--no-auto-commits"]
    program += ["--no-check-update", "--no-show-model-warnings", "--no-show-release-notes", "--no-detect-urls"]
    (gpt, claude) = models
    run([*program, "--no-stream", "--model", gpt, "--message", "GO-ON one", "short.txt"], environ)
    said = PROJECT / "said.txt"
    for number in (1, 2, 3):
        said.write_text(f"GO-ON {number}\n")
        load = ["--cache-prompts", "--no-stream", "--model", claude, "--message-file", str(said)]
        run([*program, *load, "short.txt", "long.txt"], environ)
    run([*program, "--model", gpt, "--message", "GO-ON streamed", "short.txt"], environ)


def keep_history(target: Path) -> None:
    """The lines that a reader looks at; what was said is 'x'."""
    kept = []
    for line in (PROJECT / ".aider.chat.history.md").read_text(encoding="utf-8").splitlines():
        ours = line.startswith(
            ("# aider chat started", "> Tokens:", "> Cost:", "> Model:", "> Main model:", "> Aider v")
        )
        kept.append(line if ours or not line else "x")
    (target / ".aider.chat.history.md").write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def called(number: int, text: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What is answered after so many tool results, with one call."""
    return first(number, text, (name, given))


_SUB = {"description": "count", "prompt": SUB_TASK, "subagent_type": "general"}
_OPENCODE = script(
    CLAUDE_MODEL,
    "anthropic",
    CLAUDE_PRICES,
    [
        called(0, "I write it.", "write", {"filePath": str(PROJECT / "hello.txt"), "content": "hello\n"}),
        called(1, "I delegate.", "task", _SUB),
        first(2, "Done, the file is there."),
    ],
)
_CLINE = script(
    GPT_MODEL,
    "openai-chat",
    NO_WRITE_PRICE,
    [
        called(0, "I write it.", "run_commands", {"commands": ["echo hello > hello.txt"]}),
        called(1, "I delegate.", "spawn_agent", {"systemPrompt": "You count.", "task": SUB_TASK}),
        first(2, "Done, the file is there."),
    ],
)
_OLD_CLINE = script(
    GPT_MODEL,
    "openai-chat",
    NO_WRITE_PRICE,
    [
        called(0, "I write it.", "write_to_file", {"absolutePath": str(PROJECT / "hello.txt"), "content": "hello\n"}),
        called(1, "Done.", "attempt_completion", {"result": "Done, the file is there."}),
    ],
)
_AIDER = script(GPT_MODEL, "openai-chat", NO_WRITE_PRICE, [])
_AIDER["models"].update(script(CLAUDE_MODEL, "anthropic", CLAUDE_PRICES, [])["models"])

Recording = tuple[str, dict[str, Any], Callable[[Path, Mapping[str, str]], None], Callable[[Path], None]]
RECORDINGS: dict[str, Recording] = {
    "opencode-1.18.33": ("opencode-ai@1.18.33", _OPENCODE, opencode, keep_database),
    "opencode-1.1.65": ("opencode-ai@1.1.65", _OPENCODE, opencode, keep_messages),
    "cline-3.0.65": ("cline@3.0.65", _CLINE, cline, keep_sessions),
    "cline-2.18.0": ("cline@2.18.0", _OLD_CLINE, old_cline, keep_tasks),
    "aider-0.86.2": ("aider-chat==0.86.2", _AIDER, aider, keep_history),
}


if __name__ == "__main__":
    main()
