"""Definitions and uses of names in source code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.callsites import SyntaxSymbols
from bursar.domain.callsites import CodeLanguage

PYTHON = '''import os
LIMIT = 3
RATE: int = 4

@wrapped
class Thing(Base):
    """Thing of Base."""
    size = 1
    async def grow(self, by: int) -> int:
        def inner(): pass
        return helper(by) + helper(LIMIT)  # helper

def helper(
    number,
    other=1,
):
    text = "Thing"
    return number.value
'''
SCRIPT = """import { send } from './net'
export const LIMIT = 3
export const make = (a) => { return send(a, LIMIT) }
export class Thing { grow(by) { return this.size + by } }
function helper() { const inner = () => 1; return inner() }
"""
TYPES = """interface Shape { side: number }
type Name = string
enum Kind { One }
abstract class Base {}
function draw(shape: Shape): Name { return shape.side.toString() }
"""


def told(text: str, language: CodeLanguage) -> list[tuple[str, str, int, str, str]]:
    found = SyntaxSymbols().symbols(text, language).definitions
    return [(each.name, each.kind, each.line, each.signature, each.owner) for each in found]


def test_python() -> None:
    assert told(PYTHON, "python") == [
        ("LIMIT", "constant", 1, "LIMIT = 3", ""),
        ("RATE", "constant", 2, "RATE: int = 4", ""),
        ("Thing", "class", 5, "class Thing(Base):", ""),
        ("grow", "method", 8, "async def grow(self, by: int) -> int:", "Thing"),
        ("helper", "function", 12, "def helper( number, other=1, ):", ""),
    ]
    used = dict(SyntaxSymbols().symbols(PYTHON, "python").references)
    assert (used["helper"], used["LIMIT"], used["Base"], used["value"]) == (2, 1, 1, 1)
    assert "Thing" not in used, "a name in a string is no use, and its definition is none either"


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
def test_scripts(language: CodeLanguage) -> None:
    found = told(SCRIPT, language)
    assert [each[:3] for each in found] == [
        ("LIMIT", "constant", 1),
        ("make", found[1][1], 2),
        ("Thing", "class", 3),
        ("grow", "method", 3),
        ("helper", "function", 4),
    ]
    assert found[3][4] == "Thing"
    used = dict(SyntaxSymbols().symbols(SCRIPT, language).references)
    assert (used["send"], used["LIMIT"], used["size"]) == (2, 1, 1)


@pytest.mark.parametrize("language", ["typescript", "tsx"])
def test_types(language: CodeLanguage) -> None:
    assert [each[:2] for each in told(TYPES, language)] == [
        ("Shape", "type"),
        ("Name", "type"),
        ("Kind", "type"),
        ("Base", "class"),
        ("draw", "function"),
    ]
    assert dict(SyntaxSymbols().symbols(TYPES, language).references)["Shape"] == 1


def test_a_signature_is_one_bounded_line() -> None:
    found = told("def f(" + ", ".join(f"argument_{each}" for each in range(500)) + "):\n    pass\n", "python")
    assert len(found[0][3]) <= 201 and found[0][3].endswith("…")


@given(st.text(max_size=300), st.sampled_from(["python", "javascript", "typescript", "tsx"]))
def test_any_text(text: str, language: CodeLanguage) -> None:
    found = SyntaxSymbols().symbols(text, language)
    assert all(each.name and 0 <= each.line <= text.count("\n") + text.count("\r") for each in found.definitions)


@given(st.data())
def test_half_typed_code(data: st.DataObject) -> None:
    text, language = data.draw(st.sampled_from([(PYTHON, "python"), (SCRIPT, "javascript"), (TYPES, "typescript")]))
    SyntaxSymbols().symbols(text[: data.draw(st.integers(0, len(text)))], language)
