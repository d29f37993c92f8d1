"""What JavaScript's methods and tags make of texts, and how it writes numbers."""

from __future__ import annotations

import re

from bursar.callsites.values import (
    Called,
    Items,
    Plain,
    Span,
    Text,
    Unknown,
    Value,
    changed,
    joined_by,
    stripped,
)

_STRIPS = {"trim": "both", "trimStart": "left", "trimEnd": "right"}
_INDENTATION = re.compile(r"(?m)^([ \t]+)(?=\S)")


def of_text(call: Called, span: Span) -> Value | None:
    """What a method of a text or a list makes of it; None for any other call."""
    if call.names == ("dedent",) or (call.module == "dedent" and len(call.args) == 1):
        first = call.args[0] if call.args else None
        return tag_dedented(first, span) if isinstance(first, Text) else None
    if len(call.names) != 1:
        return None
    method = call.names[0]
    if isinstance(call.receiver, Items):
        if method != "join":
            return Unknown(span=span)
        separator = call.args[0] if call.args else Text(pieces=(",",), span=span)
        return joined_by(separator, call.receiver, span) if isinstance(separator, Text) else Unknown(span=span)
    if not isinstance(call.receiver, Text):
        return None
    if method in _STRIPS:
        return stripped(call.receiver, _STRIPS[method], span)
    return Unknown(span=span)


def tag_dedented(text: Text, span: Span) -> Value:
    """As the usual template tag does: without the least indentation of those lines that have one, and trimmed."""
    return changed(text, _without_indentation, span)


def _without_indentation(text: str) -> str:
    indents = [len(found) for found in _INDENTATION.findall(text)]
    if indents:
        text = re.sub(rf"(?m)^[ \t]{{{min(indents)}}}", "", text)
    return text.strip()


def number(raw: str, span: Span) -> Value:
    digits = raw.replace("_", "")
    try:
        return Plain(value=int(digits, 0), span=span) if len(raw) < 40 else Unknown(span=span)
    except ValueError:
        pass
    try:
        value = float(digits)
    except ValueError:
        return Unknown(span=span)
    return Plain(value=int(value) if value.is_integer() and "e" in digits.lower() else value, span=span)
