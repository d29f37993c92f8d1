"""The hook that pre-commit installs from this repository: made from the kinds, and run as pre-commit runs it."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from bursar.domain.instructions import kind_of
from bursar.domain.instructions.kinds import BESIDE_TASKS
from support.program import User

TOP = Path(__file__).parents[2]
CORPUS = TOP / "tests" / "fixtures" / "corpus"


def hook() -> dict[str, str]:
    """The one hook, read as the little of YAML that it is: a mapping of plain and single-quoted scalars."""
    lines = [each for each in (TOP / ".pre-commit-hooks.yaml").read_text("utf-8").splitlines() if each[:1] != "#"]
    assert lines[0].startswith("- ")
    found = {}
    for line in lines:
        name, _, value = line[2:].partition(": ")
        if value.startswith("'"):
            assert re.fullmatch(r"'(?:[^']|'')*'", value)
            value = value[1:-1].replace("''", "'")
        found[name] = value
    return found


def test_the_file_is_made_from_the_kinds() -> None:
    made = (TOP / ".pre-commit-hooks.yaml").read_text("utf-8")
    tool = runpy.run_path(str(TOP / "tools" / "pre_commit_hooks.py"))
    assert made == tool["hooks"](), "run `python tools/pre_commit_hooks.py`"
    assert hook().keys() >= {"id", "name", "entry", "language", "files", "types"}
    assert (hook()["id"], hook()["language"]) == ("bursar-check", "python")


NAMES = [
    "tasks.md",
    ".kiro/specs/x/tasks.md",
    ".kiro/specs/x/requirements.md",
    ".kiro/steering/deep/er/style.md",
    "sub/.kiro/steering/style.md",
    ".kiro/hooks/on-save.json",
    "on save.kiro.hook",
    "AGENTS.md",
    "a/CLAUDE.local.md",
    "agents.md",
    "MYAGENTS.md",
    "AGENTS.md.bak",
    "AGENTS.md/readme.md",
    ".github/copilot-instructions.md",
    "x/py.instructions.md",
    "instructions.md",
    "x.prompt.md",
    "chat.prompty",
    ".claude/commands/do.md",
    "claude/commands/do.md",
    ".specify/memory/constitution.md",
    ".specify/templates/spec-template.md",
    "a.chatmode.md",
    ".cursor/agents/b.md",
    "skills/x/SKILL.md",
    ".cursor/rules/a.mdc",
    ".cursorrules",
    "x.cursorrules",
    ".clinerules/a.txt",
    ".clinerules/a.py",
    ".windsurf/rules/a.md",
    "specs/001/spec.md",
    "specs/001/data-model.md",
    "specs/001/contract.md",
    "log.jsonl",
    "talk.chat.md",
    "src/app.py",
    "src/app.tsx",
    "README.md",
    "docs/tasks.md.txt",
    "with\nnewline/AGENTS.md",
    "AGENTS.md\n",
]


def test_the_pattern_fits_what_the_kinds_fit() -> None:
    pattern = hook()["files"]
    real = [each.relative_to(CORPUS).as_posix() for each in CORPUS.rglob("*") if each.is_file()]
    assert len(real) > 100
    fitting = 0
    for name in [*NAMES, *real]:
        kind = kind_of(name)
        wanted = kind not in (None, "chat", "code") or name.rpartition("/")[2] in BESIDE_TASKS
        assert (re.search(pattern, name) is not None) == wanted, name
        fitting += wanted
    assert fitting > 60


@pytest.mark.parametrize(("text", "code"), [("# Style\n\nShort.\n", 0), ("# Style\n\nSee #[[file:gone.md]].\n", 1)])
def test_the_entry_runs_with_names_as_arguments(user: User, text: str, code: int) -> None:
    program, *words = shlex.split(hook()["entry"])
    assert program == "bursar"
    (user.cwd / ".kiro" / "steering").mkdir(parents=True)
    names = [".kiro/steering/a b.md", "AGENTS.md"]
    for each in names:
        (user.cwd / each).write_text(text, encoding="utf-8")
    chosen = [each for each in names if re.search(hook()["files"], each)]
    done = user.do(*words, *chosen)
    assert (chosen, done.code) == (names, code), (done.out, done.err)
