"""The store of a document's text beside a plain string: the same text, lines and positions after any edits."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bursar.domain.text.blocks import Change, NoPlace, TextBlocks
from bursar.domain.text.counts import (
    is_counted,
    tokens_between,
    tokens_in,
    tokens_in_lines,
    uncertain_tokens,
    uncounted,
)
from bursar.domain.text.cuts import is_cut
from bursar.domain.text.rows import HARD_CUTS, Sizes
from support import plain_text

SMALL = Sizes(target_chars=4, cap_chars=8, most_blocks=4, fewest_blocks=2)
ALPHABET = [*"ab1. \t\n\n\r/é漢、😀\u0301\u2028\x0c\x0b\x85\x00\ufeff", "\r\n", "\ud83d", "\ude00", "😀"]
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=40).map("".join)
NUMBERS = st.integers(0, 12)
ENCODINGS = st.sampled_from(plain_text.ENCODINGS)


def check(store: TextBlocks, text: str) -> None:
    """Everything that must hold between the store and the string, and inside of the store."""
    rows = [row.blocks for row in store.rows]
    blocks = [block for row in rows for block in row]
    assert "".join(each.text for each in blocks) == text
    assert store.text == text
    assert store.lengths[:4] == (
        *(plain_text.units(text, each) for each in ("utf-32", "utf-16", "utf-8")),
        len(plain_text.lines(text)) - 1,
    )
    assert all(0 < len(row) <= store.sizes.most_blocks for row in rows)
    assert all(len(row) >= store.sizes.fewest_blocks for row in rows) or len(rows) == 1
    assert all(len(each.text) <= store.sizes.cap_chars for each in blocks)
    assert all(each.text for each in blocks) or not text
    at = 0
    for each in blocks[:-1]:
        at += len(each.text)
        assert text[at - 1 : at + 1] != "\r\n"
        assert is_cut(text, at) or each.lengths[HARD_CUTS]
        assert not (is_cut(text, at) and each.lengths[HARD_CUTS])
    assert not blocks[-1].lengths[HARD_CUTS]


class Edits(RuleBasedStateMachine):
    """Any edits in any encoding, in blocks of a few characters and rows of a few blocks."""

    @initialize(text=TEXTS)
    def opened(self, text: str) -> None:
        self.text = plain_text.whole(text)
        self.store = TextBlocks.of(text, SMALL)

    @rule(start=st.tuples(NUMBERS, NUMBERS), end=st.tuples(NUMBERS, NUMBERS), new=TEXTS, encoding=ENCODINGS)
    def edited(self, start: tuple[int, int], end: tuple[int, int], new: str, encoding: str) -> None:
        self._apply((start, end), new, encoding)

    @rule(at=st.tuples(st.integers(0, 200), st.integers(0, 30)), new=TEXTS, encoding=ENCODINGS)
    def replaced(self, at: tuple[int, int], new: str, encoding: str) -> None:
        start = min(at[0], len(self.text))
        first = plain_text.position(self.text, start, encoding)
        last = plain_text.position(self.text, min(start + at[1], len(self.text)), encoding)
        if first is not None and last is not None:
            self._apply((first, last), new, encoding)

    @rule(number=st.sampled_from([-1, -(2**40), 2**31, 2**70]), which=st.integers(0, 3), encoding=ENCODINGS)
    def impossible(self, number: int, which: int, encoding: str) -> None:
        numbers = [0, 0, 0, 0]
        numbers[which] = number
        self._apply(((numbers[0], numbers[1]), (numbers[2], numbers[3])), "x", encoding)

    @rule(text=TEXTS)
    def exchanged(self, text: str) -> None:
        self._apply(None, text, "utf-16")

    @rule(line=NUMBERS, character=st.integers(0, 30), encoding=ENCODINGS)
    def looked_up(self, line: int, character: int, encoding: str) -> None:
        expected = plain_text.offset(self.text, line, character, encoding)
        if expected is None:
            with pytest.raises(NoPlace):
                self.store.offset(line, character, encoding)
        else:
            assert self.store.offset(line, character, encoding) == expected

    @rule(at=st.integers(0, 200), encoding=ENCODINGS)
    def placed(self, at: int, encoding: str) -> None:
        at = min(at, len(self.text))
        expected = plain_text.position(self.text, at, encoding)
        if expected is None:
            with pytest.raises(NoPlace):
                self.store.position(at, encoding)
        else:
            assert self.store.position(at, encoding) == expected

    @rule(line=st.integers(0, 60))
    def read(self, line: int) -> None:
        known = plain_text.lines(self.text)
        start, end = known[line] if line < len(known) else (len(self.text), len(self.text))
        assert self.store.line(line) == self.text[start:end]
        assert self.store.line_start(line) == start
        assert self.store.line_count == len(known)

    @invariant()
    def is_the_text(self) -> None:
        check(self.store, self.text)

    def _apply(self, span: tuple[tuple[int, int], tuple[int, int]] | None, new: str, encoding: str) -> None:
        before, old = self.store, self.text
        expected = plain_text.change(self.text, span, new, encoding)
        if expected is None:
            with pytest.raises(NoPlace):
                self.changed(Change(span=span, text=new), encoding)
        else:
            self.store = self.changed(Change(span=span, text=new), encoding)
            self.text = expected
            check(before, old)

    def changed(self, change: Change, encoding: str) -> TextBlocks:
        return self.store.changed(change, encoding)


TestEdits = Edits.TestCase
TestEdits.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("encoding", plain_text.ENCODINGS)
def test_a_line_over_many_blocks(encoding: str) -> None:
    text = "é" + "word 😀 " * 20_000 + "\r\nend"
    store = TextBlocks.of(text)
    for character in (0, 1, 2, 70_000, 100_003, 139_999, 1_000_000):
        expected = plain_text.offset(text, 0, character, encoding)
        if expected is None:
            with pytest.raises(NoPlace, match="inside a character"):
                store.offset(0, character, encoding)
            continue
        assert store.offset(0, character, encoding) == expected
        assert store.position(expected, encoding) == plain_text.position(text, expected, encoding)
    assert store.line(1) == "end"


def test_an_edit_shares_all_but_a_few_blocks_and_one_row() -> None:
    text = "".join(f"{number}: a line of some length\n" for number in range(40_000))
    store = TextBlocks.of(text)
    changed = store.replaced(600_000, 600_003, "x")
    old = {id(block) for row in store.rows for block in row.blocks}
    new = [block for row in changed.rows for block in row.blocks if id(block) not in old]
    rows = {id(row) for row in store.rows}
    assert len(new) <= 2
    assert sum(id(row) not in rows for row in changed.rows) <= 2
    assert changed.text == text[:600_000] + "x" + text[600_003:]


def test_deleting_leaves_no_small_blocks_behind() -> None:
    text = "".join(f"{number}: a line of some length\n" for number in range(20_000))
    store, chance = TextBlocks.of(text), random.Random(1)
    while len(text) > 30_000:
        start = chance.randrange(len(text) - 900)
        text = text[:start] + text[start + 900 :]
        store = store.replaced(start, start + 900, "")
    check(store, text)
    sizes = [len(block.text) for row in store.rows for block in row.blocks]
    assert min(sizes) >= 512
    assert len(store.rows) == 1


def test_a_run_of_line_ends_is_cut_hard_and_no_line_end_in_two() -> None:
    text = "\r\n" * 30_000 + "a\r" + "\n" * 5
    store = TextBlocks.of(text)
    check(store, text)
    assert store.line_count == 30_000 + 1 + 5
    assert uncertain_tokens(store) > 0
    short = store.replaced(10, 59_990, "")
    check(short, text[:10] + text[59_990:])
    assert uncertain_tokens(short) == 0


def test_a_run_that_is_cut_hard_is_whole_again_once_it_is_short_enough() -> None:
    text = "x" * 40_000
    store = TextBlocks.of(text)
    assert uncertain_tokens(store) == 4
    while len(text) > 15_000:
        start = len(text) // 3
        text = text[:start] + text[start + 2_000 :]
        store = store.replaced(start, start + 2_000, "")
        check(store, text)
    assert uncertain_tokens(store) == 0


def letters(text: str) -> int:
    """Adds up at every border, as tokens do where a text may be cut."""
    return len(text)


@given(text=TEXTS, edits=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8), TEXTS), max_size=5))
@settings(deadline=None)
def test_counts_are_kept_with_the_blocks_and_ranges_add_up(text: str, edits: list[tuple[int, int, str]]) -> None:
    asked: list[str] = []

    def count(part: str) -> int:
        asked.append(part)
        return letters(part)

    text = plain_text.whole(text)
    store = TextBlocks.of(text, SMALL)
    for start, length, new in edits:
        assert tokens_in(store, "o200k_base", count) == len(text)
        start = min(start, len(text))
        end = min(start + length, len(text))
        store = store.replaced(start, end, new)
        text = plain_text.whole(text[:start] + new + text[end:])
        asked.clear()
        assert tokens_in(store, "o200k_base", count) == len(text)
        assert sum(map(len, asked)) <= len(new) + 5 * SMALL.cap_chars + 8
        for first in range(0, len(text), 7):
            assert tokens_between(store, first, len(text) - first // 3, "o200k_base", count) == max(
                0, len(text) - first // 3 - first
            )
        for line in range(store.line_count):
            start, end = store.line_start(line), store.line_start(line + 2)
            assert tokens_in_lines(store, line, line + 2, "o200k_base", count) == end - start


def test_what_is_not_counted_is_named_from_the_line_that_is_looked_at() -> None:
    text = "".join(f"{number}: a line of some length\n" for number in range(20_000))
    store = TextBlocks.of(text)
    waiting = list(uncounted(store, "o200k_base", around=15_000))
    assert len(waiting) == sum(len(row.blocks) for row in store.rows)
    assert text.index(waiting[0].text) > 200_000
    for each in waiting[:10]:
        each.tokens("o200k_base", letters)
    assert not is_counted(store, "o200k_base")
    assert list(uncounted(store, "o200k_base", around=15_000)) == waiting[10:]
    assert tokens_in(store, "o200k_base", letters) == len(text)
    assert is_counted(store, "o200k_base") and not is_counted(store, "cl100k_base")


class Confused(Edits):
    """A control: a store that takes UTF-16 units for code points."""

    def changed(self, change: Change, encoding: str) -> TextBlocks:
        return self.store.changed(change, "utf-32" if encoding == "utf-16" else encoding)


class Late(Edits):
    """A control: a store whose deletions are one character off where they begin behind the first one."""

    def changed(self, change: Change, encoding: str) -> TextBlocks:
        if change.span is None or change.text or change.span[0][1] == 0:
            return self.store.changed(change, encoding)
        (line, character), end = change.span
        return self.store.changed(Change(span=((line, character - 1), end), text=""), encoding)


@pytest.mark.parametrize("faulty", [Confused, Late])
def test_a_fault_in_positions_is_found(faulty: type[Edits]) -> None:
    found = settings(
        max_examples=200, deadline=None, database=None, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises((AssertionError, NoPlace, pytest.fail.Exception)):
        run_state_machine_as_test(faulty, settings=found)
