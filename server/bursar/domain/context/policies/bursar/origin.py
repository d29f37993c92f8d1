"""What a result is, told by the call that asked for it: a file, a search, a command's output, a document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

ResultKind: TypeAlias = Literal["read", "search", "command", "edit", "report", "other"]

_READ_TOOLS = frozenset({"read", "view", "read_file", "open", "open_file", "cat", "notebookread"})
_SEARCH_TOOLS = frozenset({"grep", "glob", "search", "find", "ls", "list", "list_files", "search_files", "codesearch"})
_EDIT_TOOLS = frozenset(
    {"edit", "multiedit", "write", "create", "apply_patch", "patch", "str_replace", "insert", "notebookedit"}
    | {"str_replace_editor", "str_replace_based_edit_tool", "write_file", "edit_file"}
)
_COMMAND_TOOLS = frozenset(
    {"bash", "shell", "exec", "exec_command", "write_stdin", "powershell", "terminal", "local_shell"}
    | {"run_in_terminal", "run_command", "bashoutput", "read_bash", "write_bash"}
)
_REPORT_TOOLS = frozenset({"task", "agent", "taskoutput", "read_agent"})
_DOCUMENT_TOOLS = frozenset({"skill", "webfetch", "web_fetch", "fetch", "web_search", "websearch"})

_BEFORE = re.compile(
    r"^\s*(?:cd\s+\S+\s*(?:&&|;)|[A-Z_]+=\S+\s|sudo\s|time\s|timeout\s+\S+\s|set\s+-\S+\s*(?:&&|;|\n))\s*"
)
_READ_PROGRAM = re.compile(r"^(?:cat|sed\s+-n|head|tail|nl|less|bat|Get-Content|gc|type)\b(?![^|&;\n]*[^2&]>)")
_SEARCH_PROGRAM = re.compile(
    r"^(?:grep|egrep|fgrep|rg|ag|ack|find|fd|ls|tree|git\s+grep|git\s+ls-files|Select-String|Get-ChildItem)\b"
)
_PIPED_SEARCH = re.compile(r"\|\s*(?:grep|egrep|rg|Select-String)\b")
_RANGE = re.compile(r"\bsed\s+-n\b|\bhead\b|\btail\b|-TotalCount|Select-Object\s+-(?:First|Skip|Last)")
_DOCUMENT = re.compile(
    r"--help\b|\bgh\s+api\b|\bcurl\b|\bwget\b|\bjq\b|\bskills?/|"
    r"\b(?:git|gh|bd|kubectl|docker|npm|pnpm|bun|go|cargo)(?:\s+-\S+(?:\s+[/.]\S+)?)*(?:\s+\w+)?"
    r"\s+(?:diff|show|view|blame|describe|get|help|cat|doc)\b"
)
_GIT_DOCUMENT = re.compile(r"\bgit\b[^|;&\n]*\s(?:diff|show|blame)\b")
_PATH = re.compile(r"[\w./\\~@:+-]*[/\\.][\w./\\@+-]*\w")
_CODE = re.compile(
    r"\.(?:go|py|pyi|ts|tsx|js|jsx|mjs|cjs|rs|java|kt|kts|c|h|cc|cpp|hpp|cs|rb|php|swift|scala|sh|ps1|lua|sql|vue|svelte)$",
    re.IGNORECASE,
)
_RANGE_ARGUMENTS = ("offset", "limit", "view_range", "start_line", "end_line")
_PATH_ARGUMENTS = ("file_path", "path", "filePath", "notebook_path", "filename")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """``is_document``: made to be read as a whole (help, a diff, an API's answer). ``path``: the file, if it is one."""

    kind: ResultKind
    is_document: bool = False
    is_code: bool = False
    is_range: bool = False
    path: str = ""


UNKNOWN = Origin(kind="other")


def origin_of(tool: str, arguments: str) -> Origin:
    """What the result of a call is; ``arguments`` as the model wrote them, JSON or not."""
    name = tool.lower().rsplit("__", 1)[-1]
    given = _decoded(arguments)
    path = next((given[each] for each in _PATH_ARGUMENTS if isinstance(given.get(each), str)), "")
    if name in _EDIT_TOOLS:
        return Origin(kind="edit", path=path or _patched(arguments))
    if name in _READ_TOOLS:
        is_range = any(given.get(each) is not None for each in _RANGE_ARGUMENTS)
        return Origin(kind="read", path=path, is_range=is_range, is_code=_CODE.search(path) is not None)
    if name in _SEARCH_TOOLS:
        return Origin(kind="search", path=path)
    if name in _REPORT_TOOLS:
        return Origin(kind="report")
    if name in _DOCUMENT_TOOLS:
        return Origin(kind="command", is_document=True)
    if name in _COMMAND_TOOLS:
        return _of_command(_command(given, arguments))
    return UNKNOWN


def _of_command(command: str) -> Origin:
    main = command
    while (found := _BEFORE.match(main)) is not None:
        main = main[found.end() :]
    main = main.lstrip()
    if _READ_PROGRAM.match(main):
        if _PIPED_SEARCH.search(main):
            return Origin(kind="search")
        paths = [each for each in _PATH.findall(main.split("|", 1)[0]) if not each.startswith("-")]
        path = paths[-1] if paths else ""
        return Origin(
            kind="read", path=path, is_range=_RANGE.search(main) is not None, is_code=_CODE.search(path) is not None
        )
    if _SEARCH_PROGRAM.match(main):
        return Origin(kind="search")
    return Origin(
        kind="command",
        is_document=_DOCUMENT.search(main) is not None,
        is_code=_GIT_DOCUMENT.search(main) is not None,
        is_range=_RANGE.search(main) is not None,
    )


def _command(given: dict[str, Any], arguments: str) -> str:
    for each in ("command", "cmd", "script"):
        value = given.get(each)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return " ".join(map(str, value[2:] if value[1:2] == ["-lc"] else value))
    return arguments if not given else ""


def _patched(arguments: str) -> str:
    found = re.search(r"\*\*\* (?:Update|Add) File: (.+)", arguments)
    return found.group(1).split("\\n", 1)[0].strip() if found else ""


def _decoded(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
