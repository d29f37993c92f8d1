"""Where a file names another one whose text the agent takes in with it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from bursar.domain.instructions.file import Reference
from bursar.domain.instructions.kinds import FileKind
from bursar.domain.specs.locate import locate
from bursar.domain.text import split_lines

_INCLUDED = re.compile(r"#\[\[file:([^\]\r\n]+)\]\]")
_IMPORTED = re.compile(r"(?<![^\s(])@((?:~/|\.{0,2}/)?[\w.+-][^\s`'\"<>|*?(){}\[\],;]*)")
_LINKED = re.compile(r"(?<!!)\[[^\]\r\n]*\]\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_FILE_WORD = re.compile(r"(?<![\w#])#file:([^\s`'\"<>|*?(){}\[\],;]+)")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_MARKS = re.compile(r"@|\]\(|#(?:\[\[|file:)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z", re.ASCII)
_WORKSPACE_SCHEMES = ("mdc:", "file:")


def references_in(
    path: str, kind: FileKind, lines: Sequence[str], verbatim: Iterable[tuple[int, int]]
) -> tuple[Reference, ...]:
    """The files that the agent takes in with this one, in the order of the text; nothing inside code.

    Kiro's ``#[[file:..]]`` in specs, steering and hooks; ``@path`` in the memory files of Claude Code and Gemini CLI,
    in Claude Code's commands and in Cursor's rules; ``#file:`` and Markdown links to files in the prompt, instruction
    and agent files of VS Code.
    """
    code = {line for first, end in verbatim for line in range(first, end)}
    found: list[Reference] = []
    for number, line in enumerate(lines):
        if number in code or _MARKS.search(line) is None:
            continue
        found += sorted(_in_line(path, kind, number, _without_code(line)), key=lambda each: each.character)
    return tuple(found)


def _in_line(path: str, kind: FileKind, number: int, line: str) -> Iterable[Reference]:
    folder = posixpath.dirname(path)
    if kind in ("steering", "tasks", "requirements", "design", "spec", "plan", "hook"):
        for each in _INCLUDED.finditer(line):
            written = each[1].strip()
            base = folder if written.startswith(("./", "../")) else ""
            yield _reference(number, each, written, _inside(base, written))
    if _imports(path, kind):
        yield from _imported(number, line, "" if path.endswith(".mdc") or kind == "prompt" else folder)
    if _links(path, kind):
        for pattern in (_LINKED, _FILE_WORD):
            for each in pattern.finditer(line):
                written = each[1]
                target, base = _target(written, folder)
                if target:
                    yield _reference(number, each, written, _inside(base, target))


def imports_in(path: str, text: str) -> list[str | None]:
    """What an imported file imports in turn, by the rules of the file that imported it."""
    if "@" not in text:
        return []
    lines = split_lines(text)
    code = {line for first, end in locate("\n".join(lines)).verbatim for line in range(first, end)}
    return [
        each.path
        for number, line in enumerate(lines)
        if number not in code and "@" in line
        for each in _imported(number, _without_code(line), posixpath.dirname(path))
    ]


def _imported(number: int, line: str, base: str) -> Iterable[Reference]:
    for each in _IMPORTED.finditer(line):
        written = each[1].rstrip(".:!")
        if _is_file(written):
            yield _reference(number, each, written, _inside(base, written), trim=len(each[1]) - len(written))


def _without_code(line: str) -> str:
    return _CODE_SPAN.sub(lambda each: " " * len(each[0]), line)


def _imports(path: str, kind: FileKind) -> bool:
    name = posixpath.basename(path)
    if kind == "agents":
        return name != "AGENTS.md"
    return name.endswith(".mdc") or "/.claude/commands/" in f"/{path}"


def _links(path: str, kind: FileKind) -> bool:
    return (kind in ("prompt", "instructions", "agent") and "/.claude/" not in f"/{path}") or path.endswith(".mdc")


def _target(written: str, folder: str) -> tuple[str, str]:
    """A link's file and the folder it is relative to; an empty file for what leads to none."""
    for scheme in _WORKSPACE_SCHEMES:
        if written.startswith(scheme) and not written.startswith(f"{scheme}//"):
            return written.removeprefix(scheme).partition("#")[0], ""
    if _SCHEME.match(written) or written.startswith("#"):
        return "", ""
    target = written.partition("#")[0]
    return (target, folder) if _EXTENSION.search(target) else ("", "")


def _is_file(written: str) -> bool:
    """Whether what stands behind an ``@`` names a file: people and packages are written that way, too."""
    return written.startswith(("./", "../", "~/", "/")) or _EXTENSION.search(written) is not None


def _inside(base: str, written: str) -> str | None:
    if written.startswith(("/", "~")) or "\\" in written or _SCHEME.match(written):
        return None
    joined = posixpath.normpath(posixpath.join(base, written))
    return None if joined == ".." or joined.startswith("../") else joined


def _reference(number: int, each: re.Match[str], written: str, path: str | None, *, trim: int = 0) -> Reference:
    return Reference(line=number, character=each.start(), end_character=each.end() - trim, written=written, path=path)
