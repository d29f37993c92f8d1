"""Loads the protocol's types without building each of them: half of the start-up is spent on classes never used.

``lsprotocol.types`` decorates some 550 classes while a session needs fewer than a hundred. During that one import the
decorator is a stand-in that leaves the class as written; the first construction, or the first look at its fields, runs
the real decorator on it, in place. Identities, tables and unions stay what they are; only ``__slots__`` are missing.
"""

from __future__ import annotations

import sys
import threading
import types
import typing
from typing import Any

TYPES = "lsprotocol.types"
OVERLOADS = "pygls.lsp._capabilities"


def load_lazily() -> bool:
    """Import the types this way; False when they were imported before, and are complete."""
    if TYPES in sys.modules:
        return False
    import attrs

    _spare_overloads()
    define, field, lock = attrs.define, attrs.field, threading.RLock()

    def make_fields(cls: type) -> None:
        for name, value in list(cls.__dict__.items()):
            if isinstance(value, _Later):
                setattr(cls, name, field(**value.asked))

    def finish(cls: type) -> None:
        with lock:
            if isinstance(cls.__dict__["__attrs_attrs__"], _Fields):
                names = sys.modules[TYPES].ALL_TYPES_MAP
                make_fields(cls)
                # Before the real decorator, or two threads could see a half-finished class.
                cls.__annotations__ = typing.get_type_hints(cls, names, {}, include_extras=True)
                define(cls, slots=False, init=True)

    class _Fields:
        def __get__(self, instance: object, owner: type) -> Any:
            finish(owner)
            return owner.__attrs_attrs__  # type: ignore[attr-defined]

    def lazy(cls: type) -> type:
        if "__init__" in cls.__dict__ or cls.__mro__[1:] != (object,):
            make_fields(cls)
            return define(cls)

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            finish(cls)
            type.__getattribute__(cls, "__init__")(self, *args, **kwargs)

        for name, value in {"__init__": __init__, "__attrs_attrs__": _Fields()}.items():
            setattr(cls, name, value)
        return cls

    attrs.define, attrs.field = lazy, _Later  # type: ignore[assignment]
    try:
        import lsprotocol.types  # noqa: F401
    finally:
        attrs.define, attrs.field = define, field
    from lsprotocol import _hooks

    # The hints are resolved class by class, above.
    _hooks._resolved_forward_references = True
    return True


class _Later:
    """A field as it was asked for: there are thousands, and most are never made."""

    __slots__ = ("asked",)

    def __init__(self, **asked: Any) -> None:
        self.asked = asked


def _spare_overloads() -> None:
    """pygls looks a capability up in a module of 120 KB of overloads for type checkers: ours does the same in lines."""
    from bursar.lsp.capabilities import capability

    stand_in = types.ModuleType(OVERLOADS)
    stand_in.get_capability = capability  # type: ignore[attr-defined]
    sys.modules.setdefault(OVERLOADS, stand_in)
