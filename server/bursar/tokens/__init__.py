"""Exact token counts, offline: tiktoken behind the ``TokenCounter`` port, with its ranks in this package."""

from bursar.tokens.counter import TiktokenCounter

__all__ = ["TiktokenCounter"]
