"""The one way a request becomes bytes: the same value gives the same bytes, for ever."""

from __future__ import annotations

import json
from typing import Any


def canonical_bytes(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, as UTF-8; a lone surrogate becomes U+FFFD.

    Raises ValueError for NaN and infinities, and TypeError for what JSON has no word for.
    """
    return whole_text(canonical_text(value)).encode("utf-8")


def canonical_text(value: Any) -> str:
    """The same as text, before lone surrogates are replaced."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def whole_text(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD.

    Servers that cut their answer by UTF-16 units send the halves of one character in two events.
    """
    if not any("\ud800" <= each <= "\udfff" for each in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def reported_text(value: Any) -> str:
    """What a provider reported, as text to keep: also NaN and infinities, which are no JSON and do come."""
    return whole_text(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))
