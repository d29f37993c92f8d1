"""JSON as it may come from a client: strict, never too deep, and with whole characters only."""

# Loaded with the greeting, before everything else: no typing at run time.
from __future__ import annotations

import json
import math
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

DEEPEST = 256
_LONE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(data: bytes) -> tuple[Any, Any]:
    """The value as it came, and the same with whole characters: half of one is U+FFFD, as long in UTF-16.

    Raises ValueError for what is no JSON in UTF-8, RecursionError for what is nested too deep.
    """
    text = data.decode("utf-8")
    value = _LOADS(text)
    return value, _checked(value) if _is_suspect(text) else value


def _is_suspect(text: str) -> bool:
    """Whether it may be deep, or may hold half a character: most messages need no second look."""
    return text.count("[") + text.count("{") > DEEPEST or _ESCAPED_SURROGATE.search(text) is not None


def _checked(value: Any) -> Any:
    """The same with whole characters only, made without recursion. Raises RecursionError for what is too deep."""
    box: list[Any] = [value]
    work: list[tuple[Any, Any, int]] = [(box, 0, 0)]
    while work:
        holder, key, depth = work.pop()
        found = holder[key]
        if isinstance(found, str):
            holder[key] = _LONE.sub("\ufffd", found)
        elif isinstance(found, list | dict):
            if depth >= DEEPEST:
                raise RecursionError
            if isinstance(found, dict):
                found = {_LONE.sub("\ufffd", name): each for name, each in found.items()}
            else:
                found = list(found)
            holder[key] = found
            work.extend((found, each, depth + 1) for each in (found if isinstance(found, dict) else range(len(found))))
    return box[0]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


_LOADS = json.JSONDecoder(parse_float=_number, parse_constant=_no_number).decode
