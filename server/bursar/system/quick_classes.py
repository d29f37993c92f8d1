"""Dataclasses whose methods are compiled when they are first called: half of a start went into methods never called.

``dataclasses`` writes the source of six methods for each frozen class and compiles it at once; a start imports some 250
classes and uses a few dozen. Between ``begin`` and ``end`` the function that compiles is a stand-in: what it returns
makes the real method at the first call, puts it into its class and calls it. Fields, slots and identities are those of
the plain decorator; only ``inspect.signature`` shows ``(*args, **kwargs)`` before the first call.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable
from typing import Any

_COMPILES = "_create_fn"
_plain: list[Callable[..., Any]] = []


def begin() -> None:
    """Until ``end``: methods are compiled late, and nothing is looked through for garbage, since imports make none.

    A Python whose ``dataclasses`` has no such function (3.13 compiles once for a class) does as it always does.
    """
    gc.disable()
    compiles = getattr(dataclasses, _COMPILES, None)
    if compiles is None or _plain:
        return
    _plain.append(compiles)

    def later(name: str, args: list[str], body: list[str], **more: Any) -> Callable[..., Any]:
        # Copies: the caller may go on with its lists.
        return _stand_in(name, lambda: compiles(name, list(args), list(body), **more))

    setattr(dataclasses, _COMPILES, later)


def end() -> None:
    """Classes that are defined from now on are whole at once; what was loaded is never looked through again."""
    if _plain:
        setattr(dataclasses, _COMPILES, _plain.pop())
    gc.enable()
    gc.freeze()


def _stand_in(name: str, make: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    made: list[Callable[..., Any]] = []

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not made:
            real = make()
            real.__qualname__ = method.__qualname__
            made.append(real)
        # With slots the class is not the one that was decorated but its copy; two threads put in the same.
        for each in type(self).__mro__:
            if each.__dict__.get(name) is method:
                setattr(each, name, made[0])
        return made[0](self, *args, **kwargs)

    method.__name__ = name
    return method
