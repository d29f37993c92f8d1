"""Which lines of a text differ from those of an older one, from the blocks that the two share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.rows import CHARS, Block

_CHUNK_CHARS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """Lines before ``first`` are the same in both; ``old_end`` of the old ones and ``new_end`` of the new ones are the
    first that are the same again."""

    first: int
    old_end: int
    new_end: int

    def moved(self, line: int) -> int | None:
        """Where a line of the old text is in the new one; None for one that was changed.

        A line that was changed alone, and is still one, is where it was.
        """
        if line < self.first:
            return line
        if line >= self.old_end:
            return line + self.new_end - self.old_end
        return line if self.old_end == self.new_end == self.first + 1 else None

    def moved_end(self, end_line: int) -> int:
        """Where an exclusive end in the old text is in the new one; inside of what was changed it is its end.

        Lines that came in at it belong to what ended there.
        """
        if end_line < self.first or end_line == self.first < self.old_end:
            return end_line
        return self.new_end if end_line < self.old_end else end_line + self.new_end - self.old_end


def line_change(old: TextBlocks, new: TextBlocks) -> LineChange:
    """What lies between the lines that both texts begin and end with.

    Costs a look at each block, and at the characters only where the blocks are not the same ones.
    """
    before, after = old.lengths[CHARS], new.lengths[CHARS]
    most = min(before, after)
    first = _shared_start(old, new, most)
    last = _shared_end(old, new, most - first)
    # A line end of two characters is never parted.
    if first and "\r\n" in (old.slice(first - 1, min(first + 1, before)), new.slice(first - 1, min(first + 1, after))):
        first -= 1
    if last and "\r\n" in (_around(old, before - last), _around(new, after - last)):
        last -= 1
    begin, column = new.position(first, "utf-32")
    old_end, old_column = old.position(before - last, "utf-32")
    new_end, new_column = new.position(after - last, "utf-32")
    # Whole lines came or went where everything lies between lines; else the last line is a changed one, too.
    more = 0 if last and column == old_column == new_column == 0 else 1
    return LineChange(first=begin, old_end=old_end + more, new_end=new_end + more)


def _around(blocks: TextBlocks, offset: int) -> str:
    return blocks.slice(max(offset - 1, 0), offset + 1)


def _shared_start(old: TextBlocks, new: TextBlocks, most: int) -> int:
    same = min(_same_blocks(_forward(old), _forward(new)), most)
    while same < most:
        chunk = min(_CHUNK_CHARS, most - same)
        ours, theirs = old.slice(same, same + chunk), new.slice(same, same + chunk)
        if ours != theirs:
            return same + _shared_chars(ours, theirs)
        same += chunk
    return same


def _shared_end(old: TextBlocks, new: TextBlocks, most: int) -> int:
    before, after = old.lengths[CHARS], new.lengths[CHARS]
    same = min(_same_blocks(_backward(old), _backward(new)), most)
    while same < most:
        chunk = min(_CHUNK_CHARS, most - same)
        ours = old.slice(before - same - chunk, before - same)
        theirs = new.slice(after - same - chunk, after - same)
        if ours != theirs:
            return same + _shared_chars(ours[::-1], theirs[::-1])
        same += chunk
    return same


def _forward(blocks: TextBlocks) -> Iterator[Block]:
    return (block for row in blocks.rows for block in row.blocks)


def _backward(blocks: TextBlocks) -> Iterator[Block]:
    return (block for row in reversed(blocks.rows) for block in reversed(row.blocks))


def _same_blocks(old: Iterator[Block], new: Iterator[Block]) -> int:
    """How many characters the blocks have that both begin with."""
    pairs = zip(old, new, strict=False)
    return sum(len(ours.text) for ours, _ in takewhile(lambda pair: pair[0] is pair[1], pairs))


def _shared_chars(old: str, new: str) -> int:
    pairs = zip(old, new, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(old), len(new)))
