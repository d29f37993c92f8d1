"""The two descriptors of the protocol, and what was read and answered on them before the server was loaded."""

# Loaded before everything else, so it imports next to nothing: no dataclasses, no typing.
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bursar.lsp.greeting import Greeted

_taken: list[Channels] = []


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
