"""Lines and positions as the protocol counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.text import (
    Position,
    apply_change,
    char_to_utf16,
    offset_at,
    split_lines,
    split_lines_keeping_ends,
    utf16_len,
    utf16_to_char,
)

texts = st.text(st.sampled_from(list("ab\n\r\x0b\x0c\x85\u2028\u2029😀é\ud800\udc00")), max_size=30)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc\nd", ["a\r\n", "b\r", "c\n", "d"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n", ""]),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g", ["a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"]),
    ],
)
def test_split(text: str, lines: list[str]) -> None:
    assert split_lines_keeping_ends(text) == lines
    assert split_lines(text) == [line.rstrip("\r\n") for line in lines]


@given(texts)
def test_splitting_loses_nothing(text: str) -> None:
    kept = split_lines_keeping_ends(text)
    assert "".join(kept) == text
    assert split_lines(text) == [line.rstrip("\r\n") for line in kept]


@pytest.mark.parametrize(("text", "length"), [("", 0), ("ab", 2), ("é", 1), ("😀", 2), ("a😀b", 4), ("\ud83d", 1)])
def test_utf16_len(text: str, length: int) -> None:
    assert utf16_len(text) == length


@pytest.mark.parametrize(("u16", "char"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4), (1000, 4)])
def test_utf16_to_char(u16: int, char: int) -> None:
    # a, a pair, é, a pair: an offset inside a pair belongs to the character it is inside.
    assert utf16_to_char("a😀é😀", u16) == char


@given(texts)
def test_the_two_directions_agree(line: str) -> None:
    for char in range(len(line) + 1):
        assert utf16_to_char(line, char_to_utf16(line, char)) == char
    assert char_to_utf16(line, len(line) + 5) == utf16_len(line)


@pytest.mark.parametrize(
    ("position", "offset"),
    [
        ((0, 0), 0),
        ((0, 2), 2),
        ((0, 99), 2),
        ((1, 0), 4),
        ((1, 2), 5),
        ((1, 9), 5),
        ((2, 0), 6),
        ((2, 1), 6),
        ((2, 2), 7),
        ((3, 0), 8),
        ((3, 1), 8),
        ((9, 9), 8),
    ],
)
def test_offset_at(position: Position, offset: int) -> None:
    assert offset_at("ab\r\n\u2028\r😀\n", *position) == offset


@pytest.mark.parametrize(
    ("text", "span", "new", "result"),
    [
        ("abc", None, "x", "x"),
        ("abc", ((0, 1), (0, 2)), "", "ac"),
        ("abc", ((0, 3), (0, 3)), "d", "abcd"),
        ("abc", ((0, 9), (7, 9)), "d", "abcd"),
        ("a\r\nb", ((0, 1), (1, 0)), "\n", "a\nb"),
        ("a\r\nb", ((0, 99), (0, 99)), "!", "a!\r\nb"),
        ("😀😀", ((0, 2), (0, 4)), "x", "😀x"),
        ("😀", ((0, 1), (0, 1)), "x", "x😀"),
        ("a\x85b\nc", ((1, 0), (1, 1)), "d", "a\x85b\nd"),
        ("a\u2028b\x0c\rc", ((1, 0), (1, 1)), "d", "a\u2028b\x0c\rd"),
        ("", ((0, 0), (0, 0)), "a", "a"),
    ],
)
def test_apply_change(text: str, span: tuple[Position, Position] | None, new: str, result: str) -> None:
    assert apply_change(text, span, new) == result


@pytest.mark.parametrize(
    "span", [((0, 2), (0, 1)), ((1, 0), (0, 5)), ((-1, 0), (0, 0)), ((0, -1), (0, 0)), ((0, -2), (0, -1))]
)
def test_impossible_ranges_are_refused(span: tuple[Position, Position]) -> None:
    with pytest.raises(ValueError, match=r"negative|before its start"):
        apply_change("abc\ndef", span, "x")


@pytest.mark.parametrize("function", [char_to_utf16, utf16_to_char])
def test_negative_offsets_are_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="negative: -1"):
        function("abc", -1)


@given(text=texts, new=texts, at=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_a_change_keeps_what_is_outside_of_it(text: str, new: str, at: tuple[int, int]) -> None:
    start, end = sorted(min(offset, len(text)) for offset in at)

    def position(offset: int) -> Position:
        before = split_lines(text[:offset])
        return len(before) - 1, utf16_len(before[-1])

    # Between a CR and its LF there is no position: such an offset is that of the line's end.
    span = (position(start), position(end))
    inside_crlf = any(text[offset - 1 : offset + 1] == "\r\n" for offset in (start, end) if offset)
    if not inside_crlf:
        assert apply_change(text, span, new) == text[:start] + new + text[end:]
