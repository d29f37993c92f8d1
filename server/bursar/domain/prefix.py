"""Where two requests in a row stop being alike, in the order in which a provider's prompt cache reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

_ORDER = ("tools", "system", "instructions", "messages", "input")
_MARK = "cache_control"
_BEFORE_CHARS, _SHOWN_CHARS = 12, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The second request differs from the first at ``byte``, counted from the beginning of what is cached.

    ``part`` names what it is in, as in 'the system text' or 'turn 3'; ``was`` and ``now`` are what stands there, with a
    few characters before it.
    ``model`` is true when the cache is another one because the request went to another model.
    """

    byte: int
    part: str
    was: str
    now: str
    model: bool = False


def first_break(earlier: bytes, later: bytes) -> Break | None:
    """The first difference within what the earlier request held; None where the later one only goes on behind it.

    What is cached are the tools, the system text and the turns, in this order, whatever order the body has them in;
    marks for the cache are not part of it. None, too, where one of them is no JSON object.
    """
    one, other = _object(earlier), _object(later)
    if one is None or other is None:
        return None
    models = str(one.get("model", "")), str(other.get("model", ""))
    if models[0] != models[1]:
        return Break(byte=0, part="the model", was=models[0], now=models[1], model=True)
    at = 0
    for (part, was), (_, now) in zip_longest(_parts(one), _parts(other), fillvalue=("", "")):
        if not part:
            return None
        if was != now:
            same = _alike(was, now)
            at += len(was[:same].encode("utf-8", "surrogatepass"))
            return Break(byte=at, part=part, was=_shown(was, same), now=_shown(now, same))
        at += len(was.encode("utf-8", "surrogatepass"))
    return None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _ORDER:
        value = body.get(name)
        if value is None:
            continue
        if name == "tools":
            yield "the list of tools", _text(value)
        elif name in ("messages", "input") and isinstance(value, list):
            for n, turn in enumerate(value, start=1):
                role = turn.get("role") if isinstance(turn, dict) else None
                yield ("the system text" if role in ("system", "developer") else f"turn {n}"), _text(turn)
        else:
            yield "the system text", _text(value)


def _text(value: Any) -> str:
    return json.dumps(_unmarked(value), ensure_ascii=False, separators=(",", ":"))


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unmarked(each) for name, each in value.items() if name != _MARK}
    return [_unmarked(each) for each in value] if isinstance(value, list) else value


def _alike(one: str, other: str) -> int:
    """How many characters both begin with; by halves, since texts are long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _shown(text: str, at: int) -> str:
    return text[max(at - _BEFORE_CHARS, 0) : at + _SHOWN_CHARS]
