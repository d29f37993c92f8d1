"""A model without a script that works on any task of any spec: looks round, reads, writes a note, finishes.

It keeps nothing: the next step follows from the calls that the body already holds.
"""

from __future__ import annotations

import re

from bursar.simulator.request import Ask
from bursar.simulator.scenario import ScriptedCall

MAX_FILES = 3

_PATH_WORD = re.compile(r"(?<![\w./\\:~@-])[\w.-]+(?:/[\w.-]+)*\.[A-Za-z][A-Za-z0-9]{0,9}(?![\w/-])")
_BARE_ENDINGS = re.compile(
    r"bat|c|cc|cfg|conf|cpp|cs|css|csv|go|h|hpp|html|ini|java|js|json|jsx|kt|lock|lua|md|mjs|php|proto|ps1|py|rb|rs"
    r"|scss|sh|sql|swift|tf|toml|ts|tsx|txt|vue|xml|ya?ml",
    re.IGNORECASE,
)


def generic_answer(ask: Ask) -> tuple[str, tuple[ScriptedCall, ...]]:
    """The text and the tool calls of the next step; text alone once there is nothing left to do."""
    done = {call.name for call in ask.calls}
    task = ask.task or "task"
    if "finish" in done:
        return f"The task {task} is finished.", ()
    if ask.tool_results == 0 and "list_files" in ask.tools:
        return "I look at the folder first.", (_call("list_files", path="."),)
    read = {call.input.get("path") for call in ask.calls if call.name == "read_file"}
    for path in named_files(ask.statement):
        if path not in read and "read_file" in ask.tools:
            return f"I read {path}.", (_call("read_file", path=path),)
    note = f"notes/{slug(task)}.md"
    if "write_file" not in done and "write_file" in ask.tools:
        content = _note(task, ask.statement)
        return f"I write down what I found in {note}.", (_call("write_file", path=note, content=content),)
    if "finish" in ask.tools:
        return "That is all.", (_call("finish", summary=f"Wrote {note} for task {task}."),)
    return f"There is nothing more to do for {task}.", ()


def named_files(statement: str) -> list[str]:
    """Up to three relative paths that a task's text names, in order; none of them leaves the folder."""
    found: list[str] = []
    for match in _PATH_WORD.finditer(statement):
        path = match[0]
        bare = "/" not in path
        if ".." in path.split("/") or path.startswith("-"):
            continue
        if bare and not _BARE_ENDINGS.fullmatch(path.rpartition(".")[2]):
            continue
        if path not in found:
            found.append(path)
        if len(found) == MAX_FILES:
            break
    return found


def slug(task: str) -> str:
    """A file name for a task's address."""
    if re.fullmatch(r"@\d+", task):
        return f"line-{task[1:]}"
    return re.sub(r"[^A-Za-z0-9.-]+", "-", task).strip("-.")[:60] or "task"


def _call(name: str, **arguments: str) -> ScriptedCall:
    return ScriptedCall(name=name, input=arguments)


def _note(task: str, statement: str) -> str:
    title = statement.split("\n", 1)[0].strip()[:200]
    files = named_files(statement)
    named = "".join(f"- {path}\n" for path in files) or "- none\n"
    return f"# Task {task}\n\n{title}\n\nFiles that the task names:\n\n{named}\nWritten by the simulated model.\n"
