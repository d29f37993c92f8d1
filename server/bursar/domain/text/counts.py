"""Token counts of a text in blocks: each block is counted once, a range costs its two ends."""

from __future__ import annotations

from collections.abc import Iterator

from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.rows import CHARS, HARD_CUTS, Block, CountText, first_passing, first_reaching

_OFF_PER_HARD_CUT = 2


def tokens_in(blocks: TextBlocks, encoding: str, count: CountText) -> int:
    """The tokens of the whole text; counts what was not counted before."""
    return sum(row.tokens(encoding, count) for row in blocks.rows)


def tokens_in_lines(blocks: TextBlocks, first: int, end: int, encoding: str, count: CountText) -> int:
    """The tokens of the lines from ``first`` to before ``end`` with their ends, encoded alone."""
    return tokens_between(blocks, blocks.line_start(first), blocks.line_start(end), encoding, count)


def tokens_between(blocks: TextBlocks, start: int, end: int, encoding: str, count: CountText) -> int:
    """The tokens of the characters from ``start`` to before ``end``, encoded alone."""
    ends = blocks.ends[CHARS]
    low = first_passing(ends, start)
    tokens, at = 0, ends[low - 1] if low else 0
    for row in blocks.rows[low : first_reaching(ends, end) + 1]:
        row_start, at = at, at + row.lengths[CHARS]
        if start <= row_start and at <= end:
            tokens += row.tokens(encoding, count)
        elif start < at and row_start < end:
            pieces = blocks.pieces(max(start, row_start), min(end, at))
            tokens += sum(_piece(block, first, last, encoding, count) for block, first, last in pieces)
    return tokens


def uncertain_tokens(blocks: TextBlocks) -> int:
    """How far the count of the text may be off: nothing, unless a run above the cap had to be cut where it may not."""
    return blocks.lengths[HARD_CUTS] * _OFF_PER_HARD_CUT


def is_counted(blocks: TextBlocks, encoding: str) -> bool:
    """Whether the tokens of every block are known."""
    return all(row.is_counted(encoding) for row in blocks.rows)


def forget(blocks: TextBlocks, encoding: str) -> None:
    """Take what is known of the text's tokens for not known; they will be counted again."""
    for row in blocks.rows:
        row.counts.pop(encoding, None)
        for block in row.blocks:
            block.counts.pop(encoding, None)


def uncounted(blocks: TextBlocks, encoding: str, *, around: int = 0) -> Iterator[Block]:
    """The blocks that are not counted yet; those from the line ``around`` on first."""
    place, at = blocks.line_start(around), 0
    earlier: list[Block] = []
    for row in blocks.rows:
        at += row.lengths[CHARS]
        if encoding in row.counts:
            continue
        waiting = (each for each in row.blocks if encoding not in each.counts)
        if at <= place:
            earlier.extend(waiting)
        else:
            yield from waiting
    yield from earlier


def _piece(block: Block, first: int, last: int, encoding: str, count: CountText) -> int:
    whole = first == 0 and last == len(block.text)
    return block.tokens(encoding, count) if whole else count(block.text[first:last])
