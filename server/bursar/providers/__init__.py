"""The way to model providers: one adapter for each wire format. HTTP stays in this room."""

from __future__ import annotations

from collections.abc import Callable

from bursar.domain.errors import BadInput
from bursar.domain.ports import Clock, Failpoint, Ids, ModelProvider, nowhere
from bursar.domain.wires import WIRES
from bursar.providers.adapters import wire_named
from bursar.providers.addresses import checked_address
from bursar.providers.attempt import Deadlines, OpenTransport
from bursar.providers.transport import HttpProvider

__all__ = ["Deadlines", "OpenTransport", "make_provider"]

_USUAL = Deadlines()


def make_provider(
    *,
    name: str,
    wire: str,
    base_url: str,
    key: Callable[[], str | None],
    key_name: str | None,
    clock: Clock,
    ids: Ids,
    deadlines: Deadlines = _USUAL,
    lenient_end: bool = False,
    failpoint: Failpoint = nowhere,
    transport: OpenTransport | None = None,
) -> ModelProvider:
    """A provider at one address; its key is asked for at each request and goes to no other host.

    ``key_name`` is the environment variable that is named when the key is missing; without one, an address on this
    machine needs no key. ``lenient_end`` takes a finish reason for the end where a server never sends its end mark.
    ``ids`` names the answers that name themselves nowhere. ``transport`` stands in for the network, with one opened for
    each request.
    Raises BadInput for an unknown wire, and for an address that a key must not go to.
    """
    address = checked_address(base_url, name=name)
    if wire not in WIRES:
        raise BadInput(
            f"the provider {name} has the wire '{wire}', which is not known: use {', '.join(WIRES[:-1])} or {WIRES[-1]}"
        )
    return HttpProvider(
        name=name,
        wire=wire_named(wire, base_url=address.base_url),
        address=address,
        key=key,
        key_name=key_name,
        clock=clock,
        ids=ids,
        deadlines=deadlines,
        lenient_end=lenient_end,
        failpoint=failpoint,
        transport=transport,
    )
