"""A document's text in blocks that never change: an edit makes a few of them anew and shares the rest.

Blocks are cut where counts of tokens add up (``cuts``), so a count is kept with its block and an edit loses only those
of the blocks that it touches. Blocks stand in rows, and both know their lengths in characters, UTF-16 units, bytes and
line ends: a place is found by two searches, and an edit makes one row and the list of rows anew. A block is 1 to 2 K
characters long, at most 16 K where there is no place to cut; what a deletion leaves of one is joined with a neighbour.

Two things hold for every border between blocks: no CRLF is parted by it (so line ends add up), and no pair of
surrogates (so units add up). A border has changed neighbours only where an edit touches it, and then the blocks on
both sides are made anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from bursar.domain.text.cuts import CAP_CHARS, cut_evenly, is_cut
from bursar.domain.text.lines import Position
from bursar.domain.text.rows import (
    CHARS,
    HARD_CUTS,
    LINE_ENDS,
    UNITS,
    USUAL,
    Block,
    Lengths,
    Row,
    Sizes,
    first_passing,
    first_reaching,
    make_block,
    make_rows,
    running_sums,
    total,
)
from bursar.domain.text.units import PositionEncoding, char_at, join_pairs, units_in

MOST_LINES = 2**31
"""What a position's line and character stay below: an unsigned integer of the protocol."""

_LINE_END = re.compile(r"\r\n|\n|\r")
# A line up to this is looked at as a whole; a longer one is measured by its blocks.
_SHORT_LINE_CHARS = 2 * CAP_CHARS


class NoPlace(ValueError):
    """A position or a range that means no place in any text, or one inside a character of this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New text in place of a span, or of everything where ``span`` is None."""

    span: tuple[Position, Position] | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class TextBlocks:
    """A text. Two of the same text need not be the same blocks, so they are compared by identity."""

    rows: tuple[Row, ...]
    lengths: Lengths
    ends: tuple[list[int], ...]
    sizes: Sizes
    _whole: list[str] = field(default_factory=list)

    @staticmethod
    def of(text: str, sizes: Sizes = USUAL) -> TextBlocks:
        """A text cut into blocks; some 10 ms for each megabyte."""
        text = join_pairs(text)
        return _of_rows(make_rows(_cut(text, sizes), sizes.most_blocks), sizes, text)

    # -- the text --------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All of it, made at the first look."""
        if not self._whole:
            self._whole.append("".join(block.text for row in self.rows for block in row.blocks))
        return self._whole[0]

    @property
    def line_count(self) -> int:
        """The number of lines; at least one, and an empty last one after a final line end."""
        return self.lengths[LINE_ENDS] + 1

    def slice(self, start: int, end: int) -> str:
        """The characters from ``start`` to before ``end``, both within the text."""
        return "".join(block.text[first:last] for block, first, last in self.pieces(start, end))

    def line(self, line: int) -> str:
        """One line without its end; empty beyond the last one."""
        return self.slice(*self._line_span(line))

    # -- positions -------------------------------------------------------------------------------------------------

    def offset(self, line: int, character: int, encoding: PositionEncoding) -> int:
        """The character offset of a position.

        A character beyond its line is the line's end (before its line end), a line beyond the text is the text's end.
        Raises NoPlace for a negative number, one of 2^31 or more, and a position inside a character: the protocol
        counts unsigned integers below 2^31, and a position is between two characters.
        """
        if not (0 <= line < MOST_LINES and 0 <= character < MOST_LINES):
            raise NoPlace(f"{line}:{character} is no position: its numbers must lie between 0 and {MOST_LINES - 1}")
        start, end = self._line_span(line)
        if end - start <= _SHORT_LINE_CHARS:
            found = char_at(self.slice(start, end), character, encoding)
            at = None if found is None else start + found
        else:
            at = self._char_at_units(self._units_before(start, encoding) + character, encoding)
            at = None if at is None else min(at, end)
        if at is None:
            raise NoPlace(f"{line}:{character} is inside a character, counted in {encoding.upper()}")
        return at

    def position(self, offset: int, encoding: PositionEncoding) -> Position:
        """The position of a character offset within the text. Raises NoPlace inside a CRLF."""
        if not 0 <= offset <= self.lengths[CHARS]:
            raise NoPlace(f"offset {offset} is outside of the text")
        row, index, start = self._block_at(offset)
        text = self.rows[row].blocks[index].text
        if text[offset - start - 1 : offset - start + 1] == "\r\n" and offset > start:
            raise NoPlace(f"offset {offset} is inside a line end")
        line = self._sum_before(row, index, LINE_ENDS) + len(_LINE_END.findall(text, 0, offset - start))
        first = self.line_start(line)
        if offset - first <= _SHORT_LINE_CHARS:
            return line, units_in(self.slice(first, offset), encoding)
        return line, self._units_before(offset, encoding) - self._units_before(first, encoding)

    # -- edits -----------------------------------------------------------------------------------------------------

    def changed(self, change: Change, encoding: PositionEncoding) -> TextBlocks:
        """The text after one change. Raises NoPlace as ``offset`` does, and where the end precedes the start."""
        if change.span is None:
            return TextBlocks.of(change.text, self.sizes)
        (start_line, start_character), (end_line, end_character) = change.span
        start = self.offset(start_line, start_character, encoding)
        end = self.offset(end_line, end_character, encoding)
        if (end_line, end_character) < (start_line, start_character):
            raise NoPlace(f"{start_line}:{start_character} to {end_line}:{end_character} ends before it starts")
        return self.replaced(start, end, change.text)

    def replaced(self, start: int, end: int, new: str) -> TextBlocks:
        """The text with ``new`` in place of the characters from ``start`` to before ``end``, both within the text."""
        low, left, left_start = self._block_touching(start)
        high, right, right_start = self._block_at(end)
        first, last = self.rows[low].blocks[left], self.rows[high].blocks[right]
        around = _Around(
            rows=self.rows,
            sizes=self.sizes,
            low=low,
            high=high + 1,
            before=list(self.rows[low].blocks[:left]),
            after=list(self.rows[high].blocks[right + 1 :]),
            hard_end=bool(last.lengths[HARD_CUTS]),
        )
        text = around.joined(first.text[: start - left_start] + new + last.text[end - right_start :])
        blocks = _cut(join_pairs(text), self.sizes, hard_end=around.hard_end)
        return _of_rows(around.with_blocks(blocks), self.sizes)

    # -- places ----------------------------------------------------------------------------------------------------

    def pieces(self, start: int, end: int) -> Iterator[tuple[Block, int, int]]:
        """The blocks from ``start`` to before ``end``, each with the part of it that is meant."""
        if start >= end:
            return
        row, index, at = self._block_at(start)
        while at < end:
            block = self.rows[row].blocks[index]
            yield block, max(start - at, 0), min(end - at, len(block.text))
            at, index = at + len(block.text), index + 1
            if index == len(self.rows[row].blocks):
                row, index = row + 1, 0

    def line_start(self, line: int) -> int:
        """The character offset at which a line begins; the text's end beyond the last one."""
        if line <= 0:
            return 0
        return self.lengths[CHARS] if line > self.lengths[LINE_ENDS] else self._line_end(line)[1]

    def _line_span(self, line: int) -> tuple[int, int]:
        last = line >= self.lengths[LINE_ENDS]
        return self.line_start(line), self.lengths[CHARS] if last else self._line_end(line + 1)[0]

    def _line_end(self, number: int) -> tuple[int, int]:
        """Where the first, second, ... line end begins and ends."""
        row = first_reaching(self.ends[LINE_ENDS], number)
        number -= _before(self.ends[LINE_ENDS], row)
        index = first_reaching(self.rows[row].ends[LINE_ENDS], number)
        number -= _before(self.rows[row].ends[LINE_ENDS], index)
        start, end = _nth_line_end(self.rows[row].blocks[index].text, number)
        block_start = self._sum_before(row, index, CHARS)
        return block_start + start, block_start + end

    def _units_before(self, offset: int, encoding: PositionEncoding) -> int:
        row, index, start = self._block_at(offset)
        inside = self.rows[row].blocks[index].text[: offset - start]
        return self._sum_before(row, index, UNITS[encoding]) + units_in(inside, encoding)

    def _char_at_units(self, units: int, encoding: PositionEncoding) -> int | None:
        which = UNITS[encoding]
        row = first_passing(self.ends[which], units)
        units -= _before(self.ends[which], row)
        index = first_passing(self.rows[row].ends[which], units)
        units -= _before(self.rows[row].ends[which], index)
        found = char_at(self.rows[row].blocks[index].text, units, encoding)
        return None if found is None else self._sum_before(row, index, CHARS) + found

    def _block_at(self, offset: int) -> tuple[int, int, int]:
        """The row, the index and the start of the block that holds the character after the offset; else the last."""
        row = first_passing(self.ends[CHARS], offset)
        index = first_passing(self.rows[row].ends[CHARS], offset - _before(self.ends[CHARS], row))
        return row, index, self._sum_before(row, index, CHARS)

    def _block_touching(self, offset: int) -> tuple[int, int, int]:
        """The row, the index and the start of the block that holds the character before the offset; else the first."""
        row = first_reaching(self.ends[CHARS], offset)
        index = first_reaching(self.rows[row].ends[CHARS], offset - _before(self.ends[CHARS], row))
        return row, index, self._sum_before(row, index, CHARS)

    def _sum_before(self, row: int, index: int, which: int) -> int:
        return _before(self.ends[which], row) + _before(self.rows[row].ends[which], index)


@dataclass(slots=True, kw_only=True)
class _Around:
    """What stands around an edit: the blocks before and after it in the rows from ``low`` to before ``high``."""

    rows: tuple[Row, ...]
    sizes: Sizes
    low: int
    high: int
    before: list[Block]
    after: list[Block]
    hard_end: bool

    def joined(self, text: str) -> str:
        """The text with the neighbours that it needs: it is short, or a run was cut hard that may now be whole."""
        while True:
            if not self.after and self.high < len(self.rows):
                self.after, self.high = list(self.rows[self.high].blocks), self.high + 1
            if not self.before and self.low > 0:
                self.before, self.low = list(self.rows[self.low - 1].blocks), self.low - 1
            short = len(text) < self.sizes.target_chars // 2
            if self.after and (short or self.hard_end) and self._fits(text, self.after[0]):
                text += self.after[0].text
                self.hard_end = bool(self.after.pop(0).lengths[HARD_CUTS])
            elif self.before and (short or self.before[-1].lengths[HARD_CUTS]) and self._fits(text, self.before[-1]):
                text = self.before.pop().text + text
            else:
                return text

    def with_blocks(self, blocks: list[Block]) -> list[Row]:
        """All rows with these blocks in the place of the edit."""
        most = self.sizes.most_blocks
        made = make_rows([*self.before, *blocks, *self.after], most)
        if len(made) == 1 and len(made[0].blocks) < self.sizes.fewest_blocks:
            if self.low > 0:
                self.low -= 1
                made = make_rows([*self.rows[self.low].blocks, *made[0].blocks], most)
            elif self.high < len(self.rows):
                made = make_rows([*made[0].blocks, *self.rows[self.high].blocks], most)
                self.high += 1
        return [*self.rows[: self.low], *made, *self.rows[self.high :]]

    def _fits(self, text: str, block: Block) -> bool:
        return len(text) + len(block.text) <= self.sizes.cap_chars + 2 * self.sizes.target_chars


def _cut(text: str, sizes: Sizes, *, hard_end: bool = False) -> list[Block]:
    blocks, place, last = [], 0, len(text)
    for part in cut_evenly(text, sizes.target_chars, sizes.cap_chars):
        place += len(part)
        blocks.append(make_block(part, hard_end=hard_end if place == last else not is_cut(text, place)))
    return blocks


def _of_rows(rows: list[Row], sizes: Sizes, whole: str | None = None) -> TextBlocks:
    ends = running_sums([each.lengths for each in rows])
    return TextBlocks(tuple(rows), total(ends), ends, sizes, [] if whole is None else [whole])


def _before(ends: list[int], index: int) -> int:
    return ends[index - 1] if index else 0


def _nth_line_end(text: str, number: int) -> tuple[int, int]:
    if "\r" not in text:
        end = len(text) - len(text.split("\n", number)[number])
        return end - 1, end
    found = next(islice(_LINE_END.finditer(text), number - 1, None))
    return found.span()
