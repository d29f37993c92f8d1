"""What a file that an agent reads is made of, compared whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.instructions import InstructionFile, read_instructions
from bursar.domain.text import split_lines


def parts(file: InstructionFile) -> list[tuple[str, str, int, int, int]]:
    return [(each.kind, each.title, each.level, each.line, each.end_line) for each in file.parts]


def references(path: str, text: str) -> list[tuple[int, str, str | None]]:
    file = read_instructions(path, text)
    lines = split_lines(text)
    for each in file.references:
        assert each.written in lines[each.line][each.character : each.end_character]
    return [(each.line, each.written, each.path) for each in file.references]


def test_front_matter_is_a_part_and_no_heading() -> None:
    file = read_instructions(
        ".kiro/steering/a.md", "---\ninclusion: always\n---\n# A\r\n\r\nx\r## B\n```\n# not one\n```\n# C\n"
    )
    assert parts(file) == [
        ("frontmatter", "front matter", 0, 0, 3),
        ("heading", "A", 1, 3, 10),
        ("heading", "B", 2, 6, 10),
        ("heading", "C", 1, 10, 12),
    ]


def test_a_tasks_file_has_its_headings_and_tasks() -> None:
    file = read_instructions(".kiro/specs/x/tasks.md", "# Plan\n\n- [ ] 1. A\n  - detail\n  - [ ] 1.1 B\n- [ ] C\n")
    assert parts(file) == [
        ("heading", "Plan", 1, 0, 7),
        ("task", "1 A", 0, 2, 4),
        ("task", "1.1 B", 1, 4, 5),
        ("task", "C", 0, 5, 6),
    ]


def test_a_hook_sends_its_prompt_and_not_its_json() -> None:
    prompt = 'Look at "it"\nand #[[file:docs/a.md]] é'
    text = json.dumps({"name": "x", "when": {"type": "fileEdited"}, "then": {"prompt": prompt}}, indent=2)
    file = read_instructions(".kiro/hooks/a.kiro.hook", text)
    (part,) = file.parts
    assert (part.kind, part.title, part.sent) == ("block", "prompt", prompt)
    assert '"prompt"' in split_lines(text)[part.line]
    assert [(each.written, each.path) for each in file.references] == [("docs/a.md", "docs/a.md")]


def test_a_prompty_file_has_its_messages() -> None:
    file = read_instructions("a.prompty", "---\nname: x\n---\nsystem:\nBe kind.\n\nuser:\n{{question}}\n")
    assert parts(file)[1:] == [("block", "system", 0, 3, 6), ("block", "user", 0, 6, 9)]


@pytest.mark.parametrize(
    ("path", "front", "residency"),
    [
        ("AGENTS.md", "", "always"),
        (".claude/CLAUDE.md", "", "always"),
        ("packages/a/AGENTS.md", "", "matched"),
        (".kiro/steering/a.md", "", "always"),
        (".kiro/steering/a.md", "inclusion: always", "always"),
        (".kiro/steering/a.md", "inclusion: fileMatch\nfileMatchPattern: '**/*.ts'", "matched"),
        (".kiro/steering/a.md", "inclusion: manual", "manual"),
        (".kiro/steering/a.md", "inclusion: auto", "manual"),
        (".github/copilot-instructions.md", "", "always"),
        ("a.instructions.md", "applyTo: '**'", "always"),
        ("a.instructions.md", "applyTo: '**/*.ts, **/*.tsx'", "matched"),
        ("a.instructions.md", "applyTo:\n  - '**/*.ts'", "matched"),
        ("a.instructions.md", "description: x", "manual"),
        (".cursor/rules/a.mdc", "alwaysApply: true", "always"),
        (".cursor/rules/a.mdc", "globs: *.go\nalwaysApply: false", "matched"),
        (".cursor/rules/a.mdc", "description: go\nglobs:\nalwaysApply: false", "manual"),
        (".cursorrules", "", "always"),
        (".clinerules/a.md", "", "always"),
        (".clinerules/a.md", "paths:\n  - 'src/**'", "matched"),
        (".windsurf/rules/a.md", "trigger: glob\nglobs: '*.ts'", "matched"),
        (".windsurf/rules/a.md", "trigger: model_decision", "manual"),
        ("a.prompt.md", "", "manual"),
        ("SKILL.md", "name: x", "manual"),
        (".kiro/specs/x/design.md", "", "matched"),
    ],
)
def test_place_and_front_matter_say_which_requests_carry_a_file(path: str, front: str, residency: str) -> None:
    text = f"---\n{front}\n---\n# A\n" if front else "# A\n"
    assert read_instructions(path, text).residency == residency


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (".kiro/steering/a.md", "See #[[file:api/open api.yaml]] now", [("api/open api.yaml", "api/open api.yaml")]),
        (
            ".kiro/steering/a.md",
            "#[[file:../b.md]] #[[file:../../../b.md]]",
            [("../b.md", ".kiro/b.md"), ("../../../b.md", None)],
        ),
        (".kiro/steering/a.md", "[b](b.md) and @b.md are only words here", []),
        (
            "CLAUDE.md",
            "See @README.md and @docs/a.md. (@./b.md)",
            [("README.md", "README.md"), ("docs/a.md", "docs/a.md"), ("./b.md", "b.md")],
        ),
        (
            "sub/CLAUDE.md",
            "@../a.md @~/.claude/me.md @/etc/hosts",
            [("../a.md", "a.md"), ("~/.claude/me.md", None), ("/etc/hosts", None)],
        ),
        ("CLAUDE.md", "mail me@here.md, ask @anna, use @types/node and `@code.md`", []),
        ("CLAUDE.md", "```\n@a.md\n```\n\n    @b.md\n", []),
        ("GEMINI.md", "@./a.md", [("./a.md", "a.md")]),
        ("AGENTS.md", "@a.md is followed by none of its readers", []),
        (
            ".github/prompts/a.prompt.md",
            "[x](../../src/a.ts) #file:b.md",
            [("../../src/a.ts", "src/a.ts"), ("b.md", ".github/prompts/b.md")],
        ),
        (
            "a.instructions.md",
            "[x](https://a.example/b.md) [y](#part) ![z](a.png) [w](a.md#part)",
            [("a.md#part", "a.md")],
        ),
        (".cursor/rules/a.mdc", "[x](mdc:src/a.ts) @src/b.ts", [("src/a.ts", "src/a.ts"), ("src/b.ts", "src/b.ts")]),
    ],
)
def test_references_are_those_that_the_agent_follows(path: str, text: str, found: list[tuple[str, str | None]]) -> None:
    assert [(written.removeprefix("mdc:"), target) for _, written, target in references(path, text)] == found


def test_front_matter_refers_to_nothing() -> None:
    assert references("CLAUDE.md", "---\nsee: @a.md\n---\n@b.md\n") == [(3, "b.md", "b.md")]


PATHS = st.sampled_from(
    ["CLAUDE.md", ".kiro/steering/a.md", "a.kiro.hook", "a.prompty", "a.mdc", "a.prompt.md", ".kiro/specs/x/tasks.md"]
)
PIECES = st.sampled_from(
    [
        "---",
        "\n",
        "\r",
        "\r\n",
        "\x0c",
        "\u2028",
        "# a",
        "- [ ] 1. x",
        "@a.md",
        "#[[file:b]]",
        '"prompt": "x"',
        "system:",
        "`",
        "[",
        "](",
        "\ufeff",
        "😀",
        "inclusion: manual",
        " ",
    ]
)


@given(PATHS, st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_no_text_is_refused_and_every_place_is_in_it(path: str, text: str) -> None:
    file = read_instructions(path, text)
    lines = split_lines(text)
    for part in file.parts:
        assert 0 <= part.line < part.end_line <= len(lines)
    for each in file.references:
        assert 0 <= each.character < each.end_character <= len(lines[each.line])
        assert each.path is None or not each.path.startswith(("/", ".."))
