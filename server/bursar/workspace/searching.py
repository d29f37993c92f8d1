"""Searches files line by line; the pattern is tried in a process of its own, so that a slow one can be ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bursar.domain.ports import NeedsYes, ToolRefused
from bursar.domain.safety.secrets import mask_secrets
from bursar.domain.safety.show import escape_for_question
from bursar.domain.text import split_lines
from bursar.workspace.atomic import OUR_TEMP
from bursar.workspace.listing import SKIPPED_FOLDERS, is_protected

MOST_HITS = 200
_MOST_FILES = 5_000
_MOST_CHARS = 16 * 1024 * 1024
_LINE_CHARS = 1_000
_SHOWN_CHARS = 300
_PATTERN_CHARS = 500
_MATCHER = Path(__file__).with_name("matcher.py")
_TRY_S = 5.0
_MEANT = re.compile(r"[\\.^$*+?{}\[\]|()]")


@dataclass(slots=True)
class _Search:
    """What was seen on the way."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: int = 0
    chars: int = 0
    protected: int = 0
    unread: int = 0
    full: bool = False


def search_files(
    root: Path, start: str, pattern: str, text_of: Callable[[str], str | ToolRefused | NeedsYes]
) -> str | ToolRefused:
    """The hits below ``start`` as lines, with what was passed over at the end; ``text_of`` reads through the guard."""
    if not pattern:
        return ToolRefused(message="The pattern is empty. Give a regular expression or a text.")
    if len(pattern) > _PATTERN_CHARS:
        return ToolRefused(message=f"The pattern is longer than {_PATTERN_CHARS} characters. Use a shorter one.")
    search = _Search()
    for path in _files(root, start, search):
        if search.files == _MOST_FILES or search.chars >= _MOST_CHARS:
            search.full = True
            break
        search.files += 1
        text = text_of(path)
        if isinstance(text, NeedsYes):
            search.protected += 1
        elif isinstance(text, ToolRefused):
            if path == start:
                return text
            search.unread += 1
        else:
            # Masked first: a pattern that could be tried on a secret would tell it, a character at a time.
            masked, _ = mask_secrets(text)
            search.texts.append((path, masked))
            search.chars += len(masked)
    literal = not _MEANT.search(pattern) or not _compiles(pattern)
    hits, ended = _literal_hits(search.texts, pattern) if literal else _hits(search.texts, pattern)
    return _told(search, hits, ended, literal and _MEANT.search(pattern) is not None)


def files_below(root: Path) -> Iterator[str]:
    """The files below a root, sorted, that a search would look into."""
    return _files(root, ".", _Search())


def _files(root: Path, start: str, search: _Search) -> Iterator[str]:
    """The files below a path, sorted; links are not followed, what is protected or skipped is not entered."""
    top = root if start == "." else root.joinpath(*start.split("/"))
    if not top.is_dir():
        yield start
        return
    for folder, folders, files in os.walk(top):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else f"{here}/"
        kept = []
        for name in sorted(folders):
            if name in SKIPPED_FOLDERS or Path(folder, name).is_symlink():
                continue
            if is_protected(f"{prefix}{name}", True):
                search.protected += 1
                continue
            kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            if not OUR_TEMP.fullmatch(name) and not Path(folder, name).is_symlink():
                yield f"{prefix}{name}"


def _compiles(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _literal_hits(texts: list[tuple[str, str]], wanted: str) -> tuple[list[str], bool]:
    hits = []
    for path, text in texts:
        if wanted not in text:
            continue
        for at, line in enumerate(split_lines(text)):
            if wanted in line:
                hits.append(_hit(path, at, line))
                if len(hits) > MOST_HITS:
                    return hits, False
    return hits, False


def _hits(texts: list[tuple[str, str]], pattern: str) -> tuple[list[str], bool]:
    """The hits of a regular expression, and whether it was ended for being too slow."""
    lines = [[line[:_LINE_CHARS] for line in split_lines(text)] for _, text in texts]
    given = json.dumps({"pattern": pattern, "most": MOST_HITS + 1, "texts": lines}).encode()
    command = [sys.executable, "-I", "-S", str(_MATCHER)]
    ended = False
    try:
        out = subprocess.run(command, input=given, capture_output=True, timeout=_TRY_S, check=False, env={}).stdout  # noqa: S603
    except subprocess.TimeoutExpired as error:
        ended, out = True, error.stdout or b""
    hits = []
    for row in out.decode().splitlines():
        file, _, line = row.partition(" ")
        if line.isdigit():
            hits.append((texts[int(file)][0], int(line), lines[int(file)][int(line)]))
    return [_hit(*each) for each in hits], ended


def _hit(path: str, at: int, line: str) -> str:
    shown = line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"
    return f"{escape_for_question(path)}:{at + 1}: {shown}"


def _told(search: _Search, hits: list[str], ended: bool, as_text: bool) -> str:
    said = hits[:MOST_HITS] or ["No line matches."]
    if len(hits) > MOST_HITS:
        said.append(f"(only the first {MOST_HITS} hits are shown: use a narrower pattern or path)")
    if ended:
        said.append(f"(the pattern was ended after {_TRY_S:g} s: it is too slow; use a simpler one)")
    if as_text:
        said.append("(the pattern is no regular expression: it was searched as plain text)")
    if search.full:
        said.append(f"(stopped after {search.files:,} files: search below a folder)")
    if search.protected:
        said.append(f"({search.protected} protected files or folders were not searched)")
    if search.unread:
        said.append(f"({search.unread} files were not searched: no UTF-8 text, too large, or not plain)")
    return "\n".join(said)
