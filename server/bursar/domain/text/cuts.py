r"""Where a text can be cut so that the counts of its parts add up to the count of the whole.

A tokenizer first splits a text into pieces by a pattern and then encodes every piece alone. The patterns of
``cl100k_base`` and ``o200k_base`` never look behind, so a match that starts at a place depends only on what follows.
Between some pairs of characters a piece always ends, whatever stands around them, and nothing before the pair can
match differently by seeing what comes after it. There, ``encode(text) == encode(text[:p]) + encode(text[p:])``:

1. anything but whitespace | space or tab
2. newline | anything but whitespace and ``/`` (``o200k_base`` runs punctuation on over newlines and slashes)
3. ASCII letter or digit | ASCII punctuation except the apostrophe (which may begin a contraction)
4. ASCII letter | ASCII digit, and the reverse
5. CJK ideograph, kana or Hangul syllable | CJK punctuation of the list below

Whitespace is Python's here, a superset of the patterns' own, so it errs to the safe side. Carriage returns, combining
marks, no-break spaces and the letters of other scripts are never a place to cut.

Blocks are cut by preference at landmarks, places to cut that are picked by the few characters before them and by
nothing else. After an edit the same landmarks are met again a block or two later, so that most blocks of the changed
text are blocks of the old one and their counts are known. A text of equal lines has no landmarks, or too many: its
blocks may all be new from an edit on.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

TARGET_CHARS = 1024
CAP_CHARS = 16_384

_PUNCTUATION = r"!-&(-/:-@\[-`{-~"
_CJK = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_CJK_PUNCTUATION = "\u3001\u3002\u3008-\u3011\u2014\u2026\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f"
_CUT = (
    r"(?<=\S)(?=[ \t])"
    r"|(?<=\n)(?=[^\s/])"
    rf"|(?<=[A-Za-z0-9])(?=[{_PUNCTUATION}])"
    r"|(?<=[A-Za-z])(?=[0-9])"
    r"|(?<=[0-9])(?=[A-Za-z])"
    rf"|(?<=[{_CJK}])(?=[{_CJK_PUNCTUATION}])"
)
_PIECE_DIGITS = 3
# Before a landmark stand characters of these kinds (see `_landmark`): about one in every 100 to 250 characters of
# prose, code, JSON or Chinese. Fewer would leave blocks without one; more would let chains of blocks run side by side.
_LANDMARK_BITS = (0, 0, 1, 1, 0)


def split_blocks(text: str, target: int = TARGET_CHARS, cap: int = CAP_CHARS) -> list[str]:
    """The text in order as blocks of about ``target`` characters, none above ``cap``; joined they are the text.

    Most blocks have between half of and twice the target.

    Counts of the blocks add up to the count of the text, exactly, unless a run longer than ``cap`` has no place to cut
    (letters, whitespace, punctuation or CJK without a break). Such a run is cut hard, which may move the sum by a token
    or two at each hard cut. Runs of digits are cut in whole groups of three, as the patterns group them: they stay
    exact. Raises ValueError unless ``target`` is at least 1 and ``cap`` at least 3 and no less than ``target``.
    """
    if target < 1 or cap < max(target, _PIECE_DIGITS):
        raise ValueError(f"blocks of about {target} characters, at most {cap}, cannot be made")
    blocks: list[str] = []
    start = 0
    while len(text) - start > target:
        end = _next_cut(text, start, target, cap)
        blocks.append(text[start:end])
        start = end
    if start < len(text):
        blocks.append(text[start:])
    return blocks


def cut_evenly(text: str, target: int = TARGET_CHARS, cap: int = CAP_CHARS) -> list[str]:
    """The text in order as blocks from ``target`` to twice that, none above ``cap``; joined they are the text.

    Quicker than ``split_blocks`` and without landmarks: for a text whose blocks are kept, so that none must be met
    again. A block may be shorter before a run without a place to cut, or be longer up to the cap; what is cut hard is
    said there. An empty text is one empty block.
    """
    blocks: list[str] = []
    start = 0
    while len(text) - start > 2 * target:
        found = _place().search(text, start + target, start + cap + 1)
        end = found.start() if found is not None else _without(text, start, target, cap)
        blocks.append(text[start:end])
        start = end
    if start < len(text) or not blocks:
        blocks.append(text[start:])
    return blocks


def is_cut(text: str, place: int) -> bool:
    """Whether both halves of the text, cut at this place, count together as the whole does."""
    return _place().match(text, place) is not None


def _next_cut(text: str, start: int, target: int, cap: int) -> int:
    """The end of the block that begins at ``start``; always after it."""
    limit = start + cap
    # The end given to `search` hides what follows it, so the character after the last place is let in.
    earliest = max(start, start + target // 2 - len(_LANDMARK_BITS))
    found = _landmark().search(text, earliest, min(start + 2 * target, limit) + 1)
    if found is None:
        found = _place().search(text, start + target, limit + 1)
    return _without(text, start, target, cap) if found is None else found.end()


def _without(text: str, start: int, target: int, cap: int) -> int:
    """The end of the block where there is no place to cut between the target and the cap."""
    if len(text) <= start + cap:
        return len(text)
    return _last_cut(text, start, start + target) or _hard_cut(text, start, start + cap)


def _last_cut(text: str, start: int, end: int) -> int | None:
    """The last place to cut strictly between; with it a run up to the cap gets a block of its own and stays whole."""
    last = None
    for found in _place().finditer(text, start + 1, end + 1):
        last = found.start()
    return last


def _hard_cut(text: str, start: int, limit: int) -> int:
    """A cut at the limit, moved back to a whole group where it falls into a run of digits, and never in a CRLF."""
    if text[limit - 1 : limit + 1] == "\r\n":
        return limit - 1
    run = limit
    while run > start and unicodedata.category(text[run - 1]).startswith("N"):
        run -= 1
    return limit - (limit - run) % _PIECE_DIGITS


@cache
def _place() -> re.Pattern[str]:
    """Compiled at the first cut, for the same reason as the landmarks."""
    return re.compile(_CUT)


@cache
def _landmark() -> re.Pattern[str]:
    """Compiled at the first split: with its wide classes it costs some milliseconds that a start need not pay."""
    # A character's bit is that of the code point that splits the letters of its script about in half.
    ones = "".join(re.escape(chr(code)) for code in range(1, 0x80, 2))
    ones += "".join(f"{chr(code)}-{chr(code + 0x3F)}" for code in range(0x80, 0x10000, 0x80))
    before = "".join(f"[{ones}]" if bit else f"[^{ones}]" for bit in _LANDMARK_BITS)
    return re.compile(f"{before}(?:{_CUT})")
