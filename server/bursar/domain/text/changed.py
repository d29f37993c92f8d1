"""Where the places of an older text are in a newer one: what lies between the parts that the two share.

The one thing that moves what was found with the edits, until the text is read again: sizes and references, findings,
lenses and cards. Several edits far from each other are several spans, so what stands between them moves, too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.lines import Position
from bursar.domain.text.rows import CHARS, Block, Row

_Piece = TypeVar("_Piece", Row, Block)


@dataclass(frozen=True, slots=True)
class Span:
    """What was replaced, and by what, in characters or in lines: from a start to before an end in each of the texts."""

    old: int
    old_end: int
    new: int
    new_end: int

    @property
    def shift(self) -> int:
        """How far what stands behind it was moved."""
        return self.new_end - self.old_end


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """What became of a text: ``spans`` in characters, ``lines`` in lines, both in order and apart from one another.

    Lines outside of the spans are the same in both texts.
    """

    before: TextBlocks
    after: TextBlocks
    spans: tuple[Span, ...]
    lines: tuple[Span, ...]
    _starts: list[int] = field(init=False, repr=False, compare=False)
    _line_starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", [each.old for each in self.spans])
        object.__setattr__(self, "_line_starts", [each.old for each in self.lines])

    def line(self, line: int) -> int | None:
        """Where a line of the old text is in the new one; None for one that was changed together with others.

        A line that was changed alone, and is still one, is where it was.
        """
        at = bisect_right(self._line_starts, line) - 1
        if at < 0:
            return line
        span = self.lines[at]
        if line >= span.old_end:
            return line + span.shift
        return span.new if span.old_end - span.old == span.new_end - span.new == 1 else None

    def end_line(self, end_line: int) -> int:
        """Where an exclusive end in the old text is in the new one; inside of what was changed it is its end.

        Lines that came in at it belong to what ended there.
        """
        at = bisect_left(self._line_starts, end_line)
        if at < len(self.lines) and self.lines[at].old == self.lines[at].old_end == end_line:
            return self.lines[at].new_end
        if not at:
            return end_line
        span = self.lines[at - 1]
        return span.new_end if end_line < span.old_end else end_line + span.shift

    def touches(self, first: int, last: int) -> bool:
        """Whether any of the old lines from ``first`` to ``last`` was changed, or others came in between them."""
        at = bisect_right(self._line_starts, last) - 1
        return at >= 0 and first < self.lines[at].old_end

    def place(self, line: int, character: int) -> Position:
        """Where a place of the old text is in the new one; characters count code points.

        What was replaced is put at the end of what replaced it, a place beyond the text at its end.
        """
        offset = self.before.offset(line, character, "utf-32")
        at = bisect_left(self._starts, offset) - 1
        if at >= 0:
            span = self.spans[at]
            offset = span.new_end if offset < span.old_end else offset + span.shift
        return self.after.position(offset, "utf-32")


def text_change(before: TextBlocks, after: TextBlocks) -> TextChange:
    """What lies between the parts that both texts have: blocks that they share, and characters next to an edit.

    Costs a look at each row, and at blocks and characters only where the rows are not the same ones.
    """
    grown = _grown(before, after, _char_spans(before, after))
    spans = tuple(_apart(_slid(before, after, _apart(grown))))
    return TextChange(
        before=before, after=after, spans=spans, lines=tuple(_lines_apart(_line_spans(before, after, spans)))
    )


def _char_spans(before: TextBlocks, after: TextBlocks) -> Iterator[Span]:
    """What differs in characters: the rows that are others, in these the blocks, in these the characters."""
    for rows in _between(before.rows, after.rows):
        old_rows, new_rows = before.rows[rows.old : rows.old_end], after.rows[rows.new : rows.new_end]
        old = [block for row in old_rows for block in row.blocks]
        new = [block for row in new_rows for block in row.blocks]
        old_places = _places(old, sum(row.lengths[CHARS] for row in before.rows[: rows.old]))
        new_places = _places(new, sum(row.lengths[CHARS] for row in after.rows[: rows.new]))
        for blocks in _between(old, new):
            span = Span(
                old_places[blocks.old],
                old_places[blocks.old_end],
                new_places[blocks.new],
                new_places[blocks.new_end],
            )
            trimmed = _trimmed(span, before.slice(span.old, span.old_end), after.slice(span.new, span.new_end))
            if trimmed is not None:
                yield trimmed


def _between(old: Sequence[_Piece], new: Sequence[_Piece]) -> Iterator[Span]:
    """What lies between the very same pieces of both: edits make pieces anew and leave the others in their order."""
    known = {id(each): at for at, each in enumerate(old)}
    old_at = new_at = 0
    for at, each in enumerate(new):
        found = known.get(id(each), -1)
        if found >= old_at:
            if found > old_at or at > new_at:
                yield Span(old_at, found, new_at, at)
            old_at, new_at = found + 1, at + 1
    if old_at < len(old) or new_at < len(new):
        yield Span(old_at, len(old), new_at, len(new))


def _places(blocks: Sequence[Block], start: int) -> list[int]:
    places = [start]
    for each in blocks:
        places.append(places[-1] + each.lengths[CHARS])
    return places


def _trimmed(span: Span, old: str, new: str) -> Span | None:
    """Without the characters that both begin and end with; None where that is all."""
    most = min(len(old), len(new))
    first = _shared(old, new, most, from_end=False)
    last = _shared(old, new, most - first, from_end=True)
    if first == len(old) == len(new):
        return None
    return Span(span.old + first, span.old_end - last, span.new + first, span.new_end - last)


def _shared(old: str, new: str, most: int, *, from_end: bool) -> int:
    """How many characters both begin with, or end with, at most so many; by halves, as slices compare fast."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        same = old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]
        if not from_end:
            same = old[low:middle] == new[low:middle]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def _grown(before: TextBlocks, after: TextBlocks, spans: Iterable[Span]) -> Iterator[Span]:
    """The same, where a border would part a line end of two characters with the other half of it."""
    for each in spans:
        starts = _is_inside(before, each.old) or _is_inside(after, each.new)
        ends = _is_inside(before, each.old_end) or _is_inside(after, each.new_end)
        yield Span(each.old - starts, each.old_end + ends, each.new - starts, each.new_end + ends)


def _slid(before: TextBlocks, after: TextBlocks, spans: Iterable[Span]) -> Iterator[Span]:
    """Where lines came in or went whose beginning is that of the line behind them too, from the beginning of a line."""
    free = 0
    for each in spans:
        yield (slid := _slid_to_line(before, after, each, free))
        free = slid.old_end


def _slid_to_line(before: TextBlocks, after: TextBlocks, span: Span, free: int) -> Span:
    """What stands before ``free`` in the old text belongs to others."""
    if span.old == span.old_end:
        blocks, start, end = after, span.new, span.new_end
    elif span.new == span.new_end:
        blocks, start, end = before, span.old, span.old_end
    else:
        return span
    column = blocks.position(start, "utf-32")[1]
    if not 0 < column <= min(end - start, span.old - free):
        return span
    if blocks.slice(start - column, start) != blocks.slice(end - column, end):
        return span
    return Span(span.old - column, span.old_end - column, span.new - column, span.new_end - column)


def _is_inside(blocks: TextBlocks, offset: int) -> bool:
    return 0 < offset < blocks.lengths[CHARS] and blocks.slice(offset - 1, offset + 1) == "\r\n"


def _line_spans(before: TextBlocks, after: TextBlocks, spans: Iterable[Span]) -> Iterator[Span]:
    for each in spans:
        old, column = before.position(each.old, "utf-32")
        new, _ = after.position(each.new, "utf-32")
        old_end, old_column = before.position(each.old_end, "utf-32")
        new_end, new_column = after.position(each.new_end, "utf-32")
        # Whole lines came or went where everything lies between lines; else the last line is a changed one, too.
        is_last = each.old_end == before.lengths[CHARS]
        more = 1 if is_last or column or old_column or new_column else 0
        yield Span(old, old_end + more, new, new_end + more)


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in characters, those that overlap or touch as one."""
    last: Span | None = None
    for each in spans:
        if last is not None and (each.old <= last.old_end or each.new <= last.new_end):
            last = Span(last.old, each.old_end, last.new, each.new_end)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _lines_apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in lines, those that share a line as one; two changed lines below one another stay two."""
    last: Span | None = None
    for each in spans:
        if last is not None and (each.old < last.old_end or each.new < last.new_end or each.old == last.old):
            last = Span(last.old, max(last.old_end, each.old_end), last.new, max(last.new_end, each.new_end))
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
