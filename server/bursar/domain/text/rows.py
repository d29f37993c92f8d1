"""Blocks of a text and rows of them, each with its lengths and what was counted in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import TypeAlias

from bursar.domain.text.cuts import CAP_CHARS, TARGET_CHARS
from bursar.domain.text.units import PositionEncoding, units_in

Lengths: TypeAlias = tuple[int, int, int, int, int]
"""Characters, UTF-16 units, UTF-8 bytes, line ends, and borders where a piece of a token may go on."""
CountText: TypeAlias = Callable[[str], int]
"""The tokens of a text, encoded alone."""

CHARS, UTF16, UTF8, LINE_ENDS, HARD_CUTS = range(5)
UNITS: dict[PositionEncoding, int] = {"utf-8": UTF8, "utf-16": UTF16, "utf-32": CHARS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How long blocks and rows are.

    With the usual sizes a text of 10 MB is some hundred rows of some hundred blocks; an edit makes one of each anew.
    """

    target_chars: int = TARGET_CHARS
    cap_chars: int = CAP_CHARS
    most_blocks: int = 128
    fewest_blocks: int = 16


USUAL = Sizes()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A part of a text that is counted in one go.

    ``counts`` holds its tokens by encoding once they were counted: the one thing about it that is added later, and
    always the same whoever adds it.
    """

    text: str
    lengths: Lengths
    counts: dict[str, int] = field(default_factory=dict)

    def tokens(self, encoding: str, count: CountText) -> int:
        """Its tokens, counted at the first time."""
        known = self.counts.get(encoding)
        if known is None:
            known = self.counts[encoding] = count(self.text)
        return known


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Blocks that follow one another, never none; ``ends`` are their running sums, one list for each of the lengths."""

    blocks: tuple[Block, ...]
    lengths: Lengths
    ends: tuple[list[int], ...]
    counts: dict[str, int] = field(default_factory=dict)

    def tokens(self, encoding: str, count: CountText) -> int:
        """The tokens of all blocks."""
        known = self.counts.get(encoding)
        if known is None:
            known = self.counts[encoding] = sum(each.tokens(encoding, count) for each in self.blocks)
        return known

    def is_counted(self, encoding: str) -> bool:
        """Whether every block's tokens are known."""
        return encoding in self.counts or all(encoding in each.counts for each in self.blocks)


def make_block(text: str, *, hard_end: bool = False) -> Block:
    """A block of this text; ``hard_end`` where it ends without a place to cut."""
    line_ends = text.count("\n")
    if "\r" in text:
        line_ends += text.count("\r") - text.count("\r\n")
    chars = utf16 = utf8 = len(text)
    if not text.isascii():
        utf16, utf8 = units_in(text, "utf-16"), units_in(text, "utf-8")
    return Block(text, (chars, utf16, utf8, line_ends, int(hard_end)))


def make_row(blocks: Sequence[Block]) -> Row:
    """A row of these blocks."""
    ends = running_sums([each.lengths for each in blocks])
    return Row(tuple(blocks), total(ends), ends)


def make_rows(blocks: Sequence[Block], most: int) -> list[Row]:
    """Rows of about equal length, none above the most; no blocks make no rows."""
    if not blocks:
        return []
    rows = 1 if len(blocks) <= most else -(-len(blocks) * 3 // (2 * most))
    size, longer = divmod(len(blocks), rows)
    starts = [row * size + min(row, longer) for row in range(rows + 1)]
    return [make_row(blocks[start:end]) for start, end in pairwise(starts)]


def running_sums(lengths: Sequence[Lengths]) -> tuple[list[int], ...]:
    """One list of sums for each of the lengths."""
    return tuple(list(accumulate(map(itemgetter(which), lengths))) for which in range(5))


def total(ends: Sequence[list[int]]) -> Lengths:
    """The last sums."""
    chars, utf16, utf8, line_ends, hard_cuts = (each[-1] for each in ends)
    return chars, utf16, utf8, line_ends, hard_cuts


def first_reaching(ends: list[int], amount: int) -> int:
    """The index of the first part that ends at or after the amount; the last one for what is beyond."""
    return min(bisect_left(ends, amount), len(ends) - 1)


def first_passing(ends: list[int], amount: int) -> int:
    """The index of the first part that ends after the amount; the last one where none does."""
    return min(bisect_right(ends, amount), len(ends) - 1)
