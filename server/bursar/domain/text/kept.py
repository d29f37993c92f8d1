"""Keeping what was made of texts, by how long the texts are: many versions of a long text would fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

MOST_CHARS = 1_000_000
"""Of so many characters together what was made is kept; of the newest text always, however long it is."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Making = Callable[Concatenate[str, _P], _R]


def kept_for_newest(most_chars: int = MOST_CHARS) -> Callable[[_Making[_P, _R]], _Making[_P, _R]]:
    """Decorates a pure function of a text, and of more that is hashable and given by place.

    Safe between threads without a lock: each look at the dictionary is one step, and what another thread takes away in
    between is made again.
    """

    def keeping(make: _Making[_P, _R]) -> _Making[_P, _R]:
        kept: dict[tuple[Hashable, ...], tuple[int, _R]] = {}

        @wraps(make)
        def made(text: str, /, *more: _P.args, **named: _P.kwargs) -> _R:
            key = (text, *more, *named.items())
            found = kept.pop(key, None)
            if found is None:
                found = len(text), make(text, *more, **named)
                kept[key] = found
                _drop_oldest(kept, most_chars)
            else:
                kept[key] = found
            return found[1]

        return made

    return keeping


def _drop_oldest(kept: dict[tuple[Hashable, ...], tuple[int, _R]], most_chars: int) -> None:
    chars = 0
    for at, (key, (length, _)) in enumerate(reversed(tuple(kept.items()))):
        chars += length
        if at and chars > most_chars:
            kept.pop(key, None)
