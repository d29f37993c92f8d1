"""No text makes the search fail, and whatever it finds lies in the text; broken copies of the fixtures among them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.callsites import SyntaxCallSites
from bursar.domain.callsites import CallSite, CodeLanguage, language_of
from bursar.domain.text import split_lines
from callsites.expected import FIXTURES

SITES = SyntaxCallSites()
LANGUAGES: tuple[CodeLanguage, ...] = get_args(CodeLanguage)
WORDS = [
    "import openai\n", "from anthropic import Anthropic\n", 'import { generateText } from "ai";\n', "client", ".chat",
    ".completions", ".create", "(", ")", "[", "]", "{", "}", "messages=", "model=", '"role": "user"', "content:", "f'",
    "`", "${", '"""', "\\", "\n", "\r", "\r\n", "é", "😀", "\ud800", "\x00", "\x0c", "\u2028", " | ", "+", "*", ",",
    "a", "= ", ".invoke", "generateText", "**", "...", "#", "//", "lambda: ", "=>", "    ",
]  # fmt: skip


def lies_in(site: CallSite, text: str) -> bool:
    lines = split_lines(text)
    for each in (site, *site.prompts):
        start, end = (each.line, each.character), (each.end_line, each.end_character)
        if not start < end or any(line >= len(lines) or at > len(lines[line]) for line, at in (start, end)):
            return False
    return True


def test_a_place_outside_the_text_would_be_noticed() -> None:
    text = (Path(__file__).parent / "fixtures" / "openai_chat.py").read_text()
    (site,) = SITES.find(text, "python")
    assert lies_in(site, text)
    assert not lies_in(site, text[:200])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from(LANGUAGES))
def test_any_words_are_read(words: list[str], language: CodeLanguage) -> None:
    text = "import openai\nimport 'openai'\n" + "".join(words)
    assert all(lies_in(each, text) for each in SITES.find(text, language))


@pytest.mark.parametrize("file", FIXTURES, ids=lambda each: each.name)
def test_a_broken_copy_is_read(file: Path) -> None:
    text, draw = file.read_text(), random.Random(file.name)
    language = language_of(file.name)
    assert language is not None
    for _ in range(25):
        start = draw.randrange(len(text))
        end = min(len(text), start + draw.choice((0, 1, 1, 2, 10, 400)))
        broken = text[:start] + draw.choice(["", "", *WORDS]) + text[end:]
        assert all(lies_in(each, broken) for each in SITES.find(broken, language))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("file", FIXTURES, ids=lambda each: each.name)
def test_line_ends_change_nothing(file: Path, end: str) -> None:
    text = file.read_text()
    language = language_of(file.name)
    assert language is not None
    assert SITES.find(text.replace("\n", end), language) == SITES.find(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("import openai\nx = " + "(" * 50_000, "python"),
        ("import openai\nx = " + "[" * 20_000 + "]" * 20_000 + "\nx.invoke(x)", "python"),
        ("import 'openai'; x" + ".a()" * 5_000 + ".create({})", "javascript"),
        ("import openai\nx.responses.create(model='m', input=" + " + ".join(["'a'"] * 3_000) + ")", "python"),
        ("import openai\na0 = 'x' * 2\n", "python"),
    ],
    ids=["open-brackets", "nested-lists", "long-chain", "long-sum", "product"],
)
def test_deep_code_is_read(text: str, language: CodeLanguage) -> None:
    assert len(SITES.find(text, language)) == (1 if " + " in text else 0)


def test_a_few_names_that_double_one_another_do_not_fill_the_memory() -> None:
    doubled = "".join(f"a{n + 1} = a{n} + a{n}\nb{n + 1} = [b{n}, b{n}]\n" for n in range(58))
    text = (
        f"import openai\na0 = 'text'\nb0 = ['text']\n{doubled}"
        "openai.responses.create(model='m', input=a58, tools=b58)\n"
    )
    (site,) = SITES.find(text, "python")
    assert (site.prompts, site.not_literal) == ((), ("the input", "the tools"))


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_half_a_character_in_an_escape_can_be_told(language: CodeLanguage) -> None:
    before = "import openai\n" if language == "python" else "import openai from 'openai';\n"
    input_ = "input='a\\ud800b'" if language == "python" else "{input: 'a\\ud800b'}"
    (site,) = SITES.find(f"{before}openai.responses.create({input_})\n", language)
    assert [each.pieces for each in site.prompts] == [("a\ufffdb",)]
