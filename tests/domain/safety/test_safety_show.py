"""What the user is shown before a yes: every character, nothing to click, nothing cut unsaid."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.ports import CommandPlan
from bursar.domain.safety.show import (
    SUMMARY_CHARS,
    escape_argv,
    escape_for_question,
    printable_output,
    question_for_command,
    question_for_editor,
    question_for_in_doubt,
    question_for_path,
    whole_is_beside,
    words_for_message,
)


def _plan(*argv: str, runs: bool = False) -> CommandPlan:
    return CommandPlan(argv=argv, program=f"/usr/bin/{argv[0]}", cwd="/w", runs_workspace_files=runs)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git status\ntouch PWN", "git status\\x0atouch PWN"),
        ("git status\r\ntouch PWN", "git status\\x0d\\x0atouch PWN"),
        ("a\x1b[2K\rb", "a\\x1b[2K\\x0db"),
        ("a\tb", "a\\x09b"),
        ("a\\x0ab", "a\\\\x0ab"),
        ("invoice\u202egpj.exe", "invoice\\u{202e}gpj.exe"),
        ("a\u200bb\ufeff", "a\\u{200b}b\\u{feff}"),
        ("a\U000e0041b", "a\\u{e0041}b"),
        ("a\u00a0b\u2003c", "a\\xa0b\\u{2003}c"),
        ("a\u2028b", "a\\u{2028}b"),
        ("a\u3164b\ufe0f", "a\\u{3164}b\\u{fe0f}"),
        ("\ud800", "\\u{d800}"),
        ("ls" + " " * 3000 + ";touch PWN", "ls \\x20{2999};touch PWN"),
        ("a  b", "a \\x20b"),
        ("[click](command:workbench.action.x)", "[click]\\x28command\\x3aworkbench.action.x)"),
        ("![x](http://attacker.example/?q=1)", "![x]\\x28http\\x3a//attacker.example/?q=1)"),
        ("HTTPS://a.example", "HTTPS\\x3a//a.example"),
        ("www.attacker.example", "www\\x2eattacker.example"),
        ("$(zap) $(touch PWN)", "$\\x28zap) $(touch PWN)"),
        ("größe 日本 ok", "größe 日本 ok"),
    ],
)
def test_a_text_is_shown_character_by_character(text: str, shown: str) -> None:
    assert escape_for_question(text) == shown


def test_arguments_that_differ_look_different() -> None:
    lists = [("ls",), ("ls ",), ("ls", ""), ("l", "s"), ('l"', 's"'), ('"l', '"s'), ("l s",), ("l\\ s",), ("l\u200bs",)]
    assert len({escape_argv(each) for each in lists}) == len(lists)
    assert escape_argv(("python", "-m", "pytest", "a b", "")) == 'python -m pytest "a b" ""'


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=3), st.lists(st.text(max_size=8), min_size=1, max_size=3))
def test_two_argument_lists_never_look_the_same(one: list[str], other: list[str]) -> None:
    assert (escape_argv(tuple(one)) == escape_argv(tuple(other))) == (one == other)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_nothing_unseen_and_no_link_is_left(text: str) -> None:
    shown = escape_for_question(text)
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for each in shown)
    assert "](" not in shown and "://" not in shown and not re.search(r"(?i)\b(?:command|http|file):", shown)
    assert "  " not in shown


def test_a_command_is_asked_in_a_box() -> None:
    question = question_for_command("run-1", _plan("ls", "-l"))
    assert question.kind == "command" and question.run == "run-1"
    assert question.choices == ("Once", "For this run", "No")
    assert "ls -l" in question.summary and not whole_is_beside(question)
    assert "agent may change" not in question.summary + question.detail
    assert "/usr/bin/ls" in question.detail and "/w" in question.detail


def test_a_command_that_runs_the_agents_files_says_so() -> None:
    question = question_for_command("r", _plan("pytest", "-q", runs=True))
    assert "runs files that the agent may change" in question.summary
    assert "runs files that the agent may change" in question.detail
    long = question_for_command("r", _plan("pytest", "x" * 400, runs=True))
    assert "runs files that the agent may change" in long.summary


@pytest.mark.parametrize(
    "argument", ["ok " + "x" * 290, "ls" + " " * 3000 + ";touch PWN", "true && " * 5000 + "touch PWN", "\u202e" * 200]
)
def test_a_command_that_does_not_fit_is_read_in_the_document(argument: str) -> None:
    question = question_for_command("r", _plan("sh", "-c", argument))
    assert len(question.summary) <= SUMMARY_CHARS
    assert escape_argv((argument,)) in question.detail
    if len(escape_argv((argument,))) > SUMMARY_CHARS:
        assert whole_is_beside(question)
        assert "document opened beside" in question.summary


def test_a_long_program_path_does_not_burst_the_box() -> None:
    plan = CommandPlan(argv=("x" * 400,), program="/" + "p" * 4000, cwd="/w", runs_workspace_files=True)
    assert len(question_for_command("r", plan).summary) <= SUMMARY_CHARS


def test_letters_from_right_to_left_do_not_change_places_with_what_is_beside_them() -> None:
    """An editor shows ``cp <alef> <bet>`` with the two names the other way round."""
    argv = ("cp", "\u05d0", "\u05d1", "\u0661")
    path = question_for_path("r", "\u05d0/\u0628", "x", changing=True)
    for question in (question_for_command("r", _plan(*argv)), path):
        for text in (question.summary, question.detail):
            assert all(unicodedata.bidirectional(each) not in ("R", "AL", "AN") for each in text)
    assert 'Run cp "\\u{05d0}" "\\u{05d1}" "\\u{0661}" ?' in question_for_command("r", _plan(*argv)).summary


def test_a_message_has_no_link_and_no_order_in_it() -> None:
    said = words_for_message("Done. [details](command:x.y?1) \x1b[2J\u202etxt\nhttps://host/a\tb [1] (c)")
    assert said == "Done. [details] (command:x.y?1) \\x1b[2J\\u{202e}txt\nhttps://host/a\tb [1] (c)"


def test_paths_editor_and_doubt_are_asked() -> None:
    path = question_for_path("r", ".vscode/settings.json", "it decides what the editor runs", changing=True)
    assert path.kind == "path" and path.choices == ("Yes", "No") and "change .vscode/settings.json" in path.summary
    assert "read .env" in question_for_path("r", ".env", "keys", changing=False).summary
    editor = question_for_editor("r", "a b.py")
    assert editor.kind == "editor" and editor.choices == ("Yes", "No") and '"a b.py"' in editor.summary
    doubt = question_for_in_doubt("r", "the command [x](command:y) was running\nwhen it ended")
    assert doubt.kind == "in_doubt" and doubt.choices == ("Run again", "Treat as done", "Stop")
    assert "\n" not in doubt.summary and "](" not in doubt.summary


def test_a_long_path_is_whole_in_the_detail() -> None:
    name = "d/" * 300 + "`touch PWN`"
    for question in (question_for_path("r", name, "w", changing=True), question_for_editor("r", name)):
        assert len(question.summary) <= SUMMARY_CHARS and whole_is_beside(question)
        assert name in question.detail


def test_output_of_programs_is_lines_of_text() -> None:
    given_ = "\x1b[31mred\x1b[0m\r\n50%\r100%\n\x1b]0;title\x07x\u202ey \\n\ttab\x00\n"
    assert printable_output(given_) == "red\n50%\\x0d100%\nx\\u{202e}y \\n\ttab\\x00\n"
