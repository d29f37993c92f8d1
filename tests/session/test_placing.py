"""Code and transcripts in a session: what is looked at, and what is shown while they change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bursar.domain.transcripts import LARGEST_CHARS
from bursar.session.analysis import describe
from bursar.session.model import Changed, Opened
from bursar.session.shown import annotations_of
from bursar.views.annotations import Annotations

from .conftest import Office

CODE = """import openai

client = openai.OpenAI()
client.responses.create(model="other", input="four four four four")
"""
CHAT = "".join(
    json.dumps(each) + "\n"
    for each in ({"role": "user", "content": "x" * 1_000}, {"role": "assistant", "content": "y" * 8})
)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.py", CODE, "code"),
        ("a.py", CODE.replace("import openai", "import os"), "other"),
        ("a.ts", 'import { generateText } from "ai";', "code"),
        ("a.ts", 'import { a } from "aid";', "other"),
        ("a.txt", CODE, "other"),
        ("a.jsonl", CHAT, "chat"),
        ("a.jsonl", '{"a": 1}\n', "other"),
        ("a.chat.md", "## User\nHello\n", "chat"),
        ("a.chat.md", "# Notes\n", "other"),
    ],
)
def test_only_files_with_something_to_find_are_looked_at(tmp_path: Path, name: str, text: str, kind: str) -> None:
    found = describe(uri="u", path=str(tmp_path / name), version=1, text=text, folders=(), root_of=lambda _: tmp_path)
    assert found.kind == kind


def open_file(office: Office, name: str, text: str) -> str:
    path = office.shop.tasks.parent / name
    path.write_text(text)
    office.session.apply(Opened(uri=path.as_uri(), path=str(path), version=1, text=text))
    return path.as_uri()


def shown(office: Office, uri: str) -> Annotations:
    return annotations_of(office.session.snapshot(), uri)


async def test_a_call_keeps_its_lens_while_lines_are_put_before_it(office: Office) -> None:
    uri = open_file(office, "ask.py", CODE)
    await office.window.until(lambda: shown(office, uri).lenses)
    (lens,) = shown(office, uri).lenses
    assert (lens.line, lens.title) == (3, "5 tokens · no price known for other")
    office.session.apply(Changed(uri=uri, version=2, text="# first\n" + CODE))
    assert [each.line for each in shown(office, uri).lenses] == [4]
    await office.window.until(lambda: office.session.snapshot().analyses[uri].version == 2)
    assert [each.line for each in shown(office, uri).lenses] == [4]
    office.session.apply(Changed(uri=uri, version=3, text="import os\n"))
    assert shown(office, uri) == Annotations()


async def test_a_transcript_says_who_said_how_much(office: Office) -> None:
    uri = open_file(office, "talk.jsonl", CHAT)
    await office.window.until(lambda: shown(office, uri).lenses)
    assert [each.title for each in shown(office, uri).lenses] == ["2 messages · 252 tokens: user 250, assistant 2"]
    assert [(each.line, each.label) for each in shown(office, uri).hints] == [(0, "250 tokens")]


async def test_a_huge_transcript_is_refused_with_a_sentence(office: Office) -> None:
    text = CHAT * (LARGEST_CHARS // len(CHAT) + 1)
    uri = open_file(office, "huge.jsonl", text)
    (lens,) = shown(office, uri).lenses
    assert lens.title == "Messages are counted in transcripts of up to 8,000,000 characters: split this file"
    assert uri not in office.session.snapshot().analyses


async def test_a_key_in_a_prompt_is_found_moves_with_the_lines_and_goes_with_the_edit(office: Office) -> None:
    key = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    text = CODE.replace("four four", f"four {key}", 1)
    uri = open_file(office, "ask.py", text)
    await office.window.until(lambda: shown(office, uri).findings)
    (found,) = shown(office, uri).findings
    assert (found.code, found.severity, found.line) == ("secret-in-prompt", "error", 3)
    assert text.splitlines()[3][found.character : found.end_character] == key
    assert found.href.endswith("secret-in-prompt.md")
    office.session.apply(Changed(uri=uri, version=2, text=f"# One line more\n{text}"))
    assert [each.line for each in shown(office, uri).findings] == [4]
    office.session.apply(Changed(uri=uri, version=3, text=CODE))
    await office.window.until(lambda: not shown(office, uri).findings)


async def test_a_key_in_a_message_of_a_transcript_is_found(office: Office) -> None:
    key = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    uri = open_file(office, "a.jsonl", CHAT.replace("y" * 8, f"Use {key}."))
    await office.window.until(lambda: shown(office, uri).findings)
    (found,) = shown(office, uri).findings
    assert (found.code, found.line, found.end_character - found.character) == ("secret-in-prompt", 1, len(key))
