"""Provider keys from the client over a pipe, never in a message of the protocol."""

from __future__ import annotations

import asyncio
import json
import os
import select

from bursar.domain.errors import BadInput
from bursar.lsp.desk import Desk
from bursar.session.ports import Adapters

_LARGEST_BYTES = 64 * 1024
_LONGEST_S = 5.0


async def take_keys(desk: Desk, adapters: Adapters, descriptor: int | None) -> None:
    """Read ``{name: key}`` from a descriptor to its end, close it, and let the commands that wait for it go on."""
    try:
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
            adapters.keys = await asyncio.to_thread(_read, descriptor, adapters)
    except (BadInput, OSError, OverflowError) as error:
        desk.editor.say("error", f"The keys that the editor holds could not be read ({error}): reload the window.")
    finally:
        desk.keys_taken.set()


def _read(descriptor: int, adapters: Adapters) -> dict[str, str]:
    data = bytearray()
    end_s = adapters.clock.monotonic_s() + _LONGEST_S
    try:
        while True:
            left_s = end_s - adapters.clock.monotonic_s()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                raise BadInput(f"the pipe did not end within {_LONGEST_S:.0f} s")
            piece = os.read(descriptor, _LARGEST_BYTES)
            if not piece:
                break
            data += piece
            if len(data) > _LARGEST_BYTES:
                raise BadInput(f"more than {_LARGEST_BYTES} bytes")
    finally:
        os.close(descriptor)
    try:
        keys = json.loads(data or b"{}")
    except ValueError:
        raise BadInput("not JSON") from None
    if not isinstance(keys, dict) or not all(isinstance(each, str) for each in keys.values()):
        raise BadInput("not an object of names and keys")
    return keys
