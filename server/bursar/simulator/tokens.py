"""A small deterministic tokenizer of the simulator's own: near real counts, equal to nobody's."""

from __future__ import annotations

import json
import re
from typing import Any

IMAGE_TOKENS = 1000
MESSAGE_TOKENS = 3

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_PIECE = re.compile(
    rf"(?:[^\S\r\n]|[^\s\w]|_)?[{_LATIN}]{{1,10}}"
    rf"|[{_CJK}]"
    rf"|(?: ?(?![{_CJK}{_LATIN}])[^\W\d_])(?:(?![{_CJK}{_LATIN}])[^\W\d_]){{0,4}}"
    r"|\d{1,3}"
    r"| ?(?:[^\s\w]|_){1,3}"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)

# Names that carry no words for the model: links between blocks and the marks of the wire format.
_SILENT = frozenset({"id", "type", "tool_use_id", "tool_call_id", "cache_control", "signature", "is_error"})


def pieces(text: str) -> list[str]:
    """The tokens of a text, in order; joined they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return sum(1 for _ in _PIECE.finditer(text))


def count_json(value: Any) -> int:
    """The tokens of every name and every value in decoded JSON, ids and wire marks left out."""
    if isinstance(value, str):
        return count(value)
    if isinstance(value, list):
        return sum(count_json(item) for item in value)
    if isinstance(value, dict):
        if value.get("type") in ("image", "image_url"):
            return IMAGE_TOKENS
        return sum(count(name) + count_json(item) for name, item in value.items() if name not in _SILENT)
    return 0 if value is None else count(json.dumps(value))
