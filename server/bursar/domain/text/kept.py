"""Keeping what was made of texts, by how long the texts are: many versions of a long text would fill the memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import wraps
from hashlib import blake2b
from typing import Concatenate, ParamSpec, TypeVar

MOST_CHARS = 1_000_000
"""Of so many characters together what was made is kept; of the newest text always, however long it is."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Making = Callable[Concatenate[str, _P], _R]


def kept_for_newest(
    most_chars: int = MOST_CHARS, *, by_digest: bool = False
) -> Callable[[_Making[_P, _R]], _Making[_P, _R]]:
    """Decorates a pure function of a text and more that is hashable; ``by_digest`` keeps nothing of the text itself.

    Safe between threads without a lock: each look at the dictionary is one step, and what another thread takes away in
    between is made again.
    """

    def keeping(make: _Making[_P, _R]) -> _Making[_P, _R]:
        kept: OrderedDict[tuple[Hashable, ...], tuple[int, _R]] = OrderedDict()
        chars = 0

        @wraps(make)
        def made(text: str, /, *more: _P.args, **named: _P.kwargs) -> _R:
            nonlocal chars
            key = (_digest(text) if by_digest else text, *more, *named.items())
            found = kept.pop(key, None)
            if found is None:
                found = len(text), make(text, *more, **named)
                # Two threads may have made the same.
                chars += 0 if key in kept else len(text)
            kept[key] = found
            while chars > most_chars and len(kept) > 1:
                with suppress(KeyError):
                    chars -= kept.popitem(last=False)[1][0]
            chars = max(chars, 0) if len(kept) > 1 else found[0]
            return found[1]

        return made

    return keeping


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
