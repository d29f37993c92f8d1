"""What Python's methods make of texts, and how it writes numbers."""

from __future__ import annotations

import inspect

from bursar.callsites.values import (
    Called,
    Items,
    Plain,
    Span,
    Text,
    Unknown,
    Value,
    changed,
    dedented,
    formatted,
    joined_by,
    stripped,
)

_STRIPS = {"strip": "both", "lstrip": "left", "rstrip": "right"}


def of_text(call: Called, span: Span) -> Value | None:
    """What a method of a text makes of it; None for any other call."""
    first = call.args[0] if len(call.args) == 1 and not call.named.entries and not call.named.more else None
    if isinstance(first, Text):
        if call.names == ("dedent",) and call.module == "textwrap":
            return dedented(first, span)
        if call.names == ("cleandoc",) and call.module == "inspect":
            return changed(first, inspect.cleandoc, span)
    if not isinstance(call.receiver, Text) or len(call.names) != 1:
        return None
    method = call.names[0]
    if method in _STRIPS and not call.args:
        return stripped(call.receiver, _STRIPS[method], span)
    if method == "format":
        return formatted(call.receiver, span)
    if method == "join" and isinstance(first, Items):
        return joined_by(call.receiver, first, span)
    return Unknown(span=span)


def product(left: Value, right: Value, span: Span) -> Value:
    """A product of whole numbers, as in ``4 * 1024``."""
    if isinstance(left, Plain) and isinstance(right, Plain):
        a, b = left.value, right.value
        if type(a) is int and type(b) is int and abs(a) < 10**9 and abs(b) < 10**9:
            return Plain(value=a * b, span=span)
    return Unknown(span=span)


def integer(raw: str, span: Span) -> Value:
    try:
        return Plain(value=int(raw, 0), span=span) if len(raw) < 40 else Unknown(span=span)
    except ValueError:
        return Unknown(span=span)


def floating(raw: str, span: Span) -> Value:
    try:
        return Plain(value=float(raw), span=span)
    except ValueError:
        return Unknown(span=span)
