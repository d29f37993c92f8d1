"""Chance for waits, from the operating system: two processes never wait in step."""

from __future__ import annotations

import secrets

_BITS = 53


class SystemJitter:
    """Even shares; nothing depends on them but how long somebody waits."""

    def share(self) -> float:
        """A number from 0 up to, but not, 1."""
        return secrets.randbits(_BITS) / (1 << _BITS)
