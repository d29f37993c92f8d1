"""What the provider says one call used, in disjoint buckets."""

from __future__ import annotations

from dataclasses import dataclass

BUCKETS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call in disjoint buckets: their sum is all that was processed.

    ``reasoning_tokens`` is the part of ``output`` that was thinking; it is not added to it.
    """

    uncached_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.uncached_input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            uncached_input=self.uncached_input + other.uncached_input,
            cache_read=self.cache_read + other.cache_read,
            cache_write_5m=self.cache_write_5m + other.cache_write_5m,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
        )

    def as_dict(self) -> dict[str, int]:
        """The six numbers under the names of the published JSON shapes."""
        return {
            "uncached_input": self.uncached_input,
            "cache_read": self.cache_read,
            "cache_write_5m": self.cache_write_5m,
            "cache_write_1h": self.cache_write_1h,
            "output": self.output,
            "reasoning": self.reasoning,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What a provider reported for an answer that it gave up: it is billed although it is no answer.

    ``model`` is None where the answer named none; ``clamped`` says that a figure could not be true.
    """

    usage: Usage
    raw: str
    clamped: bool
    model: str | None
    service: str | None = None


def cached_percent(usage: Usage) -> int:
    """Whole percent of the input that was read from the provider's prompt cache (0 without input)."""
    return round(100 * usage.cache_read / usage.input) if usage.input else 0
