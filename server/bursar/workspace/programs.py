"""Which program a command names, and whether running it can run files of the workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bursar.domain.ports import ToolRefused
from bursar.domain.safety.show import escape_argument

# Reads and tells; runs nothing that is in a file, whatever its options are.
_READ_ONLY = frozenset(
    {"basename", "cat", "cmp", "cut", "dirname", "du", "echo", "false", "grep", "head", "ls", "nl", "printf", "pwd"}
    | {"readlink", "realpath", "sha256sum", "stat", "tail", "true", "uname", "wc"}
)
_MANY_NAMES = frozenset({"busybox", "coreutils", "toybox"})
# Those that compare files run the filters that the repository's settings name, and those that tell of commits may run
# what these settings name for signatures.
_GIT_READS = frozenset({"ls-files", "rev-parse"})
_GIT_OPTIONS = frozenset({"--", "--cached", "--abbrev-ref", "--show-toplevel", "-s"})


def search_path(root: Path, value: str) -> list[str]:
    """The entries of a PATH where programs are looked up: absolute, and outside the workspace."""
    kept = []
    for entry in value.split(os.pathsep):
        if Path(entry).is_absolute() and not is_inside(root, entry) and entry not in kept:
            kept.append(entry)
    return kept


def is_inside(root: Path, path: str) -> bool:
    """Whether a path leads into the workspace."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def find_program(root: Path, named: str, path: Sequence[str]) -> Path | ToolRefused:
    """The real path of the program: a bare name is looked up outside the workspace only."""
    if "/" in named:
        found = Path(os.path.realpath(root / named))
        if _can_run(found):
            return found
        return ToolRefused(message=f"{escape_argument(named)} is not a program that can be run. Name another.")
    for folder in path:
        found = Path(os.path.realpath(Path(folder) / named))
        if _can_run(found) and not found.is_relative_to(root):
            return found
    message = f"There is no program {escape_argument(named)} outside the workspace"
    own = next(
        (each for each in (".venv/bin", "venv/bin", "node_modules/.bin", ".") if _can_run(root / each / named)), None
    )
    if own is not None:
        message += f"; the workspace has its own: write {escape_argument(f'{own}/{named}')}"
    return ToolRefused(message=f"{message}.")


def runs_workspace_files(root: Path, program: Path, argv: Sequence[str]) -> bool:
    """Whether the command can run what the agent may write. True unless it is known that it cannot."""
    name = Path(argv[0]).name
    if program.is_relative_to(root):
        return True
    if program.name in _MANY_NAMES:
        return name not in _READ_ONLY
    if program.name != name:
        return True
    return not _git_only_reads(argv) if name == "git" else name not in _READ_ONLY


def child_environment(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The fixed environment of a command: where programs are, the home folder, plain text; nothing else is passed on.

    Git is kept from running what the repository's own settings name.
    """
    given = {
        "PATH": os.pathsep.join(search_path(root, env.get("PATH", os.defpath))),
        "HOME": env.get("HOME", str(Path.home())),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": "false",
        "GIT_CONFIG_KEY_1": "core.hooksPath",
        "GIT_CONFIG_VALUE_1": os.devnull,
        "GIT_CONFIG_KEY_2": "log.showSignature",
        "GIT_CONFIG_VALUE_2": "false",
    }
    if env.get("TMPDIR"):
        given["TMPDIR"] = env["TMPDIR"]
    return given


def _git_only_reads(argv: Sequence[str]) -> bool:
    if len(argv) < 2 or argv[1] not in _GIT_READS:
        return False
    return all(each in _GIT_OPTIONS or not each.startswith("-") for each in argv[2:])


def _can_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
