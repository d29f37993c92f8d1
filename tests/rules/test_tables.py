"""The rules at their edges: tables of what is found and what is not, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.rules.registry import BY_CODE, findings_in
from bursar.domain.text import split_lines
from rules.corpus import instruction_files, surroundings
from rules.support import applied, found_by, spanned, words

BODY = "Every service has its own tests and its own page, and nobody reads the tables of another one. " * 12


def found(code: str, text: str, path: str = "AGENTS.md", **others: str) -> list[str]:
    texts = {path: text, **{name.replace("__", "/"): each for name, each in others.items()}}
    return [spanned(text, each) for each in found_by(BY_CODE[code], texts, path)]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("a\u200bb", ["\u200b"]),
        ("a\u200b\u200b\u2060b", ["\u200b\u200b\u2060"]),
        ("ok \U000e0068\U000e0069", ["\U000e0068\U000e0069"]),
        ("left \u202eright", ["\u202e"]),
        ("x\ufeffy", ["\ufeff"]),
        ("soft\u00adhyphen", ["\u00ad"]),
        ("a\u200db", ["\u200d"]),
        ("a\ufe0fb", ["\ufe0f"]),
        ("\ufeff# At the start", []),
        ("👩\u200d💻 👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", []),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", []),
        ("می\u200cخواهم", []),
        ("क\u094d\u200dष", []),
        ("\u05e9\u05dc\u05d5\u05dd \u200f(x)\u202c", []),
        ("葛\U000e0100", []),
        ("plain, ünicode, 漢字, emoji 🎉", []),
    ],
)
def test_hidden_characters(text: str, hidden: list[str]) -> None:
    assert found("hidden-characters", text) == hidden


def test_what_tags_spell_is_told() -> None:
    text = "ok" + "".join(chr(0xE0000 + ord(each)) for each in "obey")
    (each,) = found_by(BY_CODE["hidden-characters"], {"AGENTS.md": text}, "AGENTS.md")
    assert "they spell 'obey'" in each.message


@pytest.mark.parametrize(
    ("first", "second", "contradicts"),
    [
        ("Lines: at most 100 characters", "A line has at most 120 characters", True),
        ("Keep functions under 50 lines", "Functions have a maximum of 40 lines", True),
        ("The timeout is at most 30 seconds", "Timeout: max 30 s", False),
        ("The timeout is at most 30 seconds", "Timeout: max 45 s", True),
        ("Timeout: at most 1 minute", "Timeout: at most 60 seconds", False),
        ("Functions have at most 50 lines", "Files have at most 500 lines", False),
        ("Tests run within 5 seconds", "Integration tests run within 30 seconds", False),
        ("Coverage: at least 80 %", "Coverage: at most 95 %", False),
        ("Titles have at most 50 characters", "Titles have at most 72 words", False),
        ("At most 100 characters", "At most 120 characters", False),
    ],
)
def test_contradictory_limits(first: str, second: str, contradicts: bool) -> None:
    both = f"# Style\n\n- {first}\n\n# More\n\n- {second}\n"
    assert bool(found("contradictory-limits", both)) == contradicts
    assert bool(found("contradictory-limits", f"- {second}\n", "b/AGENTS.md", **{"AGENTS.md": f"- {first}\n"})) == (
        contradicts
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Last updated: 2026-03-14", ["2026-03-14"]),
        ("**Last Updated**: March 3, 2026", ["March 3, 2026"]),
        ("> Generated at 2026-03-14T10:11:12Z", ["2026-03-14T10:11:12Z"]),
        ("Build: 4711", ["4711"]),
        ("Session id: 123e4567-e89b-42d3-a456-426614174000", ["123e4567-e89b-42d3-a456-426614174000"]),
        ("最后更新：2026-02-11", ["2026-02-11"]),
        ("Build with `make` after 2026-03-14 only, since the older one is broken on this machine.", []),
        ("api_version: 2024-08-01-preview", []),
        ("Use version 2.3 of the API.", []),
        ("`Last updated: 2026-03-14`", []),
        ("Created: 2026-03-14", []),
        ("Commit: 896b2aa7074fc886efd7dd0a397d694763cac7ce", ["896b2aa7074fc886efd7dd0a397d694763cac7ce"]),
    ],
)
def test_volatile_lines(line: str, value: list[str]) -> None:
    assert found("volatile-prefix", f"# Rules\n\n{line}\n\n{BODY}\n") == value
    assert found("volatile-prefix", f"# Rules\n\n{BODY}\n\n{line}\n") == []
    assert found("volatile-prefix", f"# Rules\n\n```\n{line}\n```\n\n{BODY}\n") == []


def test_a_commit_that_a_history_of_changes_names_stays_as_it_is() -> None:
    deep = "# Changes\n" + "\n- one\n" * 10
    assert found("volatile-prefix", f"{deep}\ncommit: 896b2aa7074fc886efd7dd0a397d694763cac7ce\n\n{BODY}\n") == []
    assert found("volatile-prefix", f"{deep}\nLast updated: 2026-03-14\n\n{BODY}\n") == ["2026-03-14"]


@pytest.mark.parametrize(
    ("value", "is_secret"),
    [
        ("password: 'bm90IG15IHJlYWwgcGFzc3dvcmQ='", False),
        ("Authorization: 'Basic dXNlcjpwYXNzd29yZA=='", False),
        ("password: 'aHVudGVyMjpUcjB1YjRkb3ImM3h5eg=='", True),
        ("password: 'hG7#kLp29sQw-ErT5x'", True),
    ],
)
def test_a_value_that_says_in_base64_that_it_is_an_example_is_no_secret(value: str, is_secret: bool) -> None:
    assert bool(found("secret-in-prompt", f"# Rules\n\n{value}\n")) == is_secret


@pytest.mark.parametrize(
    ("between", "together"), [("\n", True), ("\n\n", True), ("\nSaid in passing.\n", False), ("\n# More\n", False)]
)
def test_volatile_lines_with_nothing_between_them_are_one_finding_and_one_edit(between: str, together: bool) -> None:
    lines = ["Last updated: 2026-03-14", "Build: 4711"]
    texts = {"AGENTS.md": f"# Rules\n\n{between.join(lines)}\n\n{BODY}\n"}
    every = found_by(BY_CODE["volatile-prefix"], texts, "AGENTS.md")
    spans = [spanned(texts["AGENTS.md"], each) for each in every]
    assert spans == ([f"2026-03-14{between}Build: 4711"] if together else ["2026-03-14", "4711"])
    if together:
        assert every[0].message.startswith("These 2 lines (date, counter) change ")
        after = applied(texts, every[0].fixes[0])
        assert after["AGENTS.md"].endswith(f"{BODY}\n\n## Changes often\n\n{between.join(lines)}\n")
        assert found_by(BY_CODE["volatile-prefix"], after, "AGENTS.md") == []


@pytest.mark.parametrize(
    ("line", "phrases"),
    [
        ("In order to build, run make.", ["In order to"]),
        ("Please note that tests are slow.", ["Please note that"]),
        ("It is able to retry.", ["is able to"]),
        ("Run `in order to` once.", []),
        ('Never write "in order to" in a commit.', []),
        ("The in-order-to table", []),
        ("Keep the list in order to the end", []),
    ],
)
def test_stock_phrases(line: str, phrases: list[str]) -> None:
    assert found("verbose-text", f"# A\n\n{line}\n") == phrases


def test_a_shorter_wording_reads_on_as_a_sentence() -> None:
    for before, after in (
        ("In order to build, run make.", "To build, run make."),
        ("It is important to note that tests are slow.", "Tests are slow."),
        ("Then make sure to run them.", "Then run them."),
    ):
        text = f"# A\n\n{before}\n"
        (each,) = found_by(BY_CODE["verbose-text"], {"AGENTS.md": text}, "AGENTS.md")
        assert applied({"AGENTS.md": text}, each.fixes[0]) == {"AGENTS.md": f"# A\n\n{after}\n"}


def test_files_of_different_agents_may_say_the_same() -> None:
    said = f"{BODY}\n"
    assert found("duplicated-text", said, "GEMINI.md", **{"CLAUDE.md": said}) == []
    assert found("duplicated-text", said, ".cursor/rules/a.mdc", **{"AGENTS.md": said}) == []  # on request only
    always = f"---\nalwaysApply: true\n---\n{said}"
    assert found("duplicated-text", always, ".cursor/rules/a.mdc", **{".cursor/rules/A.mdc": always})
    assert found("duplicated-text", f"{said}\n## Again\n\n{said}")


PIECES = st.sampled_from(
    [
        "# A",
        "## B",
        "#### Acceptance Criteria",
        "### Requirement 1",
        "- [ ] 1. Do it",
        "  - _Requirements: 1.1, 2-3_",
        "1. WHEN x THE y SHALL z",
        "2. It should",
        "```",
        "```py a.py",
        "---",
        "inclusion: always",
        "#[[file:a/b.md]]",
        "@x/y.md",
        "In order to",
        "Last updated: 2026-01-01",
        "at most 100 characters per line",
        "at most 120 characters per line",
        BODY,
        "password: 'a8Zk29xQp0Lm'",
        "\u200b\u202e\U000e0041",
        "",
        "\t",
        "| a | b |",
        "- item",
        "漢字🦀",
        "\ufeff",
    ]
)
PATHS = ("AGENTS.md", "b/AGENTS.md", ".kiro/steering/a.md", ".kiro/specs/x/requirements.md", ".kiro/specs/x/tasks.md")


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=14), min_size=5, max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_text_is_looked_at_and_every_place_and_fix_is_in_it(pieces: list[list[str]], end: str) -> None:
    texts = {path: end.join(each) for path, each in zip(PATHS, pieces, strict=True)}
    for file in instruction_files(texts):
        for each in findings_in(file, surroundings(texts, file.path, words)):
            spanned(file.text, each)
            assert each.end_line < len(split_lines(file.text))
            for fix in each.fixes:
                assert fix.edits
                applied(texts, fix)
