"""Where a file lies says what it is to an agent."""

from __future__ import annotations

import pytest

from bursar.domain.instructions import kind_of
from bursar.domain.instructions.kinds import glob_matches


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".kiro/specs/x/tasks.md", "tasks"),
        ("specs/001-x/tasks.md", "tasks"),
        (".kiro/specs/x/requirements.md", "requirements"),
        (".kiro/specs/x/bugfix.md", "requirements"),
        (".kiro/specs/x/design.md", "design"),
        (".kiro/steering/tech.md", "steering"),
        ("packages/a/.kiro/steering/deep/tech.md", "steering"),
        (".specify/memory/constitution.md", "steering"),
        (".kiro/hooks/format.kiro.hook", "hook"),
        (".kiro/hooks/format.json", "hook"),
        ("AGENTS.md", "agents"),
        ("packages/a/AGENTS.md", "agents"),
        ("CLAUDE.md", "agents"),
        ("CLAUDE.local.md", "agents"),
        (".claude/CLAUDE.md", "agents"),
        ("GEMINI.md", "agents"),
        (".github/copilot-instructions.md", "instructions"),
        (".github/instructions/python.instructions.md", "instructions"),
        (".github/prompts/review.prompt.md", "prompt"),
        (".github/chatmodes/plan.chatmode.md", "agent"),
        (".github/agents/speckit.tasks.agent.md", "agent"),
        (".claude/agents/reviewer.md", "agent"),
        (".claude/commands/fix/issue.md", "prompt"),
        (".claude/skills/pdf/SKILL.md", "skill"),
        (".cursor/rules/go.mdc", "rules"),
        (".cursorrules", "rules"),
        (".windsurfrules", "rules"),
        (".clinerules", "rules"),
        (".clinerules/10-style.md", "rules"),
        (".windsurf/rules/style.md", "rules"),
        ("src/chat.prompty", "prompt"),
        ("notes/talk.chat.md", "chat"),
        ("logs/talk.jsonl", "chat"),
        ("src/app.py", "code"),
        ("src/app.tsx", "code"),
        ("README.md", None),
        ("design.md", None),
        ("requirements.md", None),
        ("agents.md", None),
        (".claude/settings.json", None),
        ("my.cursorrules.txt", None),
        ("tasks.md.bak", None),
        ("src/app.pyc", None),
    ],
)
def test_a_path_says_what_a_file_is(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("prompts/*.md", "prompts/a.md", True),
        ("prompts/*.md", "prompts/deep/a.md", False),
        ("prompts/**/*.md", "prompts/a.md", True),
        ("prompts/**/*.md", "prompts/deep/er/a.md", True),
        ("prompts/*.md", "x/prompts/a.md", False),
        ("**/a?c.txt", "abc.txt", True),
        ("**/a?c.txt", "a/c.txt", False),
        ("docs/**", "docs/a/b", True),
        ("**/*.{md,txt}", "x/a.txt", True),
        ("**/*.{md,txt}", "x/a.rst", False),
        ("a{b", "a{b", True),
        ("a}b,c", "a}b,c", True),
        ("a.md", "aXmd", False),
        ("[a].md", "[a].md", True),
    ],
)
def test_a_glob_fits_whole_paths(glob: str, path: str, fits: bool) -> None:
    assert glob_matches(glob, path) is fits
