"""Which lines an edit changed, compared with a plain comparison of the two texts' lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.instructions import read_instructions
from bursar.domain.instructions.moved import moved_part, moved_reference
from bursar.domain.text import split_lines, split_lines_keeping_ends
from bursar.domain.text.blocks import Change, TextBlocks
from bursar.domain.text.changed import LineChange, line_change
from bursar.domain.text.rows import Sizes

LETTERS = st.text(alphabet=["a", "b", "\n", "\r", "\u2028", "😀"], max_size=40)
SMALL = Sizes(target_chars=4, cap_chars=8, most_blocks=3, fewest_blocks=1)


@given(LETTERS, LETTERS, LETTERS, LETTERS)
def test_lines_outside_of_the_change_are_the_same(before: str, out: str, new: str, after: str) -> None:
    old_text, new_text = before + out + after, before + new + after
    change = line_change(TextBlocks.of(old_text, SMALL), TextBlocks.of(new_text, SMALL))
    old, now = split_lines_keeping_ends(old_text), split_lines_keeping_ends(new_text)
    assert 0 <= change.first <= change.old_end <= len(old)
    assert change.first <= change.new_end <= len(now)
    assert old[: change.first] == now[: change.first]
    assert old[change.old_end :] == now[change.new_end :]
    for line in range(len(old)):
        if line < change.first or line >= change.old_end:
            moved = change.moved(line)
            assert moved is not None and now[moved] == old[line]


@given(LETTERS, st.integers(0, 40), st.integers(0, 40), LETTERS)
def test_blocks_that_an_edit_shares_say_the_same_as_the_texts(text: str, start: int, end: int, new: str) -> None:
    old = TextBlocks.of(text, SMALL)
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    now = old.replaced(start, end, new)
    assert line_change(old, now) == line_change(TextBlocks.of(text, SMALL), TextBlocks.of(now.text, SMALL))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("a\nb\nc", "a\nb\nc", LineChange(first=2, old_end=3, new_end=3)),
        ("a\nb\nc", "a\nbX\nc", LineChange(first=1, old_end=2, new_end=2)),
        ("a\nb\nc", "x\ny\na\nb\nc", LineChange(first=0, old_end=0, new_end=2)),
        ("a\nb\nc", "a\nc", LineChange(first=1, old_end=2, new_end=1)),
        ("a\r\nb", "a\rb", LineChange(first=0, old_end=2, new_end=2)),
    ],
)
def test_changes_by_example(old: str, new: str, change: LineChange) -> None:
    assert line_change(TextBlocks.of(old), TextBlocks.of(new)) == change


def test_parts_follow_the_lines_and_a_part_that_is_typed_in_stays() -> None:
    text = "# A\nsee @x.md\n# B\nb\n# C\n"
    file = read_instructions("CLAUDE.md", text)
    blocks = TextBlocks.of(text)

    def after(change: Change) -> tuple[list[tuple[str, int, int]], list[int]]:
        now = blocks.changed(change, "utf-32")
        lines = line_change(blocks, now)
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
