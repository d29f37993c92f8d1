"""From the client's JSON to the protocol's types: a number where a text belongs is refused, not made one."""

from __future__ import annotations

from typing import Any

import cattrs
from lsprotocol import converters


def make_converter() -> cattrs.Converter:
    """Without detailed validation, which only makes the first message of each kind slower: one reason is enough."""
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(bool, lambda value, _: bool(value))
    return converters.get_converter(converter)


def _text(value: Any, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in the place of a text")
    return value


def _whole(value: Any, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError(f"{type(value).__name__} in the place of a whole number")
    return int(value)
