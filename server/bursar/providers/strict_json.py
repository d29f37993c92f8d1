"""JSON as the sender meant it: duplicate keys and NaN are refused, where Python would accept them silently."""

from __future__ import annotations

import json
from typing import Any

from bursar.providers.canonical import whole_text


def tool_input(raw: str) -> dict[str, Any] | str:
    """The arguments of a tool call as an object, or the sentence that says why they are none.

    No arguments at all are an empty object: what is missing is for the tool's own check to say.
    """
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        return "the arguments are nested too deeply"
    except ValueError as error:
        return f"the arguments are not JSON: {error}"
    if not isinstance(value, dict):
        return f"the arguments are {_KINDS.get(type(value), 'a number')}, not a JSON object"
    clean: dict[str, Any] = _whole(value)
    return clean


def json_object(text: str) -> dict[str, Any] | None:
    """The object in this text; None where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_KINDS: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {whole_text(key): _whole(each) for key, each in value.items()}
    return value
