"""The two descriptors of the protocol, and what was read and answered on them before the server was loaded."""

# Loaded before everything else, so it imports next to nothing: no dataclasses, no typing.
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bursar.lsp.sighting import Sighting

_taken: list[Channels] = []


class Greeted:
    """A request that was answered, and with what; ``client`` is the process that it named, as it was then."""

    __slots__ = ("client", "id", "params", "result")

    def __init__(
        self,
        id_: int | str,
        result: dict[str, Any],
        *,
        params: dict[str, Any] | None = None,
        client: Sighting | None = None,
    ) -> None:
        self.id = id_
        self.params = params or {}
        self.result = result
        self.client = client


class Channels:
    """Descriptors of the protocol; none is inherited by children.

    ``begun`` is what was read of the client already, from its first byte on; ``greeted`` and the ids ``answered`` say
    what was answered of it, ``unwritten`` what the client has not taken yet of these answers.
    """

    __slots__ = ("answered", "begun", "greeted", "read", "unwritten", "write")

    def __init__(self, *, read: int, write: int) -> None:
        self.read = read
        self.write = write
        self.begun = b""
        self.greeted: Greeted | None = None
        self.answered: set[int | str] = set()
        self.unwritten = b""


def take_channels() -> Channels:
    """Move the protocol away from descriptors 0 and 1: what is printed by mistake goes to stderr, and reads nothing.

    The same ones the second time.
    """
    if not _taken:
        read, write = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0, inheritable=True)
        os.close(null)
        os.dup2(2, 1, inheritable=True)
        _taken.append(Channels(read=read, write=write))
    return _taken[0]
