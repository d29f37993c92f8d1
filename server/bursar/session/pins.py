"""What the user has pinned in a workspace: kept in the store, looked up in the files as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bursar.domain.context.pins import Pin, PinNow, item_name, pin_of, pin_words, place_in
from bursar.domain.errors import BadInput
from bursar.domain.ports import EditorBuffers, ToolRefused
from bursar.session.ports import Adapters


def pins_now(adapters: Adapters, workspace: str, buffers: EditorBuffers) -> list[PinNow]:
    """What each pin of a workspace stands for now. Reads files, so beside the loop. Raises StorageError."""
    # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
    from bursar.runs.gather import pinned

    pins = adapters.journal().pins(workspace)
    return pinned(adapters.files(Path(workspace), buffers), buffers, pins) if pins else []


async def pin_lines(
    adapters: Adapters, workspace: str, path: str, lines: tuple[int, int] | None, buffers: EditorBuffers
) -> Pin:
    """Pin a file, or lines of it. Raises BadInput with the reason where it cannot be, and StorageError."""
    from bursar.runs.gather import text_of

    files = adapters.files(Path(workspace), buffers)
    text = text_of(files, buffers, path)
    if text is None:
        data = files.read_bytes(path)
        raise BadInput(data.message if isinstance(data, ToolRefused) else f"{path} is no text: it cannot be pinned")
    pin = pin_of(path, text, lines)
    await adapters.journal().put_pin(workspace, pin)
    return pin


async def unpin_lines(adapters: Adapters, workspace: str, name: str, buffers: EditorBuffers) -> Pin:
    """Forget a pin, by its own name or by where its lines stand now. Raises BadInput for none, and StorageError."""
    item = item_name(*place_in(name))
    for each in pins_now(adapters, workspace, buffers):
        if item in (each.pin.item, each.item):
            await adapters.journal().remove_pin(workspace, each.pin)
            return each.pin
    raise BadInput(f"{item.removeprefix('pinned:')} is not pinned in this workspace: 'bursar context' lists what is")


def pins_json(pins: Sequence[PinNow]) -> list[dict[str, Any]]:
    """The pins as programs and clients read them; ``message`` is ready to show."""
    return [
        {
            "item": each.pin.item,
            "path": each.pin.path,
            "lines": None if each.lines is None else list(each.lines),
            "state": each.state,
            "message": pin_words(each),
        }
        for each in pins
    ]
