"""Which kind of text a passage is, as far as it matters for how many tokens a vendor makes of it.

A text is looked at by the blocks that it is counted in, so an edit has a block or two looked at anew. Another cut of
the same text may tell a border between two kinds a little elsewhere; the sum over the kinds is always the exact count.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal, get_args

from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.counts import is_counted

TextKind = Literal["prose", "code", "json", "cjk", "other"]
KINDS: tuple[TextKind, ...] = get_args(TextKind)

_LOOKED_AT_CHARS = 1_024
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")
# Tables for ``str.translate``, which is quick on ASCII: what is deleted is counted by the length that is lost.
_LETTERS = dict.fromkeys(map(ord, string.ascii_letters))
_SYMBOLS = dict.fromkeys(map(ord, "{}()[];=<>_|&+$@\\\"'.:/"))
_JSON_MARKS = dict.fromkeys(map(ord, '{}[]":,'))
_NAME = re.compile(r"\"(?:[^\"\\\n]|\\.){0,80}\"\s{0,8}:")

_CJK_SHARE = 0.2
_FOREIGN_SHARE = 0.01
_JSON_SHARE = 0.16
_SYMBOL_SHARE = 0.12
_LETTER_SHARE = 0.5
_TOO_SHORT_CHARS = 16


def count_kinds(text: str, count: Callable[[str], int]) -> dict[TextKind, int]:
    """The tokens of each kind of text in it; they add up to the count of the whole."""
    return kinds_in(TextBlocks.of(text), "", count)


def kinds_in(blocks: TextBlocks, encoding: str, count: Callable[[str], int]) -> dict[TextKind, int]:
    """The same of a text in blocks; each block is looked at once, and what was counted stays with it."""
    keyed = [(kind, _key(encoding, kind), partial(_tokens_of_kind, kind=kind, count=count)) for kind in KINDS]
    found = dict.fromkeys(KINDS, 0)
    # All kinds of a row before the next: what is known of the newest passages is kept for the other kinds.
    for row in blocks.rows:
        for kind, key, tokens in keyed:
            found[kind] += row.tokens(key, tokens)
    return {kind: tokens for kind, tokens in found.items() if tokens}


def are_kinds_counted(blocks: TextBlocks, encoding: str) -> bool:
    """Whether ``kinds_in`` has nothing left to count."""
    return is_counted(blocks, _key(encoding, KINDS[-1]))


@lru_cache(maxsize=256)
def passage_kind(passage: str) -> TextKind:
    """The kind of some hundred characters, by the shares that are typical of it; what is too short to tell is prose."""
    seen = "".join(passage[:_LOOKED_AT_CHARS].split())
    if len(seen) < _TOO_SHORT_CHARS:
        return "prose" if _CJK.search(seen) is None else "cjk"
    letters, foreign = _count(seen, _LETTERS), 0
    if not seen.isascii():
        cjk = len(_CJK.findall(seen))
        if cjk >= _CJK_SHARE * len(seen):
            return "cjk"
        foreign = sum(map(str.isalpha, seen)) - letters - cjk
    if foreign > _FOREIGN_SHARE * (letters + foreign):
        return "other"
    if _count(seen, _JSON_MARKS) >= _JSON_SHARE * len(seen) and _NAME.search(passage, 0, _LOOKED_AT_CHARS) is not None:
        return "json"
    if _count(seen, _SYMBOLS) >= _SYMBOL_SHARE * len(seen):
        return "code"
    return "prose" if letters >= _LETTER_SHARE * len(seen) else "other"


def _tokens_of_kind(text: str, *, kind: TextKind, count: Callable[[str], int]) -> int:
    return count(text) if passage_kind(text) == kind else 0


def _key(encoding: str, kind: TextKind) -> str:
    return f"{encoding} {kind}"


def _count(seen: str, table: dict[int, None]) -> int:
    return len(seen) - len(seen.translate(table))
