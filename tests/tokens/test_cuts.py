"""The splitting itself; that the counts add up is in test_exactness.py."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.text.cuts import CAP_CHARS, TARGET_CHARS, is_cut, split_blocks
from tokens.texts import PROSE, TEXTS, varied_prose


@given(
    text=st.text(alphabet=st.sampled_from("ab1 \t\n\r/'.、漢\u0301"), max_size=200) | st.text(max_size=100),
    target=st.integers(1, 40),
    more=st.integers(2, 40),
)
def test_blocks_are_the_text_in_order_and_bounded(text: str, target: int, more: int) -> None:
    blocks = split_blocks(text, target, target + more)
    assert "".join(blocks) == text
    assert all(0 < len(block) <= target + more for block in blocks)
    assert all(2 * len(block) >= target or _forced(text, blocks, index) for index, block in enumerate(blocks[:-1]))


def _forced(text: str, blocks: list[str], index: int) -> bool:
    """A short block is followed by a run without a place to cut that reaches the cap, or ends before digits."""
    place = sum(map(len, blocks[: index + 1]))
    return is_cut(text, place) or blocks[index + 1][0].isnumeric()


@pytest.mark.parametrize("text", TEXTS)
def test_every_block_ends_at_a_cut(text: str) -> None:
    for place in list(accumulate(map(len, split_blocks(text, 24))))[:-1]:
        assert is_cut(text, place)


@pytest.mark.parametrize("text", ["", "a", " ", "a" * TARGET_CHARS])
def test_a_short_text_is_one_block(text: str) -> None:
    assert split_blocks(text) == ([text] if text else [])


@pytest.mark.parametrize(
    "pair", ["\r\n", "\rx", "x\r", "x\n", "\n/", "\n\n", "  ", "a'", "'s", "é.", "a\u0301", "\xa0x", "x\xa0", "x\x1c"]
)
def test_a_piece_may_go_on_between_these(pair: str) -> None:
    assert not is_cut(pair, 1)


@pytest.mark.parametrize("pair", ["a ", "\xe9 ", ".\t", "\n#", "\nx", "a.", "9)", "a1", "1a", "漢。", "か、", "한，"])
def test_a_piece_ends_between_these(pair: str) -> None:
    assert is_cut(pair, 1)


def test_the_ends_of_a_text_are_no_cuts() -> None:
    assert not is_cut(" a", 0)
    assert not is_cut("a ", 2)


def test_a_run_up_to_the_cap_is_never_cut_inside() -> None:
    run = "x" * (CAP_CHARS - 1)
    assert any(run in block for block in split_blocks(f"{PROSE.strip()} {run} {PROSE}"))


def test_a_longer_run_is_cut_hard_at_the_cap() -> None:
    blocks = split_blocks("x" * (3 * CAP_CHARS + 5))
    assert [len(block) for block in blocks] == [CAP_CHARS] * 3 + [5]


def test_a_run_of_digits_is_cut_in_whole_groups_of_three() -> None:
    blocks = split_blocks("id:" + "7" * (3 * CAP_CHARS))
    digits = [block.count("7") for block in blocks]
    assert sum(digits) == 3 * CAP_CHARS
    assert all(count % 3 == 0 for count in digits[:-1])
    assert max(map(len, blocks)) <= CAP_CHARS


@pytest.mark.parametrize(("target", "cap"), [(0, 10), (-1, 10), (11, 10), (1, 2)])
def test_blocks_that_cannot_be_made_are_refused(target: int, cap: int) -> None:
    with pytest.raises(ValueError, match="cannot be made"):
        split_blocks("abc", target, cap)


def test_an_edit_leaves_nearly_all_blocks_as_they_were() -> None:
    chance = random.Random(7)
    text = varied_prose(40_000)
    before = split_blocks(text)
    assert len(before) > 150
    for inserted in ("x", "some words more ", text[1000:1700]):
        place = chance.randrange(len(text) // 3)
        known = set(before)
        new = [block for block in split_blocks(text[:place] + inserted + text[place:]) if block not in known]
        assert len(new) <= 12


def test_blocks_lie_between_half_of_and_twice_the_target() -> None:
    sizes = [len(block) for block in split_blocks(PROSE * 60)]
    assert all(TARGET_CHARS // 2 <= size <= 2 * TARGET_CHARS for size in sizes[:-1])
    assert len(list(pairwise(sizes))) > 10
