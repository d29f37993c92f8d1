"""From the name of a wire format to its adapter, which is loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import cast

from bursar.domain.errors import BadInput
from bursar.domain.wires import WIRES
from bursar.providers.wire import Wire


def wire_named(name: str, *, base_url: str = "") -> Wire:
    """The adapter of a row of the table, for the server at ``base_url``. Raises BadInput for a name without a row."""
    if name not in WIRES:
        raise BadInput(f"the wire '{name}' is not known: use {', '.join(WIRES[:-1])} or {WIRES[-1]}")
    module = importlib.import_module(f"bursar.providers.{name.replace('-', '_')}")
    return cast(Wire, module.open_wire(base_url=base_url))
