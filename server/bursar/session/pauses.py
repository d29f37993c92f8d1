"""How long a document that was changed is left alone before it is looked at."""

from __future__ import annotations

from bursar.domain.ports import Clock

AT_ONCE_S = 0.005
"""Enough to see whether more changes have arrived together with this one."""
TYPING_S = 0.15
REST_S = 0.5
_LOOKS = 3


class Pauses:
    """The first change after a rest is looked at at once, what follows it when the user pauses.

    A rest is half a second, and longer where a look takes long: it is three times that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed_s: dict[str, float] = {}
        self._took_s: dict[str, float] = {}
        self._rested: set[str] = set()

    def changed(self, uri: str) -> None:
        """The document, or what is shown on it, has changed."""
        now_s = self._clock.monotonic_s()
        before_s = self._changed_s.get(uri)
        self._changed_s[uri] = now_s
        if before_s is None or now_s - before_s >= max(REST_S, _LOOKS * self._took_s.get(uri, 0.0)):
            self._rested.add(uri)
        else:
            self._rested.discard(uri)

    def wait_s(self, uri: str) -> float:
        """How long to wait from now on; a change that comes until then begins it anew."""
        return AT_ONCE_S if uri in self._rested else TYPING_S

    def took(self, uri: str, seconds: float) -> None:
        """The last look at the document took so long."""
        self._took_s[uri] = seconds

    def forget(self, uri: str) -> None:
        """The document is no longer looked at."""
        self._changed_s.pop(uri, None)
        self._took_s.pop(uri, None)
        self._rested.discard(uri)
