"""What edits changed and where everything else is now, compared with the two texts themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.instructions import read_instructions
from bursar.domain.instructions.moved import moved_part, moved_reference
from bursar.domain.text import split_lines, split_lines_keeping_ends
from bursar.domain.text.blocks import Change, TextBlocks
from bursar.domain.text.changed import Span, TextChange, text_change
from bursar.domain.text.rows import Sizes

LETTERS = st.text(alphabet=["a", "b", "\n", "\r", "\u2028", "😀"], max_size=40)
SMALL = Sizes(target_chars=4, cap_chars=8, most_blocks=3, fewest_blocks=1)


EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.text(alphabet="ab\n\r", max_size=6)), max_size=4)


def edited(text: str, edits: list[tuple[int, int, str]]) -> tuple[TextBlocks, TextBlocks]:
    """A text before and after edits that share what they can."""
    before = after = TextBlocks.of(text, SMALL)
    for start, end, new in edits:
        start, end = sorted((min(start, after.lengths[0]), min(end, after.lengths[0])))
        after = after.replaced(start, end, new)
    return before, after


def check_lines(change: TextChange) -> None:
    """Outside of the spans the lines are the same, and so is their order."""
    old, now = split_lines_keeping_ends(change.before.text), split_lines_keeping_ends(change.after.text)
    last = Span(0, 0, 0, 0)
    for each in (*change.lines, Span(len(old), len(old), len(now), len(now))):
        assert last.old_end <= each.old <= each.old_end <= len(old)
        assert last.new_end <= each.new <= each.new_end <= len(now)
        assert old[last.old_end : each.old] == now[last.new_end : each.new]
        last = each
    for line, text in enumerate(old):
        moved = change.line(line)
        if not change.touches(line, line):
            assert moved is not None and now[moved] == text
        assert moved is None or moved < len(now)
        assert 0 <= change.end_line(line) <= len(now)


def check_places(change: TextChange) -> None:
    """What stands outside of the spans keeps its neighbours."""
    old, now = change.before.text, change.after.text
    last = Span(0, 0, 0, 0)
    for each in (*change.spans, Span(len(old), len(old), len(now), len(now))):
        assert old[last.old_end : each.old] == now[last.new_end : each.new]
        last = each
    line = column = 0
    for at, character in enumerate(old):
        if at and old[at - 1 : at + 1] == "\r\n":
            continue
        found = change.after.offset(*change.place(line, column), "utf-32")
        inside = next((each for each in change.spans if each.old < at < each.old_end), None)
        if inside is not None:
            assert found == inside.new_end
        elif any(each.old == each.old_end == at for each in change.spans):
            assert found == next(each.new for each in change.spans if each.old == at)
        elif not any(each.old == at or each.old_end == at for each in change.spans):
            assert now[found] == character
        line, column = (line + 1, 0) if character in "\r\n" else (line, column + 1)


@given(LETTERS, LETTERS, LETTERS, LETTERS)
def test_lines_outside_of_the_change_are_the_same(before: str, out: str, new: str, after: str) -> None:
    change = text_change(TextBlocks.of(before + out + after, SMALL), TextBlocks.of(before + new + after, SMALL))
    check_lines(change)
    check_places(change)
    assert len(change.spans) <= 1, "texts that share no block have one span"


@given(LETTERS, EDITS)
def test_edits_that_share_blocks_leave_what_is_between_them(text: str, edits: list[tuple[int, int, str]]) -> None:
    change = text_change(*edited(text, edits))
    check_lines(change)
    check_places(change)


@given(LETTERS, st.integers(0, 50), st.integers(0, 50))
def test_a_place_beyond_the_text_is_its_end(text: str, line: int, character: int) -> None:
    before, after = edited(text, [(0, 0, "x\n")])
    row, column = text_change(before, after).place(line, character)
    assert row <= after.line_count - 1 and column <= len(after.line(row))


def test_lines_between_two_edits_far_apart_are_where_they_were() -> None:
    text = "".join(f"line {n} with some words that fill a block in the end\n" for n in range(400))
    blocks = TextBlocks.of(text)
    after = blocks.changed(Change(span=((390, 0), (390, 4)), text="LINE"), "utf-32")
    after = after.changed(Change(span=((5, 0), (5, 0)), text="new\n"), "utf-32")
    change = text_change(blocks, after)
    assert [(each.old, each.old_end, each.new, each.new_end) for each in change.lines] == [
        (5, 5, 5, 6),
        (390, 391, 391, 392),
    ]
    assert [change.line(each) for each in (4, 5, 200, 390, 399)] == [4, 6, 201, 391, 400]
    assert change.place(200, 5) == (201, 5)
    assert [change.touches(first, last) for first, last in ((5, 9), (4, 9), (6, 389), (389, 390))] == [
        False,
        True,
        False,
        True,
    ]
    # The same without the blocks in common: what lies between is not known to be the same.
    assert text_change(TextBlocks.of(text), TextBlocks.of(after.text)).line(200) is None


@pytest.mark.parametrize(
    ("old", "new", "span"),
    [
        ("a\nb\nc", "a\nb\nc", None),
        ("a\nb\nc", "a\nbX\nc", Span(1, 2, 1, 2)),
        ("a\nb\nc", "x\ny\na\nb\nc", Span(0, 0, 0, 2)),
        ("a\nb\nc", "a\nc", Span(1, 2, 1, 1)),
        ("a\r\nb", "a\rb", Span(0, 2, 0, 2)),
        ("- a\n- b\n- c", "- a\n- b\n- x\n- c", Span(2, 2, 2, 3)),
        ("- a\n- b\n- c", "- a\n- c", Span(1, 2, 1, 1)),
    ],
)
def test_changes_by_example(old: str, new: str, span: Span | None) -> None:
    change = text_change(TextBlocks.of(old), TextBlocks.of(new))
    assert change.lines == (() if span is None else (span,))


@pytest.mark.parametrize(
    ("old", "new", "place", "moved"),
    [
        ("a\nb\n", "a\nb\n", (1, 1), (1, 1)),
        ("a\nb\n", "x\na\nb\n", (1, 1), (2, 1)),
        ("a = 1\n", "aa = 1\n", (0, 5), (0, 6)),
        ("a = 1\nb", "a = 1\nb + c", (0, 5), (0, 5)),
        ("one\ntwo\nthree", "one\nthree", (2, 2), (1, 2)),
        ("one\ntwo\nthree", "one\nthree", (1, 1), (1, 0)),
        ("ab\ncd", "", (1, 2), (0, 0)),
        ("ab", "ab", (7, 7), (0, 2)),
    ],
)
def test_places(old: str, new: str, place: tuple[int, int], moved: tuple[int, int]) -> None:
    assert text_change(TextBlocks.of(old), TextBlocks.of(new)).place(*place) == moved


def test_parts_follow_the_lines_and_a_part_that_is_typed_in_stays() -> None:
    text = "# A\nsee @x.md\n# B\nb\n# C\n"
    file = read_instructions("CLAUDE.md", text)
    blocks = TextBlocks.of(text)

    def after(change: Change) -> tuple[list[tuple[str, int, int]], list[int]]:
        now = blocks.changed(change, "utf-32")
        lines = text_change(blocks, now)
        parts = [each for part in file.parts if (each := moved_part(part, lines)) is not None]
        for each in parts:
            assert each.line < each.end_line <= len(split_lines(now.text))
        references = [each for one in file.references if (each := moved_reference(one, lines)) is not None]
        return [(each.title, each.line, each.end_line) for each in parts], [each.line for each in references]

    assert after(Change(span=((0, 0), (0, 0)), text="x\ny\n")) == ([("A", 2, 4), ("B", 4, 6), ("C", 6, 8)], [3])
    assert after(Change(span=((2, 3), (2, 3)), text="!")) == ([("A", 0, 2), ("B", 2, 4), ("C", 4, 6)], [1])
    assert after(Change(span=((3, 0), (3, 1)), text="b\nbb")) == ([("A", 0, 2), ("B", 2, 5), ("C", 5, 7)], [1])
    assert after(Change(span=((1, 0), (1, 0)), text="!")) == ([("A", 0, 2), ("B", 2, 4), ("C", 4, 6)], [])
    assert after(Change(span=((1, 0), (4, 0)), text="")) == ([("A", 0, 1), ("C", 1, 3)], [])
