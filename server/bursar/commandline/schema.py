"""``bursar schema``: the JSON Schemas of everything that is read or written as JSON."""

from __future__ import annotations

import argparse
import json
from importlib import resources
from typing import Any

from bursar.commandline.output import FINE, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.wires import WIRES

_A_WIRE = "a wire format"


def schema(args: argparse.Namespace) -> int:
    """Print one schema, or the names of all."""
    if args.name is not None:
        result(json.dumps(load_schema(args.name), indent=2, ensure_ascii=False))
    elif args.json:
        result_json({"schemas": schema_names()})
    else:
        for name in schema_names():
            result(name)
    return FINE


def schema_names() -> list[str]:
    """The names of the schemas that this version ships, sorted."""
    files = resources.files("bursar").joinpath("schemas").iterdir()
    return sorted(each.name.removesuffix(".json") for each in files if each.name.endswith(".json"))


def load_schema(name: str) -> dict[str, Any]:
    """The schema of that name (draft 2020-12). Raises BadInput that lists the names there are."""
    names = schema_names()
    if name not in names:
        raise BadInput(f"there is no schema '{name}': choose one of {', '.join(names)}")
    text = resources.files("bursar").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    _name_wires(loaded)
    return loaded


def _name_wires(part: Any) -> None:
    """Where a schema says that a wire format stands, allow those of the table: it is the one place that lists them."""
    if isinstance(part, dict):
        if part.get("$comment") == _A_WIRE:
            part["enum"] = list(WIRES)
        for each in part.values():
            _name_wires(each)
    elif isinstance(part, list):
        for each in part:
            _name_wires(each)
