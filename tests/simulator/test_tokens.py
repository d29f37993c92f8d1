"""The simulator's own tokenizer, and that the room leans on nothing else of the project."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bursar.simulator
from bursar.simulator import tokens


@given(st.text())
def test_the_pieces_are_the_text(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count(text) == len(tokens.pieces(text))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("international", 2),
        ("12345", 2),
        ("if (x == 1):\n    return x", 11),
        ("仕様書を読む", 6),
        ("a\n\n\nb", 3),
    ],
)
def test_counts(text: str, count: int) -> None:
    assert tokens.count(text) == count


def test_ids_and_marks_cost_nothing_and_an_image_has_its_price() -> None:
    block = {"type": "tool_use", "id": "toolu_123456789", "name": "finish", "input": {"n": 1}}
    assert tokens.count_json(block) == tokens.count_json(block | {"id": "x", "cache_control": {"type": "ephemeral"}})
    assert tokens.count_json({"type": "image", "source": {"data": "A" * 10_000}}) == tokens.IMAGE_TOKENS


def test_nothing_of_the_project_is_imported_but_the_room_itself() -> None:
    folder = Path(bursar.simulator.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith("bursar") or name.startswith("bursar.simulator"), f"{path.name}: {name}"
