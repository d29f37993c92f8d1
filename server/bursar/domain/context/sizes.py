"""Tokens of a recorded session's parts, from its characters and from what its provider billed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

STUB_TOKENS = 14
"""What stands in the place of a masked result."""
TURN_TOKENS = 6
"""What a provider puts around each turn."""
GAP_TOKENS = 4
POINTER_TOKENS = 8
"""A gap that says where its lines are visible, above what each gap takes."""
SUMMARY_TOKENS = 2_000
FALLBACK_TOKENS_PER_CHARACTER = 0.30
FALLBACK_BASE_TOKENS = 3_000

_LEAST_BILLED = 10
_LEAST_CHARACTERS = 20_000
_LARGEST_STEP = 60_000
_PLAUSIBLE = (0.18, 0.6)
_LEAST_BASE = 2_000
_SMALL_WINDOW, _SMALL_PEAK = 200_000, 190_000
_CLAUDE_WINDOW, _OTHER_WINDOW = 1_000_000, 400_000


def tokens_per_character(billed: Mapping[int, int], new_characters: Sequence[int]) -> float:
    """How many tokens a character is, by the growth of what was billed from each request to the next.

    ``billed`` has the whole input of a request, ``new_characters`` what each request carried first. Where too little
    was billed, or the result is no plausible one, it is the fallback.
    """
    tokens = characters = 0
    for request, total in billed.items():
        before = billed.get(request - 1)
        if before is not None and 0 < total - before < _LARGEST_STEP:
            tokens += total - before
            characters += new_characters[request]
    if len(billed) < _LEAST_BILLED or characters < _LEAST_CHARACTERS:
        return FALLBACK_TOKENS_PER_CHARACTER
    rate = tokens / characters
    return rate if _PLAUSIBLE[0] < rate < _PLAUSIBLE[1] else FALLBACK_TOKENS_PER_CHARACTER


def base_tokens(billed: Mapping[int, int], new_characters: Sequence[int], per_character: float) -> int:
    """The fixed prefix (system prompt and tools that are not in the record), by the first five billed requests."""
    if not billed:
        return FALLBACK_BASE_TOKENS
    rests = [billed[each] - per_character * sum(new_characters[: each + 1]) for each in sorted(billed)[:5]]
    return max(_LEAST_BASE, round(median(rests)))


def window_tokens(billed: Mapping[int, int], model: str) -> int:
    """The window that the session had: the usual one, or a larger where it was really passed."""
    if max(billed.values(), default=0) <= _SMALL_PEAK:
        return _SMALL_WINDOW
    return _CLAUDE_WINDOW if "claude" in model else _OTHER_WINDOW


def turn_tokens(characters: int, per_character: float) -> int:
    """A turn's tokens."""
    return max(4, round(per_character * characters) + TURN_TOKENS)


def excerpt_tokens(characters: int, gaps: int, pointers: int, per_character: float) -> int:
    """The tokens of what is left of a turn: its whole lines, the marker, its gaps, and those that point elsewhere."""
    return turn_tokens(characters, per_character) + STUB_TOKENS + GAP_TOKENS * gaps + POINTER_TOKENS * pointers
