"""Fresh identifiers that sort by the time of their making."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class SystemIds:
    """Ids of the form ``prefix-`` + nine characters of milliseconds + six random ones, in Crockford's base 32."""

    def new(self, prefix: str) -> str:
        """A fresh id; two of the same millisecond differ with near certainty (30 random bits)."""
        return f"{prefix}-{_base32(time.time_ns() // 1_000_000, 9)}{_base32(secrets.randbits(30), 6)}"


def _base32(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
