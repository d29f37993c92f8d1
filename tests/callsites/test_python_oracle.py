"""A prompt's text is what Python itself makes of the place that is named, for every fixture without values in it."""

from __future__ import annotations

import inspect
import textwrap

import pytest

from bursar.callsites import SyntaxCallSites
from bursar.domain.callsites import Prompt
from bursar.domain.text import split_lines
from callsites.expected import FIXTURES

KNOWN = {"textwrap": textwrap, "dedent": textwrap.dedent, "inspect": inspect}
CASES = [
    (file.name, prompt)
    for file in FIXTURES
    if file.suffix == ".py"
    for site in SyntaxCallSites().find(file.read_text(), "python")
    for prompt in site.prompts
    if prompt.role != "tools" and not prompt.holes and not site.is_template and "langchain" not in file.name
]


def python_makes_of(name: str, prompt: Prompt) -> str:
    (file,) = (each for each in FIXTURES if each.name == name)
    lines = split_lines(file.read_text())[prompt.line : prompt.end_line + 1]
    lines[-1] = lines[-1][: prompt.end_character]
    lines[0] = lines[0][prompt.character :]
    made = eval("(" + "\n".join(lines) + ")", dict(KNOWN))
    assert isinstance(made, str)
    return made


@pytest.mark.parametrize(("name", "prompt"), CASES, ids=[f"{name}:{each.line + 1}" for name, each in CASES])
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_the_place_of_a_prompt_evaluates_to_its_text(name: str, prompt: Prompt) -> None:
    assert prompt.pieces == (python_makes_of(name, prompt),)


def test_there_are_many_of_them_and_a_wrong_place_would_be_noticed() -> None:
    assert len(CASES) > 30
    name, prompt = next((name, each) for name, each in CASES if len(each.pieces[0]) > 5)
    moved = Prompt(
        role=prompt.role,
        line=prompt.line,
        character=prompt.character - 3,
        end_line=prompt.end_line,
        end_character=prompt.end_character,
        pieces=prompt.pieces,
    )
    with pytest.raises(SyntaxError):
        python_makes_of(name, moved)
