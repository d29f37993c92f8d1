"""What the rules find in literal prompts of programs and in messages of transcripts, and where exactly."""

from __future__ import annotations

import json

import pytest

from bursar.callsites import SyntaxCallSites
from bursar.domain.callsites import CodeLanguage
from bursar.domain.rules.rule import Found
from bursar.domain.rules.sent import Sent, findings_in_sent
from bursar.domain.text import split_lines

KEY = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
BODY = "Every service is a package of its own and says what it does. " * 30


def in_code(text: str, language: CodeLanguage = "python", path: str = "app.py") -> tuple[Found, ...]:
    sent = [
        Sent(
            where="prompt",
            role=each.role,
            pieces=each.pieces,
            line=each.line,
            character=each.character,
            end_line=each.end_line,
            end_character=each.end_character,
        )
        for site in SyntaxCallSites().find(text, language)
        for each in site.prompts
    ]
    assert sent, "no prompt was found, so nothing is tested"
    return findings_in_sent(path, text, sent, lambda piece: len(piece.split()))


def cut(text: str, found: Found) -> str:
    lines = split_lines(text)
    if found.line == found.end_line:
        return lines[found.line][found.character : found.end_character]
    inner = lines[found.line + 1 : found.end_line]
    return "\n".join([lines[found.line][found.character :], *inner, lines[found.end_line][: found.end_character]])


def program(prompt: str, before: str = "") -> str:
    return (
        f"import anthropic\n{before}\nclient = anthropic.Anthropic()\n"
        f'client.messages.create(model="m", max_tokens=9, system={prompt}, messages=[])\n'
    )


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (program(f'"Use {KEY} é now"'), "python"),
        (program("SYSTEM", f'SYSTEM = """One\n  two \U0001f600 {KEY}\nthree"""'), "python"),
        (program(f'"Tab\\t" + "and " + "{KEY}"'), "python"),
        (
            "import OpenAI from 'openai';\nnew OpenAI().chat.completions.create({\n  model: 'm',\n"
            f"  messages: [{{ role: 'system', content: `Take\r\n  {KEY} of ${{who}}` }}],\n}});\n",
            "typescript",
        ),
    ],
)
def test_a_key_in_a_literal_prompt_is_found_at_its_place_and_can_be_replaced(text: str, language: CodeLanguage) -> None:
    (found,) = in_code(text, language)
    assert found.code == "secret-in-prompt"
    assert cut(text, found) == KEY
    assert KEY not in found.message
    (edit,) = found.fixes[0].edits
    assert (edit.line, edit.character, edit.end_character) == (found.line, found.character, found.end_character)


def test_a_key_that_is_written_in_parts_is_told_on_the_whole_prompt_without_a_fix() -> None:
    text = program(f'"Use {KEY[:9]}" + "{KEY[9:]}"')
    (found,) = in_code(text)
    assert cut(text, found) == f'"Use {KEY[:9]}" + "{KEY[9:]}"'
    assert found.fixes == ()


def test_each_of_two_equal_keys_is_found_once_however_many_calls_send_them() -> None:
    call = '\nclient.messages.create(model="m", max_tokens=9, system=SYSTEM, messages=[])'
    text = program("SYSTEM", f'SYSTEM = "{KEY} {KEY}"') + call
    assert [cut(text, each) for each in in_code(text)] == [KEY, KEY]
    assert len({each.character for each in in_code(text)}) == 2


def test_what_no_call_sends_is_left_alone() -> None:
    before = f'TOKEN = "{KEY}"  # a\u200bb\nOTHER = "x\u200by"'
    assert in_code(program('"Nothing to see"', before)) == ()


def test_hidden_characters_are_found_where_they_stand_and_escapes_are_none() -> None:
    text = program('"""One\ntwo\u202e end\nthree\u200b"""')
    found = in_code(text)
    assert [(each.code, cut(text, each)) for each in found] == [
        ("hidden-characters", "\u202e"),
        ("hidden-characters", "\u200b"),
    ]
    assert in_code(program(r'"two\u202e end"')) == ()


@pytest.mark.parametrize("words", ["Today's date is", "Today is", "Current time:", "session_id=", "date:"])
def test_a_value_of_the_moment_in_front_of_a_long_system_prompt_breaks_its_cache(words: str) -> None:
    text = program(f'f"You help. {words} {{today}}. {BODY}"')
    (found,) = in_code(text)
    assert found.code == "volatile-prefix"
    assert cut(text, found) == words
    assert "literal tokens behind it" in found.message


@pytest.mark.parametrize(
    "prompt",
    [
        f'f"{BODY} Today is {{today}}."',
        f'f"You help {{name}}. {BODY}"',
        f'f"Ask for the current date {{and_so_on}} of the client. {BODY}"',
        f'f"What happened today {{and_so_on}} counts. {BODY}"',
        f'f"Update the release date {{form}} to what is asked. {BODY}"',
        f'"Today is 2026-11-21. {BODY}"',
        'f"Today is {today}. Be short."',
    ],
)
def test_what_does_not_break_the_cache_is_not_told(prompt: str) -> None:
    assert in_code(program(prompt)) == ()


def test_the_same_value_in_a_users_message_is_where_it_belongs() -> None:
    text = (
        "import anthropic\nanthropic.Anthropic().messages.create(model='m', max_tokens=9, "
        f'messages=[{{"role": "user", "content": f"Today is {{today}}. {BODY}"}}])\n'
    )
    assert in_code(text) == ()


def in_chat(text: str, messages: list[str]) -> tuple[Found, ...]:
    sent = [
        Sent(where="message", role="", pieces=(said,), line=at, character=0, end_line=at, end_character=len(line))
        for at, (said, line) in enumerate(zip(messages, text.splitlines(), strict=True))
    ]
    return findings_in_sent("chat.jsonl", text, sent, len)


def test_messages_of_a_transcript_are_looked_at_as_they_were_said() -> None:
    messages = [f"Say\n{KEY}\nplease", "Hello\u200b", 'the password = "hG7#kLp29sQw\\ErT5x"']
    text = "\n".join(json.dumps({"role": "user", "content": each}, ensure_ascii=False) for each in messages)
    key, hidden, password = in_chat(text, messages)
    assert (key.code, cut(text, key)) == ("secret-in-prompt", KEY)
    assert (hidden.code, cut(text, hidden)) == ("hidden-characters", "\u200b")
    # Its backslash is written as two: the line is told, and nothing is offered that would leave half of it.
    assert (password.code, password.line, password.character) == ("secret-in-prompt", 2, 0)
    assert password.fixes == ()
    assert in_chat(text.replace(KEY, "$TOKEN"), [messages[0].replace(KEY, "$TOKEN"), *messages[1:]])[0] == hidden


def test_a_silenced_rule_is_not_told_and_a_file_of_data_is_not_looked_at() -> None:
    line = json.dumps({"role": "user", "content": KEY})
    sent = [Sent(where="message", role="", pieces=(KEY,), line=0, character=0, end_line=0, end_character=len(line))]
    assert len(findings_in_sent("a.jsonl", line, sent, len)) == 1
    assert findings_in_sent("a.jsonl", line, sent, len, silenced=frozenset({"secret-in-prompt"})) == ()
    assert findings_in_sent("a.jsonl", line + "\n" * 1_000_000, sent, len) == ()
