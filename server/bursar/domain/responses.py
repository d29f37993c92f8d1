"""Bursar's own response cache: whole answers to requests without tools, found again by the exact bytes that were sent.

It has nothing to do with a provider's prompt cache, which makes the beginning of a prompt cheaper.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

DAY_S = 86_400
DEFAULT_TTL_S = 30 * DAY_S
"""As long as the texts of a run are kept at all."""
DEFAULT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLimits:
    """For how long an answer is used again, and how many bytes of answers are kept; 0 of either keeps none."""

    ttl_s: int = DEFAULT_TTL_S
    max_bytes: int = DEFAULT_BYTES

    @property
    def on(self) -> bool:
        """Whether answers are used again at all."""
        return self.ttl_s > 0 and self.max_bytes > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResponse:
    """An answer to keep; ``run`` is the operation that paid for it."""

    key: str
    workspace: str
    run: str
    text: str
    stop_reason: str
    max_bytes: int

    @property
    def size_bytes(self) -> int:
        """What counts against the bound."""
        return len(self.key) + len(self.text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundResponse:
    """An answer that was kept. ``kept_at`` is when it came, RFC 3339 UTC."""

    key: str
    run: str
    text: str
    stop_reason: str
    kept_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """How often an answer was used again, and what asking anew would have cost by what it cost the first time.

    ``saved_pico`` leaves out those whose price is not known, or whose texts were erased since.
    """

    answers: int = 0
    saved_pico: int = 0


def response_key(*, provider: str, wire: str, address: str, model: str, body: bytes) -> str:
    """The same only for the same bytes to the same model at the same place."""
    place = json.dumps([provider, wire, address, model]).encode()
    return hashlib.sha256(place + b"\0" + body).hexdigest()
