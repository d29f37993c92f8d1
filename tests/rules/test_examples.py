"""Each rule finds its bad example and leaves its good one alone, and its fix takes the finding away and no more."""

from __future__ import annotations

import pytest

from bursar.domain.rules.registry import BY_CODE, RULES, findings_in
from bursar.domain.rules.rule import Fix, Rule
from rules.corpus import instruction_files, surroundings
from rules.support import applied, found_by, spanned, words, world

OF_TEXT = [each for each in RULES if each.check is not None]


@pytest.fixture(params=OF_TEXT, ids=lambda rule: rule.code)
def rule(request: pytest.FixtureRequest) -> Rule:
    found: Rule = request.param
    return found


def test_the_bad_example_is_found(rule: Rule) -> None:
    texts, path = world(rule.bad)
    found = found_by(rule, texts, path)
    assert found
    assert {each.code for each in found} == {rule.code}
    for each in found:
        assert spanned(texts[path], each)


def test_the_good_example_is_not(rule: Rule) -> None:
    texts, path = world(rule.good)
    assert found_by(rule, texts, path) == []


def test_a_silenced_rule_is_not_asked(rule: Rule) -> None:
    texts, path = world(rule.bad)
    file = next(each for each in instruction_files(texts) if each.path == path)
    around = surroundings(texts, path, words)
    assert rule.code in {each.code for each in findings_in(file, around)}
    assert rule.code not in {each.code for each in findings_in(file, around, silenced={rule.code})}


def test_every_fix_takes_the_finding_away_and_touches_nothing_else(rule: Rule) -> None:
    texts, path = world(rule.bad)
    for end in ("\n", "\r\n"):
        with_ends = {each: text.replace("\n", end) for each, text in texts.items()}
        for found in found_by(rule, with_ends, path):
            for fix in found.fixes:
                after = applied(with_ends, fix)
                assert found_by(rule, after, path) == []
                assert_kept(with_ends, after, fix)


def assert_kept(before: dict[str, str], after: dict[str, str], fix: Fix) -> None:
    """Every line that no edit names is there as often as it was."""
    for path, text in before.items():
        touched = {line for each in fix.edits if each.path == path for line in range(each.line, each.end_line + 1)}
        lines = text.splitlines(keepends=True)
        kept = [line for at, line in enumerate(lines) if at not in touched and line.strip()]
        for line in kept:
            assert after[path].count(line) >= kept.count(line)
        if not touched:
            assert after[path] == text


def test_codes_are_written_alike_and_each_says_everything() -> None:
    assert len(BY_CODE) == len(RULES)
    for each in RULES:
        assert each.code == each.code.lower().replace(" ", "-").replace("_", "-")
        for text in (each.title, each.finds, each.why, each.remedy):
            assert text.strip() == text
            assert text
        assert each.finds.endswith((".", ")"))


def test_an_empty_file_and_a_file_of_line_ends_have_nothing() -> None:
    for text in ("", "\n\n\n", "\ufeff", "---\n---\n", "```\n", "# \n"):
        texts = {"AGENTS.md": text, ".kiro/specs/x/requirements.md": text, ".kiro/specs/x/tasks.md": text}
        for file in instruction_files(texts):
            assert findings_in(file, surroundings(texts, file.path, words)) == ()


def test_a_secret_is_found_in_any_piece_of_a_long_file_and_never_told() -> None:
    secret = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    text = "".join(f"# Part {number}\n\n{'Nothing to see. ' * 60}\n\n" for number in range(60)) + f"Use {secret}.\n"
    (found,) = found_by(BY_CODE["secret-in-prompt"], {"AGENTS.md": text}, "AGENTS.md")
    assert spanned(text, found) == secret
    assert secret[4:12] not in found.message + "".join(fix.title for fix in found.fixes)
