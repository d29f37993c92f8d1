"""Places of a text after an edit: the plain definition on characters, and what it gives in lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.drift import drift

TEXTS = st.text(alphabet="ab\n\r😀", max_size=30)


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), min(len(one), len(other))
    )


def offset(text: str, line: int, character: int) -> int:
    """The same place counted in characters, walked one by one."""
    at = 0
    for _ in range(line):
        while text[at] not in "\r\n":
            at += 1
        at += 2 if text[at : at + 2] == "\r\n" else 1
    return at + character


@pytest.mark.parametrize(
    ("old", "new", "place", "moved"),
    [
        ("a\nb\n", "a\nb\n", (1, 1), (1, 1)),
        ("a\nb\n", "x\na\nb\n", (1, 1), (2, 1)),
        ("a = 1\n", "aa = 1\n", (0, 5), (0, 6)),
        ("a = 1\nb", "a = 1\nb + c", (0, 5), (0, 5)),
        ("one\ntwo\nthree", "one\nthree", (2, 2), (1, 2)),
        ("one\ntwo\nthree", "one\nthree", (1, 1), (1, 1)),
        ("ab\ncd", "", (1, 2), (0, 0)),
        ("ab", "ab", (7, 7), (7, 7)),
    ],
)
def test_places(old: str, new: str, place: tuple[int, int], moved: tuple[int, int]) -> None:
    assert drift(old, new)(*place) == moved


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_what_stands_outside_an_edit_keeps_its_neighbours(head: str, gone: str, put: str, tail: str) -> None:
    old, new = head + gone + tail, head + put + tail
    first = shared(old, new)
    last = shared(old[first:][::-1], new[first:][::-1])
    moved = drift(old, new)
    line = character = 0
    for at, each in enumerate(old):
        found = offset(new, *moved(line, character))
        if at <= first:
            assert found == at
        elif at >= len(old) - last:
            assert len(new) - found == len(old) - at
        else:
            assert found == len(new) - last
        if each == "\n" or (each == "\r" and old[at + 1 : at + 2] != "\n"):
            line, character = line + 1, 0
        else:
            character += 1


@given(TEXTS, TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_every_place_is_in_the_text(old: str, new: str, line: int, character: int) -> None:
    row, at = drift(old, new)(line, character)
    if old != new:
        assert 0 <= offset(new, row, at) <= len(new)
