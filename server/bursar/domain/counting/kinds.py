r"""Which kind of text a passage is, as far as it matters for how many tokens a vendor makes of it.

A text is looked at in passages of some hundred characters, cut where a line begins with anything but whitespace and
``/``: there the counts of the parts add up to that of the whole under both encodings (see ``tokens/cuts.py``).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from typing import Literal, get_args

TextKind = Literal["prose", "code", "json", "cjk", "other"]
KINDS: tuple[TextKind, ...] = get_args(TextKind)

_PASSAGE_CHARS = 600
_LOOKED_AT_CHARS = 4_096
_START_OF_PART = re.compile(r"(?<=\n)(?=[^\s/])")
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


def kind_parts(text: str) -> Iterator[tuple[TextKind, str]]:
    """The text in order, as the longest passages of one kind; joined they are the text."""
    kind: TextKind | None = None
    start = end = 0
    for passage in _passages(text):
        found = _kind_of(passage)
        if kind is not None and found != kind:
            yield kind, text[start:end]
            start = end
        kind = found
        end += len(passage)
    if kind is not None:
        yield kind, text[start:end]


def count_kinds(text: str, count: Callable[[str], int]) -> dict[TextKind, int]:
    """The tokens of each kind of text in it; they add up to the count of the whole."""
    counted: dict[TextKind, int] = {}
    for kind, part in kind_parts(text):
        counted[kind] = counted.get(kind, 0) + count(part)
    return counted


def _passages(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        found = _START_OF_PART.search(text, start + _PASSAGE_CHARS)
        end = len(text) if found is None else found.start()
        yield text[start:end]
        start = end


def _kind_of(passage: str) -> TextKind:
    """By the share of characters that are typical of a kind; what is too short to tell is prose."""
    seen = "".join(passage[:_LOOKED_AT_CHARS].split())
    if len(seen) < _TOO_SHORT_CHARS:
        return "prose" if _CJK.search(seen) is None else "cjk"
    is_ascii = seen.isascii()
    if not is_ascii and len(_CJK.findall(seen)) >= _CJK_SHARE * len(seen):
        return "cjk"
    letters = _count(seen, _LETTERS)
    foreign = 0 if is_ascii else sum(map(str.isalpha, seen)) - letters
    if foreign > _FOREIGN_SHARE * (letters + foreign):
        return "other"
    if _count(seen, _JSON_MARKS) >= _JSON_SHARE * len(seen) and _NAME.search(passage, 0, _LOOKED_AT_CHARS) is not None:
        return "json"
    if _count(seen, _SYMBOLS) >= _SYMBOL_SHARE * len(seen):
        return "code"
    return "prose" if letters >= _LETTER_SHARE * len(seen) else "other"


def _count(seen: str, table: dict[int, None]) -> int:
    return len(seen) - len(seen.translate(table))
