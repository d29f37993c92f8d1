"""Exact token counts, offline: tiktoken behind the ``TokenCounter`` port, with its ranks in this package."""

from bursar.tokens.counter import TiktokenCounter
from bursar.tokens.cuts import split_blocks

__all__ = ["TiktokenCounter", "split_blocks"]
