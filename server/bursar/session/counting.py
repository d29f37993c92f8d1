"""Token counts of open documents, kept with their blocks: an edit is counted inline, a whole document in slices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from itertools import islice

from bursar.domain.ports import TokenCounter
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.counts import tokens_in, uncounted
from bursar.domain.text.rows import Block, CountText
from bursar.session.model import ENCODING

_INLINE_BLOCKS = 8
"""Counting so many takes less than a millisecond, about what a change of threads costs on a busy machine."""
_SLICE_BLOCKS = 64
"""Some 100 KB of text: between two slices the loop sees what else has come."""


class Counting:
    """Counts blocks with one counter."""

    def __init__(self, counter: Callable[[], TokenCounter]) -> None:
        self._counter = counter

    def edited(self, blocks: TextBlocks) -> None:
        """Count what edits made anew, at once, where it is little; what else is missing is left alone."""
        if self._is_quick(blocks):
            tokens_in(blocks, ENCODING, self._count())

    async def total(self, blocks: TextBlocks) -> int:
        """The tokens of the text, exact; counted beside the loop unless little is missing."""
        async for _ in self.slices(blocks):
            pass
        return tokens_in(blocks, ENCODING, self._count())

    async def slices(self, blocks: TextBlocks, around: Callable[[], int] = lambda: 0) -> AsyncIterator[None]:
        """Count the text slice by slice, always next the one that follows the line that is looked at.

        What was counted stays with its blocks, whoever stops in between. The ranks are loaded on the way.
        """
        while not self._is_quick(blocks) and (
            part := list(islice(uncounted(blocks, ENCODING, around=around()), _SLICE_BLOCKS))
        ):
            await asyncio.to_thread(_count_all, part, self._count())
            yield

    def _is_quick(self, blocks: TextBlocks) -> bool:
        missing = sum(1 for _ in islice(uncounted(blocks, ENCODING), _INLINE_BLOCKS + 1))
        return missing == 0 or (missing <= _INLINE_BLOCKS and self._counter().ready(ENCODING))

    def _count(self) -> CountText:
        return partial(self._counter().count, encoding=ENCODING)


def _count_all(blocks: Sequence[Block], count: CountText) -> None:
    for each in blocks:
        each.tokens(ENCODING, count)
